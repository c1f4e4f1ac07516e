//! A list of an operator: even-split or union.

use super::OperatorState;
use flott_core::Data;
use std::marker::PhantomData;

/// A list of an operator in a subtask, registered by [`OperatorState::list`]. The handle holds no data, and its
/// methods panic when it is used with another operator's state than the one that made it.
pub struct OperatorListState<T> {
    number: usize,
    types: PhantomData<fn() -> T>,
}

impl<T: Data> OperatorListState<T> {
    pub(super) fn new(number: usize) -> Self {
        OperatorListState { number, types: PhantomData }
    }

    /// The items.
    pub fn get<'a>(&self, state: &'a OperatorState) -> &'a [T] {
        state.content::<Vec<T>>(self.number)
    }

    /// The items, to be changed.
    pub fn get_mut<'a>(&self, state: &'a mut OperatorState) -> &'a mut Vec<T> {
        state.content_mut(self.number)
    }

    /// Adds an item at the end.
    pub fn add(&self, state: &mut OperatorState, item: T) {
        self.get_mut(state).push(item);
    }

    /// Replaces all items.
    pub fn update(&self, state: &mut OperatorState, items: Vec<T>) {
        *self.get_mut(state) = items;
    }

    /// Removes all items.
    pub fn clear(&self, state: &mut OperatorState) {
        self.get_mut(state).clear();
    }
}

impl<T> Clone for OperatorListState<T> {
    fn clone(&self) -> Self {
        OperatorListState { number: self.number, types: PhantomData }
    }
}
