//! A list per key.

mod parts;
mod timed;
mod whole;

use super::handle::{Bound, Handle, Stamping, now};
use crate::keyed::list_part::{ListPart, PartNumber, StampedPart};
use crate::keyed::shape::StateShape;
use crate::keyed::table::Arrange;
use crate::keyed::ttl::StateTtl;
use crate::keyed::{KeyedState, StateAccess};
use flott_core::{Data, Key, Result};

/// A list per key (Flink's `ListState`). With a TTL each element expires on its own. A long list is held in parts of some
/// hundred elements: what is added to it, or expires, is all that a snapshot has to write.
pub struct ListState<V> {
    handle: Handle<PartNumber, ListPart<V>, StampedPart<V>>,
}

impl<V: Data> ListState<V> {
    /// Registers the state `name` of an operator and fills it with what the checkpoint holds for it.
    ///
    /// # Errors
    /// As [`super::ValueState::register`].
    pub fn register<K: Key>(keyed: &mut KeyedState<K>, name: &str, ttl: Option<StateTtl>) -> Result<Self> {
        let stamping = Stamping { add: StampedPart::stamped, drop: |part: StampedPart<V>| part.part };
        let whole = whole::take_whole::<K, V>(keyed, name)?;
        let kind = (StateShape::ListParts { timed: false }, Arrange::Flat);
        let handle = Handle::register(keyed, name, kind, ttl, &stamping)?;
        for (key, list) in whole {
            let slot = keyed.slot(&key);
            match handle.bound()? {
                Bound::Plain(id) => parts::replace((keyed.table(id), slot, &key), list.part)?,
                Bound::Timed(id, _) => parts::replace((keyed.table(id), slot, &key), list)?,
            }
        }
        Ok(ListState { handle })
    }

    /// The current key's elements, in the order in which they were added; none is an empty slice. Those of a list of many
    /// parts are copied for it.
    ///
    /// # Errors
    /// `Invalid` when the state was not registered or no key is set; so for every method.
    #[inline]
    pub fn get<'a, C: StateAccess>(&self, cx: &'a mut C) -> Result<&'a [V]> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                Ok(parts::get((table, slot, key))?.map_or(&[], |list| list.values.as_slice()))
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                timed::get((table, slot, key), ttl, now)
            }
        }
    }

    /// Takes the current key's elements out of the state, without copying them.
    ///
    /// # Errors
    /// As [`ListState::get`].
    pub fn take<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<V>> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                parts::take((table, slot, key)).map(|list| list.values)
            }
            Bound::Timed(id, ttl) => {
                let keyed = cx.keyed_state();
                let now = keyed.now();
                let (table, key, slot) = keyed.keyed_table(id)?;
                table.clean_up(now)?;
                let mut list = parts::take((&mut *table, slot, key))?;
                if !ttl.return_expired {
                    list.drop_expired(ttl.deadline(now));
                }
                Ok(list.part.values)
            }
        }
    }

    /// Adds an element at the end.
    ///
    /// # Errors
    /// As [`ListState::get`].
    #[inline]
    pub fn add<C: StateAccess>(&self, cx: &mut C, value: V) -> Result<()> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                parts::change((table, slot, key), |last| last.values.push(value))
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                timed::change((table, slot, key), ttl, now, |last| last.push(value, now.0))
            }
        }
    }

    /// Adds elements at the end.
    ///
    /// # Errors
    /// As [`ListState::get`].
    pub fn add_all<C: StateAccess>(&self, cx: &mut C, values: impl IntoIterator<Item = V>) -> Result<()> {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            // Adding nothing must not leave an empty list behind.
            return self.handle.bound().map(drop);
        }
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                parts::change((table, slot, key), |last| last.values.extend(values))
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                timed::change((table, slot, key), ttl, now, |last| values.for_each(|value| last.push(value, now.0)))
            }
        }
    }

    /// Replaces the current key's elements.
    ///
    /// # Errors
    /// As [`ListState::get`].
    pub fn update<C: StateAccess>(&self, cx: &mut C, values: Vec<V>) -> Result<()> {
        if values.is_empty() {
            return self.clear(cx);
        }
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                parts::replace((table, slot, key), ListPart::of(values))
            }
            Bound::Timed(id, _) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.clean_up(now)?;
                parts::replace((table, slot, key), StampedPart::stamped(ListPart::of(values), now.0))
            }
        }
    }

    /// Removes the current key's elements.
    ///
    /// # Errors
    /// As [`ListState::get`].
    pub fn clear<C: StateAccess>(&self, cx: &mut C) -> Result<()> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                parts::take((table, slot, key)).map(drop)
            }
            Bound::Timed(id, _) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.clean_up(now)?;
                parts::take((table, slot, key)).map(drop)
            }
        }
    }

    /// Every key that has elements, as [`super::ValueState::keys`].
    ///
    /// # Errors
    /// `Invalid` when the state was not registered.
    pub fn keys<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<C::Key>> {
        self.handle.keys(cx)
    }
}

impl<V> Clone for ListState<V> {
    fn clone(&self) -> Self {
        ListState { handle: self.handle.clone() }
    }
}

impl<V> Default for ListState<V> {
    fn default() -> Self {
        ListState { handle: Handle::default() }
    }
}
