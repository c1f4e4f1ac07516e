//! How much is worked on before what came of it is sent: all of a batch, unless functions make many records of one.
//! Then less, so that not too many records wait in memory for room in a channel; and a source is asked for so few that
//! those made of them are used up while they are in the processor's cache.

use flott_core::Batch;

/// About so many records may wait to be sent.
const WAITING_MAX: usize = 1 << 16;
/// About so many records are made of those that a source is asked for.
const MADE: usize = 512;
/// From so many records made of one on.
const MANY: usize = 2;

/// What came of the batch before.
#[derive(Default)]
pub(super) struct Portion {
    rows: usize,
    made: usize,
}

impl Portion {
    /// Of `rows` rows the chain has made so many.
    pub(super) fn learn(&mut self, rows: usize, made: u64) {
        *self = Portion { rows, made: usize::try_from(made).unwrap_or(usize::MAX) };
    }

    /// Cuts `batch` down to a portion; the rest is for later.
    pub(super) fn cut(&self, batch: &mut Batch) -> Option<Batch> {
        let rows = self.rows_for(WAITING_MAX);
        (batch.len() > rows).then(|| batch.split_off(rows))
    }

    /// How many rows a source is best asked for.
    pub(super) fn to_read(&self) -> usize {
        if self.made > self.rows.saturating_mul(MANY) { self.rows_for(MADE) } else { usize::MAX }
    }

    /// Of how many rows about `made` come.
    fn rows_for(&self, made: usize) -> usize {
        made.saturating_mul(self.rows).checked_div(self.made).map_or(usize::MAX, |rows| rows.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portion(rows: usize, made: u64) -> Portion {
        let mut portion = Portion::default();
        portion.learn(rows, made);
        portion
    }

    #[test]
    fn portions_are_such_that_little_waits() {
        let cut = |rows, made| {
            let mut batch = Batch::of(vec![0u8; 4096]);
            let rest = portion(rows, made).cut(&mut batch).map_or(0, |rest| rest.len());
            assert_eq!(batch.len() + rest, 4096);
            batch.len()
        };
        assert_eq!(cut(4096, 4096), 4096);
        assert_eq!(cut(4096, 0), 4096);
        assert_eq!(cut(10, 1000), 655);
        assert_eq!(cut(1, 20_000), 3, "a small batch tells what to expect of a large one");
        assert_eq!(cut(1, u64::MAX), 1, "a row is not cut");
        assert_eq!(Portion::default().to_read(), usize::MAX);
    }

    #[test]
    fn a_source_is_asked_for_few_rows_where_many_come_of_each() {
        assert_eq!(portion(1000, 2000).to_read(), usize::MAX);
        assert_eq!(portion(1000, 10_000).to_read(), 51);
        assert_eq!(portion(1, 1_000_000).to_read(), 1);
    }
}
