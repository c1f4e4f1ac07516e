//! How much is worked on before what came of it is sent: all of a batch, unless functions make many records of one.
//! Then less, so that not too many records wait in memory for room in a channel; and a source is asked for so few that
//! those made of them are used up while they are in the processor's cache.
//!
//! Where barriers overtake a portion is also one that takes little time: a barrier waits for it. But not where a small
//! portion takes as long as a large one, as in a sink that waits for an answer after each: there many rows at a time are
//! worth more.
//!
//! A store of keyed state is asked for many keys at a time with far less for each: where it is asked for many, the rows
//! that are ready are worked on together.

use flott_core::Batch;
use std::time::Duration;

/// About so many records may wait to be sent.
const WAITING_MAX: usize = 1 << 16;
/// About so many records are made of those that a source is asked for.
const MADE: usize = 512;
/// From so many records made of one on.
const MANY: usize = 2;

/// About so long a portion may take where barriers overtake.
const SLICE: Duration = Duration::from_millis(1);
/// Rows of the first portion there, as long as nobody knows what they take.
const FIRST: usize = 64;
/// A row that takes so many times as long as it could shows that the portion is too small.
const DEARER: f64 = 1.2;
/// A larger portion is worth it if a row takes at most so many times as long.
const CHEAPER: f64 = 0.9;
/// A portion has at most so many times as many rows as the one before.
const GROWTH: usize = 8;

/// If of one row in so many at least something had to be looked up, the next ones are gathered.
const LOOKED_UP_RARELY: u64 = 16;

/// Whether rows are best worked on many at a time, after `looked_up` entries were looked up in a store for `rows` rows.
pub(super) fn is_better_gathered(rows: usize, looked_up: u64) -> bool {
    looked_up.saturating_mul(LOOKED_UP_RARELY) > rows as u64
}

/// What came of the batch before.
#[derive(Default)]
pub(super) struct Portion {
    rows: usize,
    made: usize,
    /// Rows of all batches so far.
    begun: u64,
    /// How many rows may be worked on in a slice of time, if that matters.
    slice_rows: Option<usize>,
    /// What a row takes in ns if the portion is not too small.
    row_ns_min: f64,
    /// Rows of the last portion, and what each took in ns.
    last: (usize, f64),
}

impl Portion {
    /// Portions that take little time each.
    pub(super) fn short() -> Self {
        Portion { slice_rows: Some(FIRST), ..Portion::default() }
    }

    /// Of `rows` rows the chain has made so many.
    pub(super) fn learn(&mut self, rows: usize, made: u64) {
        self.rows = rows;
        self.made = usize::try_from(made).unwrap_or(usize::MAX);
        self.begun += rows as u64;
    }

    /// Rows that have been worked on so far.
    pub(super) fn rows_begun(&self) -> u64 {
        self.begun
    }

    /// Those since `begun` have taken so long, the time in sinks included.
    pub(super) fn took(&mut self, begun: u64, time: Duration) {
        let rows = usize::try_from(self.begun - begun).unwrap_or(usize::MAX);
        if let Some(slice_rows) = self.slice_rows.as_mut().filter(|_| rows > 0) {
            let row_ns = time.as_nanos() as f64 / rows as f64;
            // One at least as large that is no cheaper shows that its size is not to blame.
            let (last_rows, last_row_ns) = std::mem::replace(&mut self.last, (rows, row_ns));
            let is_blameless = rows >= last_rows && row_ns > last_row_ns * CHEAPER;
            self.row_ns_min = if is_blameless { row_ns } else { self.row_ns_min.min(row_ns) };
            let is_dear = row_ns > self.row_ns_min * DEARER;
            let most = rows.max(*slice_rows).saturating_mul(GROWTH);
            let fitting = (rows as u128 * SLICE.as_nanos()).checked_div(time.as_nanos()).unwrap_or(u128::MAX);
            let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
            let larger = rows.max(*slice_rows).saturating_mul(2);
            *slice_rows = if time > SLICE && is_dear { larger } else { fitting.clamp(1, most) };
        }
    }

    /// Cuts `batch` down to a portion of at most `rows_max` rows; the rest is for later.
    pub(super) fn cut(&self, batch: &mut Batch, rows_max: usize) -> Option<Batch> {
        let rows = self.rows_for(WAITING_MAX).min(self.slice_rows.unwrap_or(usize::MAX)).min(rows_max);
        (batch.len() > rows).then(|| batch.split_off(rows))
    }

    /// How many rows a source is best asked for.
    pub(super) fn to_read(&self) -> usize {
        let made = if self.made > self.rows.saturating_mul(MANY) { self.rows_for(MADE) } else { usize::MAX };
        made.min(self.slice_rows.unwrap_or(usize::MAX))
    }

    /// Of how many rows about `made` come.
    fn rows_for(&self, made: usize) -> usize {
        made.saturating_mul(self.rows).checked_div(self.made).map_or(usize::MAX, |rows| rows.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn portion(rows: usize, made: u64) -> Portion {
        let mut portion = Portion::default();
        portion.learn(rows, made);
        portion
    }

    #[test]
    fn portions_are_such_that_little_waits() {
        let cut = |rows, made| {
            let mut batch = Batch::of(vec![0u8; 4096]);
            let rest = portion(rows, made).cut(&mut batch, usize::MAX).map_or(0, |rest| rest.len());
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

    /// Works through so many rows, which take what `time` says of the portion, and returns the number of the last portions.
    fn work(rows: usize, time: impl Fn(usize) -> Duration) -> Vec<usize> {
        let (mut portion, mut left, mut portions) = (Portion::short(), rows, Vec::new());
        while left > 0 {
            let mut batch = Batch::of(vec![0u8; left.min(4096)]);
            let _rest = portion.cut(&mut batch, usize::MAX);
            let (rows, begun) = (batch.len(), portion.rows_begun());
            portion.learn(rows, 0);
            portion.took(begun, time(rows));
            left -= rows;
            portions.push(rows);
        }
        portions
    }

    #[test]
    fn where_barriers_overtake_a_portion_takes_little_time() {
        let slow = work(2000, |rows| Duration::from_millis(1) * rows as u32);
        assert!(slow[1..].iter().all(|rows| *rows <= 2), "{slow:?}");
        let fast = work(1_000_000, |rows| Duration::from_nanos(50) * rows as u32);
        assert!(fast.len() < 260, "{} portions", fast.len());
    }

    #[test]
    fn rows_that_take_longer_from_some_row_on_make_portions_small() {
        let done = Cell::new(0);
        let portions = work(100_000, |rows| {
            done.set(done.get() + rows);
            if done.get() < 95_000 {
                Duration::from_nanos(5) * rows as u32
            } else {
                Duration::from_millis(1) * rows as u32
            }
        });
        assert!(portions[portions.len() - 500..].iter().all(|rows| *rows <= 2), "{portions:?}");
    }

    #[test]
    fn where_a_portion_takes_as_long_as_any_other_it_is_large() {
        let answered = work(1_000_000, |_| Duration::from_millis(5));
        assert!(answered.len() < 1000, "{} portions", answered.len());
        let late = &answered[answered.len() / 2..];
        assert!(late.iter().sum::<usize>() / late.len() > 1500, "{late:?}");
    }

    #[test]
    fn a_source_is_asked_for_few_rows_where_many_come_of_each() {
        assert_eq!(portion(1000, 2000).to_read(), usize::MAX);
        assert_eq!(portion(1000, 10_000).to_read(), 51);
        assert_eq!(portion(1, 1_000_000).to_read(), 1);
    }
}
