//! One value per key.

use super::handle::{Bound, Handle, Stamping};
use crate::keyed::shape::StateShape;
use crate::keyed::table::{Expire, Expired};
use crate::keyed::ttl::{Deadline, Stamped, StateTtl, Ttl};
use crate::keyed::{KeyedState, StateAccess, TableId};
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
    handle: Handle<V, Stamped<V>>,
}

impl<V: Data> ValueState<V> {
    /// Registers the state `name` of an operator and fills it with what the checkpoint holds for it.
    ///
    /// # Errors
    /// `Invalid` when the name is taken or the time to live is zero; `Corrupt` when the checkpoint holds something
    /// else under the name.
    pub fn register<K: Key>(keyed: &mut KeyedState<K>, name: &str, ttl: Option<StateTtl>) -> Result<Self> {
        let stamping = Stamping { add: |value, stamp| Stamped { value, stamp }, drop: |stamped| stamped.value };
        let handle = Handle::register(keyed, name, StateShape::Value { timed: false }, ttl, &stamping)?;
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
                Ok(table.get(slot, key, &()))
            }
            Bound::Timed(id, ttl) => get_timed(cx, id, ttl),
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
                table.insert(slot, key, &(), value);
            }
            Bound::Timed(id, _) => {
                let keyed = cx.keyed_state();
                let now = keyed.now();
                let (table, key, slot) = keyed.keyed_table(id)?;
                table.clean_up(now);
                table.insert(slot, key, &(), Stamped { value, stamp: now.0 });
            }
        }
        Ok(())
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
                Ok(table.get_or_insert_with(slot, key, &(), default).0)
            }
            Bound::Timed(id, ttl) => entry_timed(cx, id, ttl, default),
        }
    }
}

fn get_timed<V: Data, C: StateAccess>(cx: &mut C, id: TableId<(), Stamped<V>>, ttl: Ttl) -> Result<Option<&V>> {
    let keyed = cx.keyed_state();
    let now = keyed.now();
    let (table, key, slot) = keyed.keyed_table(id)?;
    table.clean_up(now);
    let Some(stamp) = table.get(slot, key, &()).map(|stamped| stamped.stamp) else { return Ok(None) };
    let found = if ttl.deadline(now).has_passed(stamp) {
        table.remove_expired(slot, key, &())
    } else if ttl.refresh_on_read && stamp != now.0 {
        table.get_mut(slot, key, &()).map(|stamped| {
            stamped.stamp = now.0;
            &*stamped
        })
    } else {
        table.get(slot, key, &())
    };
    Ok(found.map(|stamped| &stamped.value))
}

fn entry_timed<V: Data, C: StateAccess>(
    cx: &mut C,
    id: TableId<(), Stamped<V>>,
    ttl: Ttl,
    default: impl FnOnce() -> V,
) -> Result<&mut V> {
    let keyed = cx.keyed_state();
    let now = keyed.now();
    let (table, key, slot) = keyed.keyed_table(id)?;
    table.clean_up(now);
    let expired = |stamp| !ttl.return_expired && ttl.deadline(now).has_passed(stamp);
    if table.get(slot, key, &()).is_some_and(|stamped| expired(stamped.stamp)) {
        table.remove(slot, key, &());
    }
    let (stamped, _) = table.get_or_insert_with(slot, key, &(), || Stamped { value: default(), stamp: now.0 });
    stamped.stamp = now.0;
    Ok(&mut stamped.value)
}

impl<V: Data> Expire for Stamped<V> {
    fn expire(&mut self, deadline: Deadline) -> Expired {
        if deadline.has_passed(self.stamp) { Expired::All } else { Expired::Nothing }
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
