//! A list per key.

use super::handle::{Bound, Handle, Stamping};
use crate::keyed::shape::StateShape;
use crate::keyed::table::{Arrange, Expire, Expired};
use crate::keyed::ttl::{Deadline, StateTtl, Ttl};
use crate::keyed::{KeyedState, StateAccess, TableId};
use flott_core::{Data, Key, ProcessingTime, Result};
use serde::{Deserialize, Serialize};

/// A list per key (Flink's `ListState`). With a TTL each element expires on its own.
pub struct ListState<V> {
    handle: Handle<(), Vec<V>, StampedList<V>>,
}

/// A list whose elements carry stamps, kept apart so that the elements are a slice.
#[derive(Clone, Serialize, Deserialize)]
struct StampedList<V> {
    values: Vec<V>,
    /// As many as values.
    stamps: Vec<i64>,
}

impl<V: Data> ListState<V> {
    /// Registers the state `name` of an operator and fills it with what the checkpoint holds for it.
    ///
    /// # Errors
    /// As [`super::ValueState::register`].
    pub fn register<K: Key>(keyed: &mut KeyedState<K>, name: &str, ttl: Option<StateTtl>) -> Result<Self> {
        let stamping = Stamping { add: StampedList::of, drop: |list: StampedList<V>| list.values };
        let handle = Handle::register(keyed, name, (StateShape::List { timed: false }, Arrange::Flat), ttl, &stamping)?;
        Ok(ListState { handle })
    }

    /// The current key's elements, in the order in which they were added; none is an empty slice.
    ///
    /// # Errors
    /// `Invalid` when the state was not registered or no key is set; so for every method.
    #[inline]
    pub fn get<'a, C: StateAccess>(&self, cx: &'a mut C) -> Result<&'a [V]> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                Ok(table.get(slot, key, &())?.map_or(&[], Vec::as_slice))
            }
            Bound::Timed(id, ttl) => get_timed(cx, id, ttl),
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
                Ok(table.remove(slot, key, &())?.unwrap_or_default())
            }
            Bound::Timed(id, ttl) => {
                let keyed = cx.keyed_state();
                let now = keyed.now();
                let (table, key, slot) = keyed.keyed_table(id)?;
                table.clean_up(now)?;
                let mut list = table.remove(slot, key, &())?.unwrap_or_default();
                if !ttl.return_expired {
                    list.drop_expired(ttl.deadline(now));
                }
                Ok(list.values)
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
                table.get_or_insert_with(slot, key, &(), Vec::new)?.0.push(value);
            }
            Bound::Timed(id, ttl) => change_timed(cx, id, ttl, |list, now| list.push(value, now.0))?,
        }
        Ok(())
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
                table.get_or_insert_with(slot, key, &(), Vec::new)?.0.extend(values);
            }
            Bound::Timed(id, ttl) => change_timed(cx, id, ttl, |list, now| {
                values.for_each(|value| list.push(value, now.0));
            })?,
        }
        Ok(())
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
                table.insert(slot, key, &(), values)?;
            }
            Bound::Timed(id, ttl) => change_timed(cx, id, ttl, |list, now| *list = StampedList::of(values, now.0))?,
        }
        Ok(())
    }

    /// Removes the current key's elements.
    ///
    /// # Errors
    /// As [`ListState::get`].
    pub fn clear<C: StateAccess>(&self, cx: &mut C) -> Result<()> {
        self.handle.clear(cx)
    }

    /// Every key that has elements, as [`super::ValueState::keys`].
    ///
    /// # Errors
    /// `Invalid` when the state was not registered.
    pub fn keys<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<C::Key>> {
        self.handle.keys(cx)
    }
}

fn get_timed<V: Data, C: StateAccess>(cx: &mut C, id: TableId<(), StampedList<V>>, ttl: Ttl) -> Result<&[V]> {
    let keyed = cx.keyed_state();
    let now = keyed.now();
    let deadline = ttl.deadline(now);
    let (table, key, slot) = keyed.keyed_table(id)?;
    table.clean_up(now)?;
    let Some(list) = table.get(slot, key, &())? else { return Ok(&[]) };
    let expired = list.stamps.iter().filter(|stamp| deadline.has_passed(**stamp)).count();
    let refreshed = ttl.refresh_on_read && list.stamps.iter().any(|stamp| *stamp != now.0);
    let found = if expired == list.stamps.len() {
        table.remove_expired(slot, key, &())?
    } else if refreshed || expired > 0 && !ttl.return_expired {
        table.get_mut(slot, key, &())?.map(|list| {
            // As in Flink, refreshing leaves out what has expired, even where it could still be seen.
            list.drop_expired(deadline);
            if ttl.refresh_on_read {
                list.stamps.fill(now.0);
            }
            &*list
        })
    } else {
        table.get(slot, key, &())?
    };
    Ok(found.map_or(&[], |list| list.values.as_slice()))
}

fn change_timed<V: Data, C: StateAccess>(
    cx: &mut C,
    id: TableId<(), StampedList<V>>,
    ttl: Ttl,
    change: impl FnOnce(&mut StampedList<V>, ProcessingTime),
) -> Result<()> {
    let keyed = cx.keyed_state();
    let now = keyed.now();
    let (table, key, slot) = keyed.keyed_table(id)?;
    table.clean_up(now)?;
    let (list, new) = table.get_or_insert_with(slot, key, &(), StampedList::default)?;
    // A list that is only ever added to, and never read, must not keep everything.
    if !new && !ttl.return_expired && list.stamps.first().is_some_and(|stamp| ttl.deadline(now).has_passed(*stamp)) {
        list.drop_expired(ttl.deadline(now));
    }
    change(list, now);
    Ok(())
}

impl<V> StampedList<V> {
    fn of(values: Vec<V>, stamp: i64) -> Self {
        let stamps = vec![stamp; values.len()];
        StampedList { values, stamps }
    }

    #[inline]
    fn push(&mut self, value: V, stamp: i64) {
        self.values.push(value);
        self.stamps.push(stamp);
    }

    fn drop_expired(&mut self, deadline: Deadline) {
        let mut stamps = self.stamps.iter();
        self.values.retain(|_| stamps.next().is_some_and(|stamp| !deadline.has_passed(*stamp)));
        self.stamps.retain(|stamp| !deadline.has_passed(*stamp));
    }
}

impl<V> Default for StampedList<V> {
    fn default() -> Self {
        StampedList { values: Vec::new(), stamps: Vec::new() }
    }
}

impl<V: Data> Expire for StampedList<V> {
    fn has_expired(&self, deadline: Deadline) -> bool {
        // Elements stand in the order of their stamps, but for jumps of the clock; reading looks at every one.
        self.stamps.first().is_none_or(|first| deadline.has_passed(*first))
    }

    fn expire(&mut self, deadline: Deadline) -> Expired {
        if self.stamps.iter().all(|stamp| deadline.has_passed(*stamp)) {
            return Expired::All;
        }
        self.drop_expired(deadline);
        Expired::Part
    }

    fn stamp(&self) -> i64 {
        self.stamps.iter().copied().max().unwrap_or(i64::MIN)
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
