//! One accumulator per key.

use super::ValueState;
use crate::canonical::TableKind;
use crate::keyed::ttl::StateTtl;
use crate::keyed::{KeyedState, StateAccess};
use flott_core::{Data, Error, Key, Result};

/// An aggregation: how values go into an accumulator and a result comes out (Flink's `AggregateFunction`).
pub trait AggregateFunction: Clone + Send + Sync + 'static {
    /// What is added.
    type In: Data;
    /// What is remembered.
    type Acc: Data;
    /// What comes out.
    type Out: Data;

    /// An accumulator of nothing.
    fn create(&self) -> Self::Acc;
    /// Adds a value.
    fn add(&self, acc: &mut Self::Acc, value: Self::In);
    /// The result so far.
    fn result(&self, acc: &Self::Acc) -> Self::Out;
    /// Adds all that `other` has accumulated. Only merging windows use it.
    fn merge(&self, into: &mut Self::Acc, other: Self::Acc);
}

/// One accumulator per key, to which values are added (Flink's `AggregatingState`).
pub struct AggregatingState<A: AggregateFunction> {
    acc: ValueState<A::Acc>,
    function: Option<A>,
}

impl<A: AggregateFunction> AggregatingState<A> {
    /// Registers the state.
    ///
    /// # Errors
    /// As [`ValueState::register`].
    pub fn register<K: Key>(keyed: &mut KeyedState<K>, name: &str, function: A, ttl: Option<StateTtl>) -> Result<Self> {
        let acc = ValueState::register(keyed, name, ttl)?;
        keyed.set_kind(name, TableKind::Aggregating);
        Ok(AggregatingState { acc, function: Some(function) })
    }

    /// The result of what was added for the current key; `None` if nothing was.
    ///
    /// # Errors
    /// `Invalid` when the state was not registered or no key is set; so for every method.
    #[inline]
    pub fn get<C: StateAccess>(&self, cx: &mut C) -> Result<Option<A::Out>> {
        let function = self.function()?;
        Ok(self.acc.get(cx)?.map(|acc| function.result(acc)))
    }

    /// Adds a value for the current key.
    ///
    /// # Errors
    /// As [`AggregatingState::get`].
    #[inline]
    pub fn add<C: StateAccess>(&self, cx: &mut C, value: A::In) -> Result<()> {
        let function = self.function()?;
        self.acc.update(cx, || function.create(), |acc| function.add(acc, value))
    }

    /// Removes what was added for the current key.
    ///
    /// # Errors
    /// As [`AggregatingState::get`].
    pub fn clear<C: StateAccess>(&self, cx: &mut C) -> Result<()> {
        self.acc.clear(cx)
    }

    /// Every key for which something was added, as [`ValueState::keys`].
    ///
    /// # Errors
    /// `Invalid` when the state was not registered.
    pub fn keys<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<C::Key>> {
        self.acc.keys(cx)
    }

    #[inline]
    fn function(&self) -> Result<&A> {
        self.function.as_ref().ok_or_else(|| {
            Error::invalid("a state is used that was not registered; register it in `open` and keep the handle")
        })
    }
}

impl<A: AggregateFunction> Clone for AggregatingState<A> {
    fn clone(&self) -> Self {
        AggregatingState { acc: self.acc.clone(), function: self.function.clone() }
    }
}

impl<A: AggregateFunction> Default for AggregatingState<A> {
    fn default() -> Self {
        AggregatingState { acc: ValueState::default(), function: None }
    }
}
