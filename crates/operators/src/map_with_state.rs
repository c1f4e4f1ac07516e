//! One record for each record of a keyed stream, with a value that is remembered per key. One look-up per record.

use crate::keys::{Keys, Selector, keyed_rows, keyed_state};
use flott_api::context::keyed_of;
use flott_api::function::position::Position;
use flott_api::{KeyedRows, Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Error, Key, KeyGroupRange, MaxParallelism, Result};
use flott_state::AnyKeyedState;
use flott_state::keyed::TableId;
use std::marker::PhantomData;

/// Replaces each record by `f(record, &mut state)`, where `state` is what is remembered for the record's key:
/// `None` at first, and to forget it.
pub struct MapWithState<T, K, S, U, F> {
    selector: Selector<T, K>,
    f: F,
    types: PhantomData<fn(T, S) -> U>,
}

impl<T, K, S, U, F> MapWithState<T, K, S, U, F>
where
    T: Data,
    K: Key,
    S: Data,
    U: Data,
    F: FnMut(T, &mut Option<S>) -> U + Clone + Send + Sync + 'static,
{
    /// The operator of a closure over the keys that `selector` finds.
    pub fn new(selector: Selector<T, K>, f: F) -> Self {
        MapWithState { selector, f, types: PhantomData }
    }
}

impl<T, K, S, U, F> OperatorFactory for MapWithState<T, K, S, U, F>
where
    T: Data,
    K: Key,
    S: Data,
    U: Data,
    F: FnMut(T, &mut Option<S>) -> U + Clone + Send + Sync + 'static,
{
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(MapWithStateOperator::<T, K, S, U, F> {
            keys: Keys::new(self.selector.clone()),
            f: self.f.clone(),
            state: None,
            position: Position::default(),
            results: PhantomData,
        }))
    }

    fn keyed_state(&self, max: MaxParallelism, range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
        keyed_state::<K>(max, range)
    }

    fn keyed_rows(&self, _: usize) -> Option<Box<dyn KeyedRows>> {
        keyed_rows(&self.selector)
    }
}

struct MapWithStateOperator<T, K, S, U, F> {
    keys: Keys<T, K>,
    f: F,
    state: Option<TableId<(), Option<S>>>,
    position: Position,
    results: PhantomData<fn() -> U>,
}

impl<T, K, S, U, F> Operator for MapWithStateOperator<T, K, S, U, F>
where
    T: Data,
    K: Key,
    S: Data,
    U: Data,
    F: FnMut(T, &mut Option<S>) -> U + Send,
{
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.state = Some(cx.keyed::<K>()?.register("state")?);
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<T>()?;
        let state = self.state.ok_or_else(|| Error::internal("an operator is used before it was opened"))?;
        let mut at = self.position.batch(rows.len());
        let keys = self.keys.of(&rows, cx)?;
        let table = keyed_of::<K>(&mut cx.keyed)?.table(state);
        let mut results: Vec<U> = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter();
        table.update_all(
            keys.keys,
            keys.slots,
            &(),
            || None,
            |value| {
                at.next();
                results.extend(rows.next().map(|row| (self.f)(row, value)));
                Ok(value.is_some())
            },
        )?;
        out.emit(Batch::timed(results, times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{Harness, by};

    #[test]
    fn state_is_remembered_per_key_and_forgotten_on_request() {
        // Numbers the records of a key; after the third it starts anew.
        let number = |row: (String, u32), seen: &mut Option<u32>| {
            let n = seen.take().unwrap_or(0) + 1;
            *seen = (n < 3).then_some(n);
            (row.0, n)
        };
        let mut harness = Harness::new(MapWithState::new(by(|row: &(String, u32)| row.0.clone()), number));
        harness.process(["a", "b", "a", "a", "a", "b"].map(|k| (k.to_owned(), 0u32)).to_vec()).unwrap();
        let expected = [("a", 1), ("b", 1), ("a", 2), ("a", 3), ("a", 1), ("b", 2)].map(|(k, n)| (k.to_owned(), n));
        assert_eq!(harness.take::<(String, u32)>(), expected);
        assert_eq!(harness.entries(), 2);
    }
}
