//! A map per key.

use super::handle::{Bound, Handle, Stamping, now};
use super::{StateEntry, timed};
use crate::keyed::shape::StateShape;
use crate::keyed::table::Arrange;
use crate::keyed::ttl::{Stamped, StateTtl, Ttl};
use crate::keyed::{BinaryRow, KeyMap, KeySlot, KeyedState, StateAccess, StateTable};
use flott_core::schema::Column;
use flott_core::{Data, Key, ProcessingTime, Result};

/// A map per key (Flink's `MapState`). Each entry is looked up, written and, with a TTL, expires on its own. Entries
/// come in no particular order. Differs from Flink on purpose: expired entries do not count in [`MapState::is_empty`].
pub struct MapState<UK, UV> {
    handle: Handle<UK, UV, Stamped<UV>>,
}

impl<UK: Key, UV: Data> MapState<UK, UV> {
    /// Registers the state `name` of an operator and fills it with what the checkpoint holds for it.
    ///
    /// # Errors
    /// As [`super::ValueState::register`].
    pub fn register<K: Key>(keyed: &mut KeyedState<K>, name: &str, ttl: Option<StateTtl>) -> Result<Self> {
        let stamping = Stamping { add: |value, stamp| Stamped { value, stamp }, drop: |stamped| stamped.value };
        let kind = (StateShape::Map { timed: false }, Arrange::ByKey);
        // Checkpoints of format 1 held a key's map as one value.
        let whole: Vec<(K, UK, Stamped<UV>)> = match keyed.restored_shape(name)? {
            Some(StateShape::WholeMap { timed: false }) => {
                let now = keyed.now().0;
                whole_maps(keyed, name, false, |value: UV| Stamped { value, stamp: now })?
            }
            Some(StateShape::WholeMap { timed: true }) => {
                whole_maps(keyed, name, true, |stamped: Stamped<UV>| stamped)?
            }
            _ => Vec::new(),
        };
        let state = MapState { handle: Handle::register(keyed, name, kind, ttl, &stamping)? };
        for (key, map_key, Stamped { value, stamp }) in whole {
            let slot = keyed.slot(&key);
            match state.handle.bound()? {
                Bound::Plain(id) => keyed.table(id).insert(slot, &key, &map_key, value)?,
                Bound::Timed(id, _) => keyed.table(id).insert(slot, &key, &map_key, Stamped { value, stamp })?,
            };
        }
        Ok(state)
    }

    /// The value under `map_key` in the current key's map.
    ///
    /// # Errors
    /// `Invalid` when the state was not registered or no key is set; so for every method.
    #[inline]
    pub fn get<'a, C: StateAccess>(&self, cx: &'a mut C, map_key: &UK) -> Result<Option<&'a UV>> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.get(slot, key, map_key)
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                timed::get((table, slot, key, map_key), ttl, now)
            }
        }
    }

    /// Whether there is a value under `map_key`.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn contains<C: StateAccess>(&self, cx: &mut C, map_key: &UK) -> Result<bool> {
        Ok(self.get(cx, map_key)?.is_some())
    }

    /// Sets the value under `map_key`.
    ///
    /// # Errors
    /// As [`MapState::get`].
    #[inline]
    pub fn put<C: StateAccess>(&self, cx: &mut C, map_key: UK, value: UV) -> Result<()> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.insert(slot, key, &map_key, value).map(drop)
            }
            Bound::Timed(id, _) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                timed::set((table, slot, key, &map_key), now, value)
            }
        }
    }

    /// Changes the value under `map_key` in place, which is made by `default` if there is none.
    ///
    /// # Errors
    /// As [`MapState::get`].
    #[inline]
    pub fn update<C: StateAccess, R>(
        &self,
        cx: &mut C,
        map_key: UK,
        default: impl FnOnce() -> UV,
        change: impl FnOnce(&mut UV) -> R,
    ) -> Result<R> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                Ok(change(table.get_or_insert_with(slot, key, &map_key, default)?.0))
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                timed::entry((table, slot, key, &map_key), ttl, now, default).map(change)
            }
        }
    }

    /// Removes the value under `map_key` and returns it.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn remove<C: StateAccess>(&self, cx: &mut C, map_key: &UK) -> Result<Option<UV>> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.remove(slot, key, map_key)
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.clean_up(now)?;
                let removed = table.remove(slot, key, map_key)?;
                let visible = |s: &Stamped<UV>| ttl.return_expired || !ttl.deadline(now).has_passed(s.stamp);
                Ok(removed.filter(visible).map(|s| s.value))
            }
        }
    }

    /// Number of entries of the current key's map.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn len<C: StateAccess>(&self, cx: &mut C) -> Result<usize> {
        let mut count = 0;
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.for_each_of(slot, key, |_, _| count += 1)?;
            }
            Bound::Timed(id, ttl) => {
                let deadline = ttl.deadline(now(cx));
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                let visible = |s: &Stamped<UV>| ttl.return_expired || !deadline.has_passed(s.stamp);
                table.for_each_of(slot, key, |_, stamped| count += usize::from(visible(stamped)))?;
            }
        }
        Ok(count)
    }

    /// Whether the current key's map has no entries.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn is_empty<C: StateAccess>(&self, cx: &mut C) -> Result<bool> {
        Ok(self.len(cx)? == 0)
    }

    /// Calls `visit` with every entry of the current key's map.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn for_each<C: StateAccess>(&self, cx: &mut C, visit: impl FnMut(&UK, &UV)) -> Result<()> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.for_each_of(slot, key, visit)
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                visit_timed((table, slot, key), ttl, now, visit)
            }
        }
    }

    /// Calls `each` with the number of each of these keys, whose slots are `slots`, and with what its map has under the map
    /// key of that number, in order. What is not in memory is looked up in the store at once.
    ///
    /// # Errors
    /// As [`MapState::get`], and what `each` returns.
    pub fn update_all<C: StateAccess>(
        &self,
        cx: &mut C,
        keys: &[C::Key],
        slots: &[KeySlot],
        map_keys: &[UK],
        mut each: impl FnMut(usize, StateEntry<'_, C::Key, UK, UV>) -> Result<()>,
    ) -> Result<()> {
        let mut numbers = 0..;
        let mut next = move || numbers.next().unwrap_or_default();
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let table = cx.keyed_state().table(id);
                table.entries_of_pairs(keys, slots, map_keys, |entry| each(next(), StateEntry::plain(entry)))
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let table = cx.keyed_state().table(id);
                table.entries_of_pairs(keys, slots, map_keys, |entry| each(next(), StateEntry::timed(entry, ttl, now)))
            }
        }
    }

    /// Calls `visit` with the number of each of these keys, whose slots are `slots`, and every entry of its map. On a store
    /// the map of a key that is not in memory is read whole.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn for_each_all<C: StateAccess>(
        &self,
        cx: &mut C,
        keys: &[C::Key],
        slots: &[KeySlot],
        mut visit: impl FnMut(usize, &UK, &UV),
    ) -> Result<()> {
        let mut all = keys.iter().zip(slots).enumerate();
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let table = cx.keyed_state().table(id);
                all.try_for_each(|(n, (key, slot))| table.for_each_of(*slot, key, |name, value| visit(n, name, value)))
            }
            Bound::Timed(id, ttl) => {
                let now = now(cx);
                let table = cx.keyed_state().table(id);
                all.try_for_each(|(n, (key, slot))| {
                    visit_timed((&mut *table, *slot, key), ttl, now, |name, value| visit(n, name, value))
                })
            }
        }
    }

    /// A copy of every entry of the current key's map.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn entries<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<(UK, UV)>> {
        let mut entries = Vec::new();
        self.for_each(cx, |map_key, value| entries.push((map_key.clone(), value.clone())))?;
        Ok(entries)
    }

    /// Removes the current key's map.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn clear<C: StateAccess>(&self, cx: &mut C) -> Result<()> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.remove_all_of(slot, key)
            }
            Bound::Timed(id, _) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.remove_all_of(slot, key)
            }
        }
    }

    /// Every key that has a map, as [`super::ValueState::keys`].
    ///
    /// # Errors
    /// `Invalid` when the state was not registered.
    pub fn keys<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<C::Key>> {
        self.handle.keys(cx)
    }
}

/// Visits every entry as reading it would: what has expired goes, the rest is refreshed.
fn visit_timed<K: Key, UK: Key, UV: Data>(
    (table, slot, key): (&mut StateTable<K, UK, Stamped<UV>>, KeySlot, &K),
    ttl: Ttl,
    now: ProcessingTime,
    mut visit: impl FnMut(&UK, &UV),
) -> Result<()> {
    let deadline = ttl.deadline(now);
    table.clean_up(now)?;
    let (mut expired, mut refreshed) = (Vec::new(), Vec::new());
    table.for_each_of(slot, key, |map_key, stamped| {
        let is_expired = deadline.has_passed(stamped.stamp);
        if !is_expired || ttl.return_expired {
            visit(map_key, &stamped.value);
        }
        if is_expired {
            expired.push(map_key.clone());
        } else if ttl.refresh_on_read && stamped.stamp != now.0 {
            refreshed.push(map_key.clone());
        }
    })?;
    for map_key in &expired {
        table.remove(slot, key, map_key)?;
    }
    for map_key in &refreshed {
        if let Some(stamped) = table.get_mut(slot, key, map_key)? {
            stamped.stamp = now.0;
        }
    }
    Ok(())
}

/// The entries of maps that a checkpoint holds as one value each.
fn whole_maps<K: Key, UK: Key, UV: Data, W: Data>(
    keyed: &mut KeyedState<K>,
    name: &str,
    timed: bool,
    stamped: impl Fn(W) -> Stamped<UV>,
) -> Result<Vec<(K, UK, Stamped<UV>)>> {
    let mut maps: StateTable<K, (), KeyMap<UK, W>> = keyed.whole_maps(name, timed)?;
    let mut entries = Vec::new();
    maps.drain(|key, (), map| {
        let map = std::mem::take(map);
        entries.extend(map.into_iter().map(|(map_key, value)| (key.clone(), map_key, stamped(value))));
    })?;
    Ok(entries)
}

impl<UV: Data> MapState<BinaryRow, UV> {
    /// As [`MapState::register`], for maps whose keys are rows of the columns `map_key`, and whose values, if they are rows,
    /// have the columns `value`. Snapshots tell the columns, and a checkpoint of others is refused.
    ///
    /// # Errors
    /// As [`MapState::register`].
    pub fn register_rows<K: Key>(
        keyed: &mut KeyedState<K>,
        name: &str,
        map_key: Vec<Column>,
        value: Vec<Column>,
        ttl: Option<StateTtl>,
    ) -> Result<Self> {
        keyed.columns.set(name, map_key, value);
        Self::register(keyed, name, ttl)
    }
}

impl<UK, UV> Clone for MapState<UK, UV> {
    fn clone(&self) -> Self {
        MapState { handle: self.handle.clone() }
    }
}

impl<UK, UV> Default for MapState<UK, UV> {
    fn default() -> Self {
        MapState { handle: Handle::default() }
    }
}
