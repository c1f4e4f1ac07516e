//! States as they are registered: with what was restored for them, and with what is said about them in snapshots.

use super::KeyMap;
use super::shape::StateShape;
use super::state::{KeyedState, Named, TableId};
use super::table::{Arrange, NamesForm, StateTable};
use super::ttl::{Stamp, Ttl};
use crate::canonical::{Chunk, StateDescription, TableKind};
use crate::store::{KeyedStore, StateNumber};
use bytes::Bytes;
use flott_core::time::millis;
use flott_core::{Data, Error, Key, KeyGroup, Result};
use std::sync::Arc;

impl<K: Key> KeyedState<K> {
    /// As [`KeyedState::register`], for keys that have many namespaces each, which are found together
    /// ([`StateTable::for_each_of`]). In savepoints it is a map.
    ///
    /// # Errors
    /// As [`KeyedState::register`].
    pub fn register_by_key<N: Key, V: Data>(&mut self, name: &str) -> Result<TableId<N, V>> {
        let shape = StateShape::Map { timed: false };
        let table = self.restored_table(name, shape, Arrange::ByKey, None)?;
        self.add_table(name, shape, table, None)
    }

    /// Takes what was restored under a name that is not registered, because the operator keeps it in another form here, entry
    /// by entry. `is_by_key`: it was registered by [`KeyedState::register_by_key`].
    ///
    /// # Errors
    /// As [`KeyedState::register`], and those of `take`.
    pub fn take_restored<N: Key, V: Data>(
        &mut self,
        name: &str,
        is_by_key: bool,
        mut take: impl FnMut(&mut Self, &K, N, V) -> Result<()>,
    ) -> Result<()> {
        if self.restored_shape(name)?.is_none() {
            return Ok(());
        }
        let shape = if is_by_key { StateShape::Map { timed: false } } else { StateShape::Table };
        let mut table: StateTable<K, N, V> = self.restored_table(name, shape, Arrange::Flat, None)?;
        if !self.is_on_store() {
            let mut outcome = Ok(());
            table.drain(|key, namespace, value| {
                if outcome.is_ok() {
                    outcome = take(self, key, namespace.clone(), value.clone());
                }
            })?;
            return outcome;
        }
        for place in 0..self.range().len() {
            let mut rest = table.read(place, None)?;
            while let Some((entries, next)) = rest.take() {
                entries.into_iter().try_for_each(|(key, namespace, value)| take(self, &key, namespace, value))?;
                self.settle()?;
                if let Some(next) = next {
                    rest = table.read(place, Some(next))?;
                }
            }
            table.remove_stored(place)?;
        }
        self.stored.as_ref().map_or(Ok(()), |stored| stored.forget(name))
    }

    /// A table with what the checkpoint holds under `name`, which must be of this shape. `stamp` is that of values
    /// with a TTL.
    pub(super) fn restored_table<N: Key, V: Data>(
        &mut self,
        name: &str,
        shape: StateShape,
        arrange: Arrange,
        stamp: Stamp<V>,
    ) -> Result<StateTable<K, N, V>> {
        let mut table = StateTable::new(self.max(), self.range(), arrange);
        if let Some(stored) = &self.stored {
            stored.check(name, shape)?;
            let is_new = stored.shape(name)?.is_none();
            table.put_on(stored.store.clone(), (StateNumber::of(name), is_new), NamesForm::KEY_FIRST, stamp);
        }
        self.restored.apply(name, shape, || self.columns.entry_schema::<K, N, V>(name), &mut table)?;
        Ok(table)
    }

    /// The content of a table as that of one with other values under the same name.
    pub(super) fn converted<N: Key, V: Data, W: Data>(
        &mut self,
        name: &str,
        from: StateTable<K, N, V>,
        stamp: Stamp<W>,
        map: impl FnMut(V) -> W,
    ) -> Result<StateTable<K, N, W>> {
        let mut to = StateTable::new(self.max(), self.range(), from.arrange());
        if let Some(stored) = &self.stored {
            to.put_on(stored.store.clone(), (StateNumber::of(name), false), NamesForm::KEY_FIRST, stamp);
        }
        from.convert(&mut to, map)?;
        Ok(to)
    }

    /// Takes the values of a table on the store apart into parts, which are of this shape under the same name.
    pub(super) fn take_apart_in_store<V: Data, M: Key, W: Data>(
        &mut self,
        name: &str,
        from: StateTable<K, (), V>,
        (shape, stamp): (StateShape, Stamp<W>),
        parts: impl FnMut(V) -> Vec<(M, W)>,
    ) -> Result<()> {
        let Some(stored) = &self.stored else { return Ok(()) };
        let mut to = StateTable::new(self.max(), self.range(), Arrange::Flat);
        to.put_on(stored.store.clone(), (StateNumber::of(name), false), NamesForm::KEY_FIRST, stamp);
        from.take_apart(&mut to, parts)?;
        stored.note(name, shape)
    }

    /// The maps that a checkpoint of format 1 holds under `name`, one value for each key.
    pub(super) fn whole_maps<UK: Key, W: Data>(
        &mut self,
        name: &str,
        timed: bool,
    ) -> Result<StateTable<K, (), KeyMap<UK, W>>> {
        let mut maps = StateTable::new(self.max(), self.range(), Arrange::Flat);
        let own = || self.columns.entry_schema::<K, (), KeyMap<UK, W>>(name);
        self.restored.apply(name, StateShape::WholeMap { timed }, own, &mut maps)?;
        Ok(maps)
    }

    /// The shape in which the checkpoint holds `name`.
    pub(super) fn restored_shape(&self, name: &str) -> Result<Option<StateShape>> {
        match (self.restored.shape(name), &self.stored) {
            (None, Some(stored)) => stored.shape(name),
            (shape, _) => Ok(shape),
        }
    }

    /// Has the store drop values of a state that have expired.
    pub(super) fn expire_in_store(&self, name: &str, ttl: Ttl) {
        if let Some(stored) = &self.stored {
            stored.store.expire_after(StateNumber::of(name), ttl.duration());
        }
    }

    pub(super) fn add_table<N: Key, V: Data>(
        &mut self,
        name: &str,
        shape: StateShape,
        table: StateTable<K, N, V>,
        ttl: Option<Ttl>,
    ) -> Result<TableId<N, V>> {
        if self.tables.iter().any(|t| t.name == name) {
            return Err(Error::invalid(format!(
                "two states of one operator are called `{name}`; give each its own name"
            )));
        }
        if u16::try_from(name.len()).is_err() || self.tables.len() >= usize::from(u16::MAX) {
            return Err(Error::invalid(
                "an operator has more than 65535 states, or one with a name of more than 65535 bytes; use map state",
            ));
        }
        if let Some(stored) = &self.stored {
            if let Some(other) = self.tables.iter().find(|t| StateNumber::of(&t.name) == StateNumber::of(name)) {
                return Err(Error::invalid(format!(
                    "the states `{name}` and `{}` of one operator have names of the same hash; rename one of them",
                    other.name
                )));
            }
            stored.note(name, shape)?;
        }
        // A file before may hold, as unregistered, what the table holds now.
        self.chain.restart();
        let ttl_ms = ttl.map(|ttl| millis(ttl.duration()).unsigned_abs());
        let entry = self.columns.entry_schema::<K, N, V>(name);
        let description = Arc::new(StateDescription::new(name, shape, entry, ttl_ms));
        self.tables.push(Named { name: name.to_owned(), shape, description, table: Box::new(table) });
        Ok(TableId::new(self.tables.len() - 1))
    }

    /// What every state is, also those that were restored and that no one has registered. An index is no state.
    pub fn descriptions(&self) -> Vec<Arc<StateDescription>> {
        let states = self.tables.iter().filter(|table| table.shape != StateShape::Index);
        let registered = states.map(|table| &table.description);
        registered.chain(self.restored.descriptions()).cloned().collect()
    }

    /// Says more exactly what kind of state a value is.
    pub(super) fn set_kind(&mut self, name: &str, kind: TableKind) {
        if let Some(named) = self.tables.iter_mut().find(|table| table.name == name) {
            Arc::make_mut(&mut named.description).table.kind = kind;
        }
    }

    pub(super) fn add_restored(&mut self, file: Bytes) -> Result<()> {
        {
            let range = self.range();
            self.restored.add(range, self.stored.as_ref(), file)
        }
    }

    pub(super) fn add_restored_rows(&mut self, state: &Arc<StateDescription>, rows: &Chunk) -> Result<()> {
        {
            let range = self.range();
            self.restored.add_rows(state, range, self.stored.as_ref(), rows)
        }
    }

    pub(super) fn finish_restored_rows(&mut self, state: &str, end: KeyGroup) -> Result<()> {
        self.restored.finish_rows(state, end)
    }

    pub(super) fn restored_names(&self) -> Vec<String> {
        self.restored.names()
    }
}
