//! One value per key, into which every added one is merged.

use super::ValueState;
use crate::canonical::TableKind;
use crate::keyed::ttl::StateTtl;
use crate::keyed::{KeyedState, StateAccess};
use flott_core::{Data, Error, Key, Result};
use std::sync::Arc;

type Reduce<V> = Arc<dyn Fn(&mut V, V) + Send + Sync>;

/// One value per key, the reduction of all that were added (Flink's `ReducingState`).
///
/// ```
/// # use flott_core::{MaxParallelism, Result};
/// # use flott_state::{KeyedState, ReducingState};
/// # fn main() -> Result<()> {
/// # let max = MaxParallelism::new(128)?;
/// let mut keyed = KeyedState::<u32>::new(max, max.all());
/// let largest = ReducingState::register(&mut keyed, "largest", |most: &mut u64, new| *most = new.max(*most), None)?;
/// keyed.set_key(&1);
/// largest.add(&mut keyed, 7)?;
/// largest.add(&mut keyed, 3)?;
/// assert_eq!(largest.get(&mut keyed)?, Some(&7));
/// # Ok(())
/// # }
/// ```
pub struct ReducingState<V> {
    value: ValueState<V>,
    reduce: Option<Reduce<V>>,
}

impl<V: Data> ReducingState<V> {
    /// Registers the state. `reduce` merges an added value into the one that is there.
    ///
    /// # Errors
    /// As [`ValueState::register`].
    pub fn register<K: Key>(
        keyed: &mut KeyedState<K>,
        name: &str,
        reduce: impl Fn(&mut V, V) + Send + Sync + 'static,
        ttl: Option<StateTtl>,
    ) -> Result<Self> {
        let value = ValueState::register(keyed, name, ttl)?;
        keyed.set_kind(name, TableKind::Reducing);
        Ok(ReducingState { value, reduce: Some(Arc::new(reduce)) })
    }

    /// The current key's reduction.
    ///
    /// # Errors
    /// `Invalid` when the state was not registered or no key is set; so for every method.
    #[inline]
    pub fn get<'a, C: StateAccess>(&self, cx: &'a mut C) -> Result<Option<&'a V>> {
        self.value.get(cx)
    }

    /// Merges `value` into the current key's reduction; the first one is the reduction itself.
    ///
    /// # Errors
    /// As [`ReducingState::get`].
    #[inline]
    pub fn add<C: StateAccess>(&self, cx: &mut C, value: V) -> Result<()> {
        let mut value = Some(value);
        let place = self.value.entry(cx, || value.take().unwrap_or_else(|| unreachable!("made once")))?;
        if let Some(value) = value {
            let reduce =
                self.reduce.as_ref().ok_or_else(|| Error::internal("a registered reducing state has no function"))?;
            reduce(place, value);
        }
        Ok(())
    }

    /// Removes the current key's reduction.
    ///
    /// # Errors
    /// As [`ReducingState::get`].
    pub fn clear<C: StateAccess>(&self, cx: &mut C) -> Result<()> {
        self.value.clear(cx)
    }

    /// Every key that has a reduction, as [`ValueState::keys`].
    ///
    /// # Errors
    /// `Invalid` when the state was not registered.
    pub fn keys<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<C::Key>> {
        self.value.keys(cx)
    }
}

impl<V> Clone for ReducingState<V> {
    fn clone(&self) -> Self {
        ReducingState { value: self.value.clone(), reduce: self.reduce.clone() }
    }
}

impl<V> Default for ReducingState<V> {
    fn default() -> Self {
        ReducingState { value: ValueState::default(), reduce: None }
    }
}
