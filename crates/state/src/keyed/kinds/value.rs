//! One value per key.

use super::handle::{Bound, Handle, Stamping, now};
use super::{StateEntry, timed};
use crate::keyed::shape::StateShape;
use crate::keyed::table::Arrange;
use crate::keyed::ttl::{Stamped, StateTtl};
use crate::keyed::{BinaryRow, KeySlot, KeyedState, StateAccess};
use flott_core::schema::Column;
use flott_core::{Data, Key, Result};

/// One value per key (Flink's `ValueState`). The handle is made when the operator opens; it holds no data.
///
/// ```
/// # use flott_core::{MaxParallelism, Result};
/// # use flott_state::{KeyedState, ValueState};
/// # fn main() -> Result<()> {
/// # let max = MaxParallelism::new(128)?;
/// let mut keyed = KeyedState::<String>::new(max, max.all());
/// let count = ValueState::<u64>::register(&mut keyed, "count", None)?;
/// keyed.set_key(&"ada".to_owned());
/// count.update(&mut keyed, || 0, |n| *n += 1)?;
/// assert_eq!(count.get(&mut keyed)?, Some(&1));
/// # Ok(())
/// # }
/// ```
pub struct ValueState<V> {
    handle: Handle<(), V, Stamped<V>>,
}

impl<V: Data> ValueState<V> {
    /// Registers the state `name` of an operator and fills it with what the checkpoint holds for it.
    ///
    /// # Errors
    /// `Invalid` when the name is taken or the time to live is zero; `Corrupt` when the checkpoint holds something
    /// else under the name.
    pub fn register<K: Key>(keyed: &mut KeyedState<K>, name: &str, ttl: Option<StateTtl>) -> Result<Self> {
        let stamping = Stamping { add: |value, stamp| Stamped { value, stamp }, drop: |stamped| stamped.value };
        let handle =
            Handle::register(keyed, name, (StateShape::Value { timed: false }, Arrange::Flat), ttl, &stamping)?;
        Ok(ValueState { handle })
    }

    /// The current key's value.
    ///
    /// # Errors
    /// `Invalid` when the state was not registered or no key is set; so for every method.
    #[inline]
    pub fn get<'a, C: StateAccess>(&self, cx: &'a mut C) -> Result<Option<&'a V>> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.get(slot, key, &())
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                timed::get((table, slot, key, &()), ttl, now)
            }
        }
    }

    /// Sets the current key's value.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    #[inline]
    pub fn set<C: StateAccess>(&self, cx: &mut C, value: V) -> Result<()> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.insert(slot, key, &(), value).map(drop)
            }
            Bound::Timed(id, _) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                timed::set((table, slot, key, &()), now, value)
            }
        }
    }

    /// Changes the current key's value in place, which is made by `default` if there is none. One look-up.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    #[inline]
    pub fn update<C: StateAccess, R>(
        &self,
        cx: &mut C,
        default: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> Result<R> {
        self.entry(cx, default).map(change)
    }

    /// Removes the current key's value.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    pub fn clear<C: StateAccess>(&self, cx: &mut C) -> Result<()> {
        self.handle.clear(cx)
    }

    /// Calls `each` with the number of each of these keys, whose slots are `slots`, and with what it has, in order. What is
    /// not in memory is looked up in the store at once.
    ///
    /// # Errors
    /// As [`ValueState::get`], and what `each` returns.
    #[inline]
    pub fn update_all<C: StateAccess>(
        &self,
        cx: &mut C,
        keys: &[C::Key],
        slots: &[KeySlot],
        mut each: impl FnMut(usize, StateEntry<'_, C::Key, (), V>) -> Result<()>,
    ) -> Result<()> {
        let mut numbers = 0..;
        let mut next = move || numbers.next().unwrap_or_default();
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let table = cx.keyed_state().table(id);
                table.entries_all(keys, slots, &(), |entry| each(next(), StateEntry::plain(entry)))
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let table = cx.keyed_state().table(id);
                table.entries_all(keys, slots, &(), |entry| each(next(), StateEntry::timed(entry, ttl, now)))
            }
        }
    }

    /// Every key that has a value, in no particular order; also those whose value has expired and is still there.
    ///
    /// # Errors
    /// `Invalid` when the state was not registered.
    pub fn keys<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<C::Key>> {
        self.handle.keys(cx)
    }

    /// The current key's value, made by `default` if there is none, about to be written.
    #[inline]
    pub(super) fn entry<'a, C: StateAccess>(&self, cx: &'a mut C, default: impl FnOnce() -> V) -> Result<&'a mut V> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                Ok(table.get_or_insert_with(slot, key, &(), default)?.0)
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                timed::entry((table, slot, key, &()), ttl, now, default)
            }
        }
    }
}

impl ValueState<BinaryRow> {
    /// As [`ValueState::register`], for rows of these columns: snapshots tell them, and a checkpoint of other columns is
    /// refused.
    ///
    /// # Errors
    /// As [`ValueState::register`].
    pub fn register_rows<K: Key>(
        keyed: &mut KeyedState<K>,
        name: &str,
        columns: Vec<Column>,
        ttl: Option<StateTtl>,
    ) -> Result<Self> {
        keyed.columns.set(name, Vec::new(), columns);
        Self::register(keyed, name, ttl)
    }
}

impl<V> Clone for ValueState<V> {
    fn clone(&self) -> Self {
        ValueState { handle: self.handle.clone() }
    }
}

impl<V> Default for ValueState<V> {
    fn default() -> Self {
        ValueState { handle: Handle::default() }
    }
}
