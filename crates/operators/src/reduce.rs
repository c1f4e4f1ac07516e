//! The rolling reduction of a keyed stream: each record yields the reduction of its key so far. In batch mode only
//! the last one of each key is emitted, when all of its records have come.

use crate::keys::{Keys, Selector, keyed_rows, keyed_state};
use flott_api::context::keyed_of;
use flott_api::function::ReduceFunction;
use flott_api::function::position::{Guard, Position};
use flott_api::operator::Progress;
use flott_api::{KeyedRows, Operator, OperatorContext, OperatorFactory, Output, RuntimeMode};
use flott_core::{Batch, Data, Error, EventTime, Key, KeyGroupRange, MaxParallelism, Result, Watermark};
use flott_state::AnyKeyedState;
use flott_state::keyed::TableId;

/// Rows emitted in one go at the end of keys in batch mode.
const SLICE: usize = 4096;

/// Reduces the records of each key with a [`ReduceFunction`]: a closure, or one of
/// [`flott_api::function::aggregations`].
pub struct Reduce<T, K, F> {
    selector: Selector<T, K>,
    function: F,
}

impl<T: Data, K: Key, F: ReduceFunction<T>> Reduce<T, K, F> {
    /// The operator of a function over the keys that `selector` finds.
    pub fn new(selector: Selector<T, K>, function: F) -> Self {
        Reduce { selector, function }
    }
}

impl<T: Data, K: Key, F: ReduceFunction<T>> OperatorFactory for Reduce<T, K, F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        let keys = Keys::new(self.selector.clone());
        let (function, position) = (self.function.clone(), Position::default());
        Ok(Box::new(ReduceOperator { keys, function, state: None, position, finals: Vec::new() }))
    }

    fn keyed_state(&self, max: MaxParallelism, range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
        keyed_state::<K>(max, range)
    }

    fn keyed_rows(&self, _: usize) -> Option<Box<dyn KeyedRows>> {
        keyed_rows(&self.selector)
    }
}

struct ReduceOperator<T, K, F> {
    keys: Keys<T, K>,
    function: F,
    /// `None` only while a value is out for being changed.
    state: Option<TableId<(), Option<T>>>,
    position: Position,
    /// At the end of keys in batch mode: what has not been emitted yet.
    finals: Vec<T>,
}

impl<T: Data, K: Key, F: ReduceFunction<T>> ReduceOperator<T, K, F> {
    fn state(&self) -> Result<TableId<(), Option<T>>> {
        self.state.ok_or_else(|| Error::internal("a reduce operator is used before it was opened"))
    }

    /// Emits a slice of the last values, in batch mode.
    fn emit_finals(&mut self, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<Progress> {
        if self.finals.is_empty() {
            let table = keyed_of::<K>(&mut cx.keyed)?.table(self.state()?);
            table.drain(|_, (), value| self.finals.extend(value.take()))?;
        }
        let rest = self.finals.split_off(self.finals.len().min(SLICE));
        let rows = std::mem::replace(&mut self.finals, rest);
        if rows.is_empty() {
            return Ok(Progress::Done);
        }
        let times = vec![EventTime::MAX; rows.len()];
        out.emit(Batch::timed(rows, Some(times)))?;
        Ok(if self.finals.is_empty() { Progress::Done } else { Progress::More })
    }
}

/// Adds a row to what its key has so far.
#[inline]
fn add<'a, T>(
    place: &'a mut Option<T>,
    row: T,
    function: &mut impl ReduceFunction<T>,
    at: &mut Guard,
) -> Result<&'a T> {
    at.next();
    let value = match place.take() {
        Some(so_far) => at.check(function.reduce(so_far, row))?,
        None => row,
    };
    Ok(place.insert(value))
}

impl<T: Data, K: Key, F: ReduceFunction<T>> Operator for ReduceOperator<T, K, F> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.state = Some(cx.keyed::<K>()?.register("reduced")?);
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<T>()?;
        let state = self.state()?;
        let mut at = self.position.batch(rows.len());
        let keys = self.keys.of(&rows, cx)?;
        let is_batch = cx.mode == RuntimeMode::Batch;
        let table = keyed_of::<K>(&mut cx.keyed)?.table(state);
        let mut results = Vec::with_capacity(if is_batch { 0 } else { rows.len() });
        let mut rows = rows.into_iter();
        table.update_all(
            keys.keys,
            keys.slots,
            &(),
            || None,
            |place| {
                if let Some(row) = rows.next() {
                    let reduced = add(place, row, &mut self.function, &mut at)?;
                    results.extend((!is_batch).then(|| reduced.clone()));
                }
                Ok(true)
            },
        )?;
        if is_batch {
            return Ok(());
        }
        out.emit(Batch::timed(results, times))
    }

    fn advance_event_time(
        &mut self,
        to: Watermark,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
    ) -> Result<Progress> {
        if cx.mode == RuntimeMode::Batch && to == Watermark::MAX {
            self.emit_finals(cx, out)
        } else {
            Ok(Progress::Done)
        }
    }
}

#[cfg(test)]
mod tests;
