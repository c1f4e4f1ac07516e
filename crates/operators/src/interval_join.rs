//! The interval join: pairs of two keyed streams whose times lie within bounds of each other. Event time only.
//!
//! A pair is joined when its second record comes: `right.time` in `[left.time + lower, left.time + upper]`. Each
//! side keeps its records until no partner can come any more. A record is late when its time is `<` the watermark
//! (not `<=`), as in Flink (`IntervalJoinOperator`). What is kept looks different on the heap (`whole.rs`) and on a store
//! (`parts.rs`), and each reads what the other has written.

mod parts;
mod whole;

use crate::co_process::no_such_input;
use crate::keys::{FoundKeys, Keys, Selector, Slots, keyed_rows, keyed_state};
use flott_api::context::keyed_of;
use flott_api::function::position::Position;
use flott_api::function::{
    Collector, JoinContext, OpenContext, OutputTag, ProcessContext, ProcessJoinFunction, SideOutputs,
};
use flott_api::operator::Progress;
use flott_api::{KeyedRows, Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Error, EventTime, Key, KeyGroupRange, MaxParallelism, Result, Watermark};
use flott_state::{AnyKeyedState, KeySlot, KeyedState};
use parts::Parts;
use std::ops::RangeInclusive;
use whole::Whole;

/// Keys or times cleaned in one go, before the runtime may look after other things.
const SLICE: usize = 2048;

/// Joins two keyed streams within an interval.
pub struct IntervalJoin<K, F: ProcessJoinFunction> {
    selector1: Selector<F::Left, K>,
    selector2: Selector<F::Right, K>,
    bounds: Bounds,
    late_left: Option<OutputTag<F::Left>>,
    late_right: Option<OutputTag<F::Right>>,
    function: F,
}

impl<K: Key, F: ProcessJoinFunction> IntervalJoin<K, F> {
    /// Joins left and right records with the same key whose times fit: the right one's is that of the left one plus
    /// `lower_ms` to `upper_ms`, both included. Bounds may be negative.
    ///
    /// # Errors
    /// `Invalid` when the lower bound is above the upper one.
    pub fn new(
        selector1: Selector<F::Left, K>,
        selector2: Selector<F::Right, K>,
        lower_ms: i64,
        upper_ms: i64,
        function: F,
    ) -> Result<Self> {
        if lower_ms > upper_ms {
            return Err(Error::invalid(format!(
                "the lower bound of an interval join, {lower_ms} ms, is above its upper bound, {upper_ms} ms; swap them"
            )));
        }
        let bounds = Bounds { lower: lower_ms, upper: upper_ms };
        Ok(IntervalJoin { selector1, selector2, bounds, late_left: None, late_right: None, function })
    }

    /// Leaves the lower bound itself out.
    #[must_use]
    pub fn lower_bound_exclusive(mut self) -> Self {
        self.bounds.lower = self.bounds.lower.saturating_add(1);
        self
    }

    /// Leaves the upper bound itself out.
    #[must_use]
    pub fn upper_bound_exclusive(mut self) -> Self {
        self.bounds.upper = self.bounds.upper.saturating_sub(1);
        self
    }

    /// Sends late records of the left input to a side output. Otherwise they are counted (`numLateRecordsDropped`).
    #[must_use]
    pub fn side_output_left_late_data(mut self, tag: &OutputTag<F::Left>) -> Self {
        self.late_left = Some(tag.clone());
        self
    }

    /// Sends late records of the right input to a side output. Otherwise they are counted (`numLateRecordsDropped`).
    #[must_use]
    pub fn side_output_right_late_data(mut self, tag: &OutputTag<F::Right>) -> Self {
        self.late_right = Some(tag.clone());
        self
    }
}

/// `right.time - left.time` is from `lower` to `upper`, both included.
#[derive(Clone, Copy)]
struct Bounds {
    lower: i64,
    upper: i64,
}

impl Bounds {
    /// The same from the other side.
    fn flipped(self) -> Bounds {
        Bounds { lower: self.upper.saturating_neg(), upper: self.lower.saturating_neg() }
    }

    /// The times of partners of a record of `time`, if there can be any.
    fn partners(self, time: i64) -> Option<RangeInclusive<i64>> {
        let (from, to) = (time.saturating_add(self.lower), time.saturating_add(self.upper));
        (from <= to).then_some(from..=to)
    }

    /// The last time at which a partner may come for a record of `time` on the side that the bounds start from.
    fn cleanup(self, time: i64) -> i64 {
        time.saturating_add(self.upper.max(0))
    }
}

impl<K: Key, F: ProcessJoinFunction> OperatorFactory for IntervalJoin<K, F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(IntervalJoinOperator {
            keys1: Keys::new(self.selector1.clone()),
            keys2: Keys::new(self.selector2.clone()),
            late_left: self.late_left.clone(),
            late_right: self.late_right.clone(),
            bounds: self.bounds,
            kept: None,
            joiner: Joiner {
                function: self.function.clone(),
                position: Position::default(),
                collector: Collector::new(),
                side: SideOutputs::new(),
            },
        }))
    }

    fn keyed_state(&self, max: MaxParallelism, range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
        keyed_state::<K>(max, range)
    }

    fn keyed_rows(&self, input: usize) -> Option<Box<dyn KeyedRows>> {
        if input == 0 { keyed_rows(&self.selector1) } else { keyed_rows(&self.selector2) }
    }
}

struct IntervalJoinOperator<K, F: ProcessJoinFunction> {
    keys1: Keys<F::Left, K>,
    keys2: Keys<F::Right, K>,
    late_left: Option<OutputTag<F::Left>>,
    late_right: Option<OutputTag<F::Right>>,
    bounds: Bounds,
    kept: Option<Kept<K, F::Left, F::Right>>,
    joiner: Joiner<F>,
}

/// The records that may find a partner yet.
enum Kept<K, L, R> {
    /// On the heap: both sides of a key in one value.
    Whole(Whole<K, L, R>),
    /// On a store: an entry for each key and time of a side, so that a record that comes does not write the others again.
    Parts(Parts<K, L, R>),
}

/// One side, as records of it meet the other.
trait Meeting<K, T, O> {
    /// Before a batch, whose times are these.
    fn load(&mut self, keyed: &mut KeyedState<K>, keys: FoundKeys<'_, K>, times: &[EventTime]) -> Result<()>;

    /// Before the `n`-th record of the batch.
    fn approach(&self, keyed: &KeyedState<K>, keys: FoundKeys<'_, K>, n: usize);

    /// Shows a record of `key` at `time` to `join`, with the others that it fits, earliest first, and keeps it.
    fn meet(
        &mut self,
        keyed: &mut KeyedState<K>,
        key: (KeySlot, &K),
        record: (i64, T),
        join: impl FnMut(&T, i64, &[O]) -> Result<()>,
    ) -> Result<()>;

    /// After a batch.
    fn settle(&mut self, keyed: &mut KeyedState<K>) -> Result<()>;
}

/// What makes pairs.
struct Joiner<F: ProcessJoinFunction> {
    function: F,
    position: Position,
    collector: Collector<F::Out>,
    side: SideOutputs,
}

impl<F: ProcessJoinFunction> Joiner<F> {
    fn each<K: Key, T: Data, O>(
        &mut self,
        keys: &mut Keys<T, K>,
        batch: Batch,
        late_tag: Option<&OutputTag<T>>,
        mut meeting: impl Meeting<K, T, O>,
        (cx, out): (&mut OperatorContext, &mut dyn Output),
        join: impl Fn(&mut F, &T, i64, &O, i64, &mut ProcessContext<'_>, &mut Collector<F::Out>) -> Result<()>,
    ) -> Result<()> {
        let Joiner { function, position, collector, side } = self;
        let (rows, times) = batch.into_rows::<T>()?;
        let mut at = position.batch(rows.len());
        let keys = keys.of(&rows, cx)?;
        let watermark = cx.watermark;
        let late_count = cx.metrics.late_records_dropped.clone();
        let (mut process_cx, keyed) = ProcessContext::split(cx, side);
        let keyed = keyed_of::<K>(keyed)?;
        meeting.load(keyed, keys, times.as_deref().unwrap_or_default())?;
        for (n, (row, key)) in rows.into_iter().zip(keys.iter()).enumerate() {
            at.next();
            meeting.approach(keyed, keys, n);
            let time = at.check(times.as_ref().map(|t| t[n].0).ok_or_else(no_time))?;
            if time < watermark.0 {
                match late_tag {
                    Some(tag) => process_cx.output_with_timestamp(tag, row, EventTime(time)),
                    None => late_count.increment(),
                }
                continue;
            }
            meeting.meet(keyed, (key.1, key.0), (time, row), |row, other_time, others| {
                collector.set_time(Some(EventTime(time.max(other_time))));
                for other in others {
                    at.check(join(function, row, time, other, other_time, &mut process_cx, collector))?;
                }
                collector.flush_if_full(out)
            })?;
            process_cx.side_outputs().flush_if_full(out)?;
        }
        drop(at);
        meeting.settle(keyed)?;
        self.collector.flush(out)?;
        self.side.flush(out)
    }
}

#[cold]
fn no_time() -> Error {
    Error::invalid(
        "a record without event time came to an interval join, which goes by event time; call \
         `assign_timestamps_and_watermarks` on both streams before it",
    )
}

#[cold]
fn not_open() -> Error {
    Error::internal("an interval join is used before it was opened")
}

impl<K: Key, F: ProcessJoinFunction> Operator for IntervalJoinOperator<K, F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        let keyed = cx.keyed::<K>()?;
        self.kept = Some(match keyed.is_on_store() {
            false => Kept::Whole(Whole::open(keyed, self.bounds)?),
            true => Kept::Parts(Parts::open(keyed, self.bounds)?),
        });
        self.joiner.function.open(&mut OpenContext::new(cx))
    }

    fn process(&mut self, input: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (joiner, kept, to) = (&mut self.joiner, self.kept.as_mut().ok_or_else(not_open)?, (cx, out));
        match input {
            0 => {
                let (keys, late) = (&mut self.keys1, self.late_left.as_ref());
                let join = |f: &mut F,
                            left: &F::Left,
                            time,
                            right: &F::Right,
                            other,
                            cx: &mut ProcessContext<'_>,
                            out: &mut Collector<F::Out>| {
                    f.process(left, right, &mut JoinContext::new(cx, EventTime(time), EventTime(other)), out)
                };
                match kept {
                    Kept::Whole(whole) => joiner.each(keys, batch, late, whole.left(), to, join),
                    Kept::Parts(parts) => joiner.each(keys, batch, late, parts.left(), to, join),
                }
            }
            1 => {
                let (keys, late) = (&mut self.keys2, self.late_right.as_ref());
                let join = |f: &mut F,
                            right: &F::Right,
                            time,
                            left: &F::Left,
                            other,
                            cx: &mut ProcessContext<'_>,
                            out: &mut Collector<F::Out>| {
                    f.process(left, right, &mut JoinContext::new(cx, EventTime(other), EventTime(time)), out)
                };
                match kept {
                    Kept::Whole(whole) => joiner.each(keys, batch, late, whole.right(), to, join),
                    Kept::Parts(parts) => joiner.each(keys, batch, late, parts.right(), to, join),
                }
            }
            _ => Err(no_such_input(input)),
        }
    }

    fn advance_event_time(&mut self, to: Watermark, cx: &mut OperatorContext, _: &mut dyn Output) -> Result<Progress> {
        let slots = Slots::new(cx);
        let keyed = keyed_of::<K>(&mut cx.keyed)?;
        match self.kept.as_mut().ok_or_else(not_open)? {
            Kept::Whole(whole) => whole.clean(to, slots, keyed),
            Kept::Parts(parts) => parts.clean(to, slots, keyed),
        }
    }
}

#[cfg(test)]
mod tests;
