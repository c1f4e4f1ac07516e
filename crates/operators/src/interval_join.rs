//! The interval join: pairs of two keyed streams whose times lie within bounds of each other. Event time only.
//!
//! A pair is joined when its second record comes: `right.time` in `[left.time + lower, left.time + upper]`. Each
//! side keeps its records until no partner can come any more. A record is late when its time is `<` the watermark
//! (not `<=`), as in Flink (`IntervalJoinOperator`).

use crate::co_process::no_such_input;
use crate::due::DuePanes;
use crate::keys::{Keys, Selector, Slots, keyed_rows, keyed_state};
use flott_api::context::keyed_of;
use flott_api::function::position::Position;
use flott_api::function::{
    Collector, JoinContext, OpenContext, OutputTag, ProcessContext, ProcessJoinFunction, SideOutputs,
};
use flott_api::operator::Progress;
use flott_api::{KeyedRows, Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Error, EventTime, Key, KeyGroupRange, MaxParallelism, Result, Watermark};
use flott_state::AnyKeyedState;
use flott_state::keyed::TableId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Keys cleaned in one go, before the runtime may look after other things.
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

    /// The last time at which a partner may come for a record of `time` on the side that the bounds start from.
    fn cleanup(self, time: i64) -> i64 {
        time.saturating_add(self.upper.max(0))
    }
}

/// Records by time.
type Buffer<T> = BTreeMap<i64, Vec<T>>;

/// What is kept of a key.
#[derive(Clone, Serialize, Deserialize)]
struct Sides<L, R> {
    left: Buffer<L>,
    right: Buffer<R>,
    /// When the first record can go.
    due: Option<i64>,
}

impl<L, R> Sides<L, R> {
    fn new() -> Self {
        Sides { left: BTreeMap::new(), right: BTreeMap::new(), due: None }
    }

    /// Drops records without hope and returns when the next one can go.
    fn clean(&mut self, bounds: Bounds, watermark: i64) -> Option<i64> {
        let left = drop_up_to(&mut self.left, bounds, watermark);
        let right = drop_up_to(&mut self.right, bounds.flipped(), watermark);
        self.due = [left, right].into_iter().flatten().min();
        self.due
    }
}

fn drop_up_to<T>(buffer: &mut Buffer<T>, bounds: Bounds, watermark: i64) -> Option<i64> {
    while let Some(first) = buffer.first_entry() {
        let cleanup = bounds.cleanup(*first.key());
        if cleanup > watermark {
            return Some(cleanup);
        }
        first.remove();
    }
    None
}

impl<K: Key, F: ProcessJoinFunction> OperatorFactory for IntervalJoin<K, F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(IntervalJoinOperator {
            keys1: Keys::new(self.selector1.clone()),
            keys2: Keys::new(self.selector2.clone()),
            late_left: self.late_left.clone(),
            late_right: self.late_right.clone(),
            common: Common {
                function: self.function.clone(),
                bounds: self.bounds,
                state: None,
                due: DuePanes::new(),
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
    common: Common<K, F>,
}

type State<F> = Sides<<F as ProcessJoinFunction>::Left, <F as ProcessJoinFunction>::Right>;

/// What both inputs share.
struct Common<K, F: ProcessJoinFunction> {
    function: F,
    bounds: Bounds,
    state: Option<TableId<(), State<F>>>,
    /// Which keys are to be cleaned when; made from the state.
    due: DuePanes<K, ()>,
    position: Position,
    collector: Collector<F::Out>,
    side: SideOutputs,
}

/// How the two sides look from one of them.
struct View<S, T, O> {
    /// The side's own buffer and that of the others.
    split: fn(&mut S) -> (&mut Buffer<T>, &Buffer<O>),
    bounds: Bounds,
}

impl<K: Key, F: ProcessJoinFunction> Common<K, F> {
    fn state(&self) -> Result<TableId<(), State<F>>> {
        self.state.ok_or_else(|| Error::internal("an interval join is used before it was opened"))
    }

    fn each<T: Data, O>(
        &mut self,
        keys: &mut Keys<T, K>,
        batch: Batch,
        late_tag: Option<&OutputTag<T>>,
        view: View<State<F>, T, O>,
        (cx, out): (&mut OperatorContext, &mut dyn Output),
        join: impl Fn(&mut F, &T, i64, &O, i64, &mut ProcessContext<'_>, &mut Collector<F::Out>) -> Result<()>,
    ) -> Result<()> {
        let (rows, times) = batch.into_rows::<T>()?;
        let mut at = self.position.batch(rows.len());
        let keys = keys.of(&rows, cx)?;
        let state = self.state()?;
        let watermark = cx.watermark;
        let late_count = cx.metrics.late_records_dropped.clone();
        let (mut process_cx, keyed) = ProcessContext::split(cx, &mut self.side);
        let keyed = keyed_of::<K>(keyed)?;
        keyed.load(keys.keys, keys.slots)?;
        for (n, (row, (key, slot))) in rows.into_iter().zip(keys.iter()).enumerate() {
            at.next();
            keys.fetch_ahead(n, |slots| keyed.prefetch(slots));
            let time = at.check(times.as_ref().map(|t| t[n].0).ok_or_else(no_time))?;
            if time < watermark.0 {
                match late_tag {
                    Some(tag) => process_cx.output_with_timestamp(tag, row, EventTime(time)),
                    None => late_count.increment(),
                }
                continue;
            }
            let (sides, _) = keyed.table(state).get_or_insert_with(slot, key, &(), Sides::new)?;
            let (own, others) = (view.split)(sides);
            let (from, to) = (time.saturating_add(view.bounds.lower), time.saturating_add(view.bounds.upper));
            if from <= to {
                for (other_time, others) in others.range(from..=to) {
                    self.collector.set_time(Some(EventTime(time.max(*other_time))));
                    for other in others {
                        let function = &mut self.function;
                        let joined =
                            join(function, &row, time, other, *other_time, &mut process_cx, &mut self.collector);
                        at.check(joined)?;
                    }
                    self.collector.flush_if_full(out)?;
                }
            }
            own.entry(time).or_default().push(row);
            let cleanup = view.bounds.cleanup(time);
            if sides.due.is_none_or(|due| cleanup < due) {
                sides.due = Some(cleanup);
                self.due.push(EventTime(cleanup), key, ());
            }
            process_cx.side_outputs().flush_if_full(out)?;
        }
        drop(at);
        self.due.settle(keyed)?;
        self.collector.flush(out)?;
        self.side.flush(out)
    }

    /// Cleans a slice of the keys that have something to be cleaned.
    fn clean(&mut self, watermark: Watermark, cx: &mut OperatorContext) -> Result<Progress> {
        let (state, slots) = (self.state()?, Slots::new(cx));
        let keyed = keyed_of::<K>(&mut cx.keyed)?;
        let next = self.due.next(keyed, watermark, SLICE)?;
        keyed.table(state).load(next.iter().map(|(slot, key, ())| (*slot, key, &())))?;
        for _ in 0..SLICE {
            if self.due.first(keyed)?.is_none_or(|time| time.0 > watermark.0) {
                return Ok(Progress::Done);
            }
            let Some((time, key, ())) = self.due.pop(keyed)? else { return Ok(Progress::Done) };
            let (slot, table) = (slots.of(&key), keyed.table(state));
            let Some(sides) = table.get_mut(slot, &key, &())? else { continue };
            // An entry of the index that is not the key's earliest is out of date.
            if sides.due != Some(time.0) {
                continue;
            }
            match sides.clean(self.bounds, watermark.0) {
                Some(next) => self.due.push(EventTime(next), &key, ()),
                None => drop(table.remove(slot, &key, &())?),
            }
        }
        self.due.settle(keyed)?;
        Ok(Progress::More)
    }
}

#[cold]
fn no_time() -> Error {
    Error::invalid(
        "a record without event time came to an interval join, which goes by event time; call \
         `assign_timestamps_and_watermarks` on both streams before it",
    )
}

impl<K: Key, F: ProcessJoinFunction> Operator for IntervalJoinOperator<K, F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        let keyed = cx.keyed::<K>()?;
        let state = keyed.register("interval join")?;
        self.common.state = Some(state);
        self.common.due.open((keyed, "interval join"), state, &[], |_, (), sides, due| {
            if let Some(time) = sides.due {
                due(time, ());
            }
        })?;
        self.common.function.open(&mut OpenContext::new(cx))
    }

    fn process(&mut self, input: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let bounds = self.common.bounds;
        match input {
            0 => {
                let view = View { split: |s: &mut State<F>| (&mut s.left, &s.right), bounds };
                let late = self.late_left.as_ref();
                self.common.each(
                    &mut self.keys1,
                    batch,
                    late,
                    view,
                    (cx, out),
                    |f, left, time, right, other, cx, out| {
                        f.process(left, right, &mut JoinContext::new(cx, EventTime(time), EventTime(other)), out)
                    },
                )
            }
            1 => {
                let view = View { split: |s: &mut State<F>| (&mut s.right, &s.left), bounds: bounds.flipped() };
                let late = self.late_right.as_ref();
                self.common.each(
                    &mut self.keys2,
                    batch,
                    late,
                    view,
                    (cx, out),
                    |f, right, time, left, other, cx, out| {
                        f.process(left, right, &mut JoinContext::new(cx, EventTime(other), EventTime(time)), out)
                    },
                )
            }
            _ => Err(no_such_input(input)),
        }
    }

    fn advance_event_time(&mut self, to: Watermark, cx: &mut OperatorContext, _: &mut dyn Output) -> Result<Progress> {
        self.common.clean(to, cx)
    }
}

#[cfg(test)]
mod tests;
