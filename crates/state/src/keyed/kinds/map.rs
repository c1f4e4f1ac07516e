//! A map per key.

use super::handle::{Bound, Handle, Stamping};
use crate::keyed::shape::StateShape;
use crate::keyed::table::{Expire, Expired};
use crate::keyed::ttl::{Deadline, Stamped, StateTtl, Ttl};
use crate::keyed::{KeyMap, KeyedState, StateAccess, TableId};
use flott_core::{Data, Key, ProcessingTime, Result};
use serde::{Deserialize, Serialize};

/// A map per key (Flink's `MapState`). With a TTL each entry expires on its own. Entries come in no particular
/// order. Differs from Flink on purpose: expired entries do not count in [`MapState::is_empty`].
pub struct MapState<UK, UV> {
    handle: Handle<KeyMap<UK, UV>, StampedMap<UK, UV>>,
}

/// A map whose values carry stamps.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "UK: Key, UV: Data", transparent)]
struct StampedMap<UK, UV> {
    entries: KeyMap<UK, Stamped<UV>>,
    /// No stamp is older, so that most clean-ups need not look at the entries.
    #[serde(skip, default = "long_ago")]
    oldest: i64,
}

fn long_ago() -> i64 {
    i64::MIN
}

impl<UK: Key, UV: Data> MapState<UK, UV> {
    /// Registers the state `name` of an operator and fills it with what the checkpoint holds for it.
    ///
    /// # Errors
    /// As [`super::ValueState::register`].
    pub fn register<K: Key>(keyed: &mut KeyedState<K>, name: &str, ttl: Option<StateTtl>) -> Result<Self> {
        let stamping = Stamping { add: StampedMap::of, drop: StampedMap::into_plain };
        let handle = Handle::register(keyed, name, StateShape::Map { timed: false }, ttl, &stamping)?;
        Ok(MapState { handle })
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
                Ok(table.get(slot, key, &()).and_then(|map| map.get(map_key)))
            }
            Bound::Timed(id, ttl) => get_timed(cx, id, ttl, map_key),
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
                table.get_or_insert_with(slot, key, &(), KeyMap::default).0.insert(map_key, value);
            }
            Bound::Timed(id, _) => {
                let (map, now) = map_timed(cx, id)?;
                map.entries.insert(map_key, Stamped { value, stamp: now.0 });
                map.oldest = map.oldest.min(now.0);
            }
        }
        Ok(())
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
                let (map, _) = table.get_or_insert_with(slot, key, &(), KeyMap::default);
                Ok(change(map.get_or_insert_with(map_key, default)))
            }
            Bound::Timed(id, ttl) => {
                let (map, now) = map_timed(cx, id)?;
                let deadline = ttl.deadline(now);
                if !ttl.return_expired && map.entries.get(&map_key).is_some_and(|s| deadline.has_passed(s.stamp)) {
                    map.entries.remove(&map_key);
                }
                map.oldest = map.oldest.min(now.0);
                let make = || Stamped { value: default(), stamp: now.0 };
                let stamped = map.entries.get_or_insert_with(map_key, make);
                stamped.stamp = now.0;
                Ok(change(&mut stamped.value))
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
                if !table.get(slot, key, &()).is_some_and(|map| map.contains(map_key)) {
                    return Ok(None);
                }
                let Some(map) = table.get_mut(slot, key, &()) else { return Ok(None) };
                let value = map.remove(map_key);
                if map.is_empty() {
                    table.remove(slot, key, &());
                }
                Ok(value)
            }
            Bound::Timed(id, ttl) => {
                let keyed = cx.keyed_state();
                let now = keyed.now();
                let (table, key, slot) = keyed.keyed_table(id)?;
                table.clean_up(now);
                let Some(map) = table.get_mut(slot, key, &()) else { return Ok(None) };
                let removed = map.entries.remove(map_key);
                if map.entries.is_empty() {
                    table.remove(slot, key, &());
                }
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
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                Ok(table.get(slot, key, &()).map_or(0, KeyMap::len))
            }
            Bound::Timed(id, ttl) => {
                let keyed = cx.keyed_state();
                let deadline = ttl.deadline(keyed.now());
                let (table, key, slot) = keyed.keyed_table(id)?;
                let visible = |s: &Stamped<UV>| ttl.return_expired || !deadline.has_passed(s.stamp);
                let map = table.get(slot, key, &());
                Ok(map.map_or(0, |map| map.entries.iter().filter(|(_, s)| visible(s)).count()))
            }
        }
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
    pub fn for_each<C: StateAccess>(&self, cx: &mut C, mut visit: impl FnMut(&UK, &UV)) -> Result<()> {
        match self.handle.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                if let Some(map) = table.get(slot, key, &()) {
                    map.iter().for_each(|(map_key, value)| visit(map_key, value));
                }
            }
            Bound::Timed(id, ttl) => visit_timed(cx, id, ttl, visit)?,
        }
        Ok(())
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
        self.handle.clear(cx)
    }

    /// Every key that has a map, as [`super::ValueState::keys`].
    ///
    /// # Errors
    /// `Invalid` when the state was not registered.
    pub fn keys<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<C::Key>> {
        self.handle.keys(cx)
    }
}

/// The current key's map, made if there is none, about to be written.
fn map_timed<UK: Key, UV: Data, C: StateAccess>(
    cx: &mut C,
    id: TableId<(), StampedMap<UK, UV>>,
) -> Result<(&mut StampedMap<UK, UV>, ProcessingTime)> {
    let keyed = cx.keyed_state();
    let now = keyed.now();
    let (table, key, slot) = keyed.keyed_table(id)?;
    table.clean_up(now);
    let (map, _) = table.get_or_insert_with(slot, key, &(), || StampedMap::of(KeyMap::default(), now.0));
    Ok((map, now))
}

fn get_timed<'a, UK: Key, UV: Data, C: StateAccess>(
    cx: &'a mut C,
    id: TableId<(), StampedMap<UK, UV>>,
    ttl: Ttl,
    map_key: &UK,
) -> Result<Option<&'a UV>> {
    let keyed = cx.keyed_state();
    let now = keyed.now();
    let (table, key, slot) = keyed.keyed_table(id)?;
    table.clean_up(now);
    let found = table.get(slot, key, &()).and_then(|map| map.entries.get(map_key));
    let Some(stamp) = found.map(|stamped| stamped.stamp) else { return Ok(None) };
    if ttl.deadline(now).has_passed(stamp) {
        let Some(map) = table.get_mut(slot, key, &()) else { return Ok(None) };
        let Some(expired) = map.entries.remove(map_key) else { return Ok(None) };
        if map.entries.is_empty() {
            table.remove(slot, key, &());
        }
        let returned = [(map_key.clone(), expired)].into_iter().collect();
        let returned = table.return_expired(StampedMap { entries: returned, oldest: stamp });
        return Ok(returned.and_then(|map| map.entries.get(map_key)).map(|stamped| &stamped.value));
    }
    if ttl.refresh_on_read
        && stamp != now.0
        && let Some(stamped) = table.get_mut(slot, key, &()).and_then(|map| map.entries.get_mut(map_key))
    {
        stamped.stamp = now.0;
    }
    Ok(table.get(slot, key, &()).and_then(|map| map.entries.get(map_key)).map(|stamped| &stamped.value))
}

/// Visits every entry as reading it would: what has expired goes, the rest is refreshed.
fn visit_timed<UK: Key, UV: Data, C: StateAccess>(
    cx: &mut C,
    id: TableId<(), StampedMap<UK, UV>>,
    ttl: Ttl,
    mut visit: impl FnMut(&UK, &UV),
) -> Result<()> {
    let keyed = cx.keyed_state();
    let now = keyed.now();
    let deadline = ttl.deadline(now);
    let (table, key, slot) = keyed.keyed_table(id)?;
    table.clean_up(now);
    let Some(map) = table.get(slot, key, &()) else { return Ok(()) };
    let changes = |s: &Stamped<UV>| deadline.has_passed(s.stamp) || ttl.refresh_on_read && s.stamp != now.0;
    if !map.entries.iter().any(|(_, stamped)| changes(stamped)) {
        map.entries.iter().for_each(|(map_key, stamped)| visit(map_key, &stamped.value));
        return Ok(());
    }
    let Some(map) = table.get_mut(slot, key, &()) else { return Ok(()) };
    map.entries.retain(|map_key, stamped| {
        let expired = deadline.has_passed(stamped.stamp);
        if !expired || ttl.return_expired {
            visit(map_key, &stamped.value);
        }
        if ttl.refresh_on_read {
            stamped.stamp = now.0;
        }
        !expired
    });
    if map.entries.is_empty() {
        table.remove(slot, key, &());
    }
    Ok(())
}

impl<UK: Key, UV: Data> StampedMap<UK, UV> {
    fn of(map: KeyMap<UK, UV>, stamp: i64) -> Self {
        let entries = map.into_iter().map(|(key, value)| (key, Stamped { value, stamp })).collect();
        StampedMap { entries, oldest: stamp }
    }

    fn into_plain(self) -> KeyMap<UK, UV> {
        self.entries.into_iter().map(|(key, stamped)| (key, stamped.value)).collect()
    }
}

impl<UK: Key, UV: Data> Expire for StampedMap<UK, UV> {
    fn expire(&mut self, deadline: Deadline) -> Expired {
        if !deadline.has_passed(self.oldest) {
            return Expired::Nothing;
        }
        let before = self.entries.len();
        let mut oldest = i64::MAX;
        self.entries.retain(|_, stamped| {
            let keep = !deadline.has_passed(stamped.stamp);
            if keep {
                oldest = oldest.min(stamped.stamp);
            }
            keep
        });
        self.oldest = oldest;
        match self.entries.len() {
            0 => Expired::All,
            left if left < before => Expired::Part,
            _ => Expired::Nothing,
        }
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
