//! How much of a batch is worked on before what came of it is sent: all of it, unless functions make many records of
//! one. Then less, so that not too many records wait in memory for room in a channel.

use flott_core::Batch;

/// So many records may wait to be sent.
const WAITING_MAX: usize = 1 << 16;

/// Rows that are worked on at a time.
pub(super) struct Portion {
    rows: usize,
}

impl Portion {
    /// Everything at once, until that turns out to be too much.
    pub(super) fn new() -> Self {
        Portion { rows: usize::MAX }
    }

    /// Cuts `batch` down to a portion; the rest is for later.
    pub(super) fn cut(&self, batch: &mut Batch) -> Option<Batch> {
        (batch.len() > self.rows).then(|| batch.split_off(self.rows))
    }

    /// Of `rows` rows came so many that wait to be sent.
    pub(super) fn learn(&mut self, rows: usize, waiting: usize) {
        self.rows = match waiting {
            0 => self.rows.saturating_mul(2),
            _ => (rows.saturating_mul(WAITING_MAX) / waiting).max(1),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Works on batches of which each row makes `fan_out` rows, and returns the most that ever waited after the first
    /// portion.
    fn most_waiting(fan_out: usize) -> usize {
        let mut portion = Portion::new();
        let mut seen = Vec::new();
        for _ in 0..20 {
            let mut batch = Batch::of(vec![0u8; 1000]);
            loop {
                let (rest, waiting) = (portion.cut(&mut batch), batch.len() * fan_out);
                seen.push(waiting);
                portion.learn(batch.len(), waiting);
                match rest {
                    Some(rest) => batch = rest,
                    None => break,
                }
            }
        }
        seen[1..].iter().copied().max().unwrap_or(0)
    }

    #[test]
    fn portions_are_such_that_little_waits() {
        assert_eq!(most_waiting(1), 1000, "whole batches");
        assert_eq!(most_waiting(1000), 65_000);
        assert_eq!(most_waiting(1_000_000), 1_000_000, "a row is not cut");
    }

    #[test]
    fn a_small_batch_tells_what_to_expect_of_a_large_one() {
        let mut portion = Portion::new();
        portion.learn(1, 20_000);
        let mut batch = Batch::of(vec![0u8; 4096]);
        assert_eq!(portion.cut(&mut batch).map(|rest| rest.len()), Some(4093));
    }
}
