//! A map that every subtask of an operator has a copy of.

use super::OperatorState;
use super::state::Content;
use crate::keyed::KeyMap;
use flott_core::{Data, Key, Result, codec};
use std::marker::PhantomData;

pub(super) type BroadcastContent<K, V> = KeyMap<K, V>;

impl<K: Key, V: Data> Content for BroadcastContent<K, V> {
    fn encode(&self) -> Result<Vec<Vec<u8>>> {
        self.iter().map(|pair| codec::to_bytes(&pair)).collect()
    }
}

/// A map that every subtask of an operator has a copy of (Flink's `BroadcastState`), registered by
/// [`OperatorState::broadcast`]. The copies stay alike because every subtask sees the same broadcast records. The
/// handle holds no data, and its methods panic when it is used with another operator's state than the one that
/// made it.
pub struct BroadcastState<K, V> {
    number: usize,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Data> BroadcastState<K, V> {
    pub(super) fn new(number: usize) -> Self {
        BroadcastState { number, types: PhantomData }
    }

    /// The value of a key.
    pub fn get<'a>(&self, state: &'a OperatorState, key: &K) -> Option<&'a V> {
        self.map(state).get(key)
    }

    /// Whether there is a value for the key.
    pub fn contains(&self, state: &OperatorState, key: &K) -> bool {
        self.get(state, key).is_some()
    }

    /// The entries, in no particular order.
    pub fn iter<'a>(&self, state: &'a OperatorState) -> impl ExactSizeIterator<Item = (&'a K, &'a V)> {
        self.map(state).iter()
    }

    /// Number of entries.
    pub fn len(&self, state: &OperatorState) -> usize {
        self.map(state).len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self, state: &OperatorState) -> bool {
        self.map(state).is_empty()
    }

    /// Sets the value of a key and returns the one before.
    pub fn put(&self, state: &mut OperatorState, key: K, value: V) -> Option<V> {
        self.map_mut(state).insert(key, value)
    }

    /// Removes the value of a key and returns it.
    pub fn remove(&self, state: &mut OperatorState, key: &K) -> Option<V> {
        self.map_mut(state).remove(key)
    }

    /// Removes all entries.
    pub fn clear(&self, state: &mut OperatorState) {
        self.map_mut(state).clear();
    }

    fn map<'a>(&self, state: &'a OperatorState) -> &'a BroadcastContent<K, V> {
        state.content(self.number)
    }

    fn map_mut<'a>(&self, state: &'a mut OperatorState) -> &'a mut BroadcastContent<K, V> {
        state.content_mut(self.number)
    }
}

impl<K, V> Clone for BroadcastState<K, V> {
    fn clone(&self) -> Self {
        BroadcastState { number: self.number, types: PhantomData }
    }
}
