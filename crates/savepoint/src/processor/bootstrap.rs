//! State made from rows that a program has.

use super::files::StateFiles;
use super::operator::{operator_name, state_name};
use super::rows::StateRow;
use super::writer::OperatorWriter;
use crate::manifest::StateEntry;
use crate::{Row, TableKind, TableSchema};
use flott_core::schema::Schema;
use flott_core::time::millis;
use flott_core::{Data, Error, EventTime, Key, KeyHash, ProcessingTime, Result, codec};
use flott_state::Redistribution;
use std::time::Duration;

/// What an iterator of rows gives: the rows, or results of them, such as those that are read from another savepoint. The
/// first error ends it.
pub trait IntoRow<T> {
    /// The row.
    ///
    /// # Errors
    /// That of the iterator.
    fn into_row(self) -> Result<T>;
}

impl<T> IntoRow<T> for T {
    fn into_row(self) -> Result<T> {
        Ok(self)
    }
}

impl<T> IntoRow<T> for Result<T> {
    fn into_row(self) -> Result<T> {
        self
    }
}

/// A state to be written by [`OperatorWriter::rows`]: what it is besides its types.
#[derive(Clone, Debug)]
pub struct NewState {
    name: String,
    kind: TableKind,
    ttl: Option<Duration>,
    redistribution: Option<Redistribution>,
}

impl NewState {
    /// A state of this name and kind, without a time to live. Operator lists are dealt out item by item.
    pub fn new(name: &str, kind: TableKind) -> NewState {
        let redistribution = match kind {
            TableKind::OperatorList => Some(Redistribution::Split),
            TableKind::Broadcast => Some(Redistribution::Broadcast),
            _ => None,
        };
        NewState { name: name.to_owned(), kind, ttl: None, redistribution }
    }

    /// With a time to live: each row's `time` is when its value was last accessed.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> NewState {
        NewState { ttl: Some(ttl), ..self }
    }

    /// With another way of dealing out the items of an operator list.
    #[must_use]
    pub fn redistribution(self, redistribution: Redistribution) -> NewState {
        NewState { redistribution: Some(redistribution), ..self }
    }
}

impl OperatorWriter<'_> {
    /// Writes value state: one value for each key.
    ///
    /// Keys may come in any order. They are sorted by key group, 64 MiB at a time, each of which becomes a file. A key
    /// must not come twice; that is noticed if both are in one file.
    ///
    /// # Errors
    /// `Invalid` when the operator has such a state; `Data` when a key comes twice; that of the iterator; those of the
    /// store. So for every method.
    pub fn value<K: Key, V: Data>(
        &mut self,
        state: &str,
        values: impl IntoIterator<Item: IntoRow<(K, V)>>,
    ) -> Result<&mut Self> {
        self.one_each(state, TableKind::Value, values)
    }

    /// Writes reducing state: what the values of each key have been reduced to.
    ///
    /// # Errors
    /// As [`OperatorWriter::value`].
    pub fn reducing<K: Key, V: Data>(
        &mut self,
        state: &str,
        values: impl IntoIterator<Item: IntoRow<(K, V)>>,
    ) -> Result<&mut Self> {
        self.one_each(state, TableKind::Reducing, values)
    }

    /// Writes aggregating state: the accumulator of each key.
    ///
    /// # Errors
    /// As [`OperatorWriter::value`].
    pub fn aggregating<K: Key, A: Data>(
        &mut self,
        state: &str,
        accumulators: impl IntoIterator<Item: IntoRow<(K, A)>>,
    ) -> Result<&mut Self> {
        self.one_each(state, TableKind::Aggregating, accumulators)
    }

    /// Writes list state: the list of each key. An empty list is none.
    ///
    /// # Errors
    /// As [`OperatorWriter::value`].
    pub fn list<K: Key, V: Data>(
        &mut self,
        state: &str,
        lists: impl IntoIterator<Item: IntoRow<(K, Vec<V>)>>,
    ) -> Result<&mut Self> {
        let rows = lists.into_iter().flat_map(|list| {
            let (key, values, error) = match list.into_row() {
                Ok((key, values)) => (Some(key), values, None),
                Err(error) => (None, Vec::new(), Some(Err(error))),
            };
            let elements = values.into_iter().zip(0..).filter_map(move |(value, position)| {
                let key = key.clone()?;
                Some(Ok(StateRow { group: 0, key, namespace: (), map_key: (), position, time: 0, value }))
            });
            error.into_iter().chain(elements)
        });
        self.rows(NewState::new(state, TableKind::List), rows)
    }

    /// Writes map state, entry by entry: key, key in the map, value.
    ///
    /// # Errors
    /// As [`OperatorWriter::value`].
    pub fn map<K: Key, M: Key, V: Data>(
        &mut self,
        state: &str,
        entries: impl IntoIterator<Item: IntoRow<(K, M, V)>>,
    ) -> Result<&mut Self> {
        let rows = entries.into_iter().map(|entry| {
            let (key, map_key, value) = entry.into_row()?;
            Ok(StateRow { group: 0, key, namespace: (), map_key, position: 0, time: 0, value })
        });
        self.rows(NewState::new(state, TableKind::Map), rows)
    }

    /// Writes timers by event time: key, namespace (`()`, or the window), time. Those of process functions are called
    /// `user`, those of windows `window`; in the manifest the name has `_timers/event/` before it.
    ///
    /// # Errors
    /// As [`OperatorWriter::value`].
    pub fn event_timers<K: Key, N: Key>(
        &mut self,
        state: &str,
        timers: impl IntoIterator<Item: IntoRow<(K, N, EventTime)>>,
    ) -> Result<&mut Self> {
        let timers =
            timers.into_iter().map(|timer| timer.into_row().map(|(key, namespace, at)| (key, namespace, at.0)));
        self.timers(state, TableKind::EventTimers, timers)
    }

    /// Writes timers by the clock: key, namespace (`()`, or the window), time. They are called as those by event time, in
    /// the manifest with `_timers/processing/` before it.
    ///
    /// # Errors
    /// As [`OperatorWriter::value`].
    pub fn processing_timers<K: Key, N: Key>(
        &mut self,
        state: &str,
        timers: impl IntoIterator<Item: IntoRow<(K, N, ProcessingTime)>>,
    ) -> Result<&mut Self> {
        let timers =
            timers.into_iter().map(|timer| timer.into_row().map(|(key, namespace, at)| (key, namespace, at.0)));
        self.timers(state, TableKind::ProcessingTimers, timers)
    }

    /// Writes a list of the operator without keys, which is dealt out as `redistribution` says.
    ///
    /// # Errors
    /// As [`OperatorWriter::value`].
    pub fn operator_list<V: Data>(
        &mut self,
        state: &str,
        redistribution: Redistribution,
        items: impl IntoIterator<Item: IntoRow<V>>,
    ) -> Result<&mut Self> {
        let rows = items.into_iter().zip(0..).map(|(item, position)| {
            Ok(StateRow { group: 0, key: (), namespace: (), map_key: (), position, time: 0, value: item.into_row()? })
        });
        self.rows(NewState::new(state, TableKind::OperatorList).redistribution(redistribution), rows)
    }

    /// Writes broadcast state: the entries that every subtask gets.
    ///
    /// # Errors
    /// As [`OperatorWriter::value`].
    pub fn broadcast<M: Key, V: Data>(
        &mut self,
        state: &str,
        entries: impl IntoIterator<Item: IntoRow<(M, V)>>,
    ) -> Result<&mut Self> {
        let rows = entries.into_iter().map(|entry| {
            let (map_key, value) = entry.into_row()?;
            Ok(StateRow { group: 0, key: (), namespace: (), map_key, position: 0, time: 0, value })
        });
        self.rows(NewState::new(state, TableKind::Broadcast), rows)
    }

    /// Writes state of any kind, with all that a row has: the state of windows, or values with the time of their last
    /// access. What the state does not have is `()` and 0. The key group comes from the key. Elements of a list come one
    /// after the other from position 0.
    ///
    /// # Errors
    /// As [`OperatorWriter::value`].
    pub fn rows<K: Key, N: Key, M: Key, V: Data>(
        &mut self,
        state: NewState,
        rows: impl IntoIterator<Item: IntoRow<StateRow<K, N, M, V>>>,
    ) -> Result<&mut Self> {
        let name = state.name.clone();
        self.placed(&name, |this| this.add_state(state, rows))?;
        Ok(self)
    }

    fn one_each<K: Key, V: Data>(
        &mut self,
        state: &str,
        kind: TableKind,
        values: impl IntoIterator<Item: IntoRow<(K, V)>>,
    ) -> Result<&mut Self> {
        let rows = values.into_iter().map(|pair| {
            let (key, value) = pair.into_row()?;
            Ok(StateRow { group: 0, key, namespace: (), map_key: (), position: 0, time: 0, value })
        });
        self.rows(NewState::new(state, kind), rows)
    }

    fn timers<K: Key, N: Key>(
        &mut self,
        state: &str,
        kind: TableKind,
        timers: impl Iterator<Item = Result<(K, N, i64)>>,
    ) -> Result<&mut Self> {
        let rows = timers.map(|timer| {
            let (key, namespace, time) = timer?;
            Ok(StateRow { group: 0, key, namespace, map_key: (), position: 0, time, value: () })
        });
        self.rows(NewState::new(state, kind), rows)
    }

    fn add_state<K: Key, N: Key, M: Key, V: Data>(
        &mut self,
        state: NewState,
        rows: impl IntoIterator<Item: IntoRow<StateRow<K, N, M, V>>>,
    ) -> Result<()> {
        let NewState { name, kind, ttl, redistribution } = state;
        let name = state_name(kind, &name);
        let is_same = |other: &StateEntry| other.name == name && other.table.kind.is_keyed() == kind.is_keyed();
        if self.entry().states.iter().any(is_same) {
            return Err(Error::invalid("there is such a state already; remove it first by `remove_state`"));
        }
        let redistribution = redistribution.filter(|_| !kind.is_keyed());
        let table = TableSchema::new(kind, Schema::of::<V>())
            .key(Schema::of::<K>())
            .namespace(Schema::of::<N>())
            .map_key(Schema::of::<M>())
            .stamped(ttl.is_some());
        let max = self.entry().max_parallelism;
        let operator = operator_name(self.entry());
        let mut files =
            StateFiles::sorted(&mut self.writer.target, &operator, &name, table.clone(), |key| shown::<K>(key));
        let mut parts = [const { Vec::new() }; 4];
        for row in rows {
            let row = row.into_row()?;
            parts.iter_mut().for_each(Vec::clear);
            codec::encode(&row.key, &mut parts[0])?;
            codec::encode(&row.namespace, &mut parts[1])?;
            codec::encode(&row.map_key, &mut parts[2])?;
            codec::encode(&row.value, &mut parts[3])?;
            let [key, namespace, map_key, value] = &parts;
            let group = if kind.is_keyed() { max.key_group(KeyHash::of(&row.key)).0.into() } else { row.group };
            files.push(Row { group, key, namespace, map_key, position: row.position, time: row.time, value })?;
        }
        let files = files.finish()?;
        let ttl_ms = ttl.map(|ttl| millis(ttl).unsigned_abs());
        self.entry_mut().states.push(StateEntry { name, table, ttl_ms, redistribution, files });
        Ok(())
    }
}

/// A key for people.
fn shown<K: Key>(bytes: &[u8]) -> String {
    let text = codec::from_bytes::<K>(bytes).ok().and_then(|key| serde_json::to_string(&key).ok());
    text.map_or_else(|| format!("of {} bytes", bytes.len()), |text| format!("`{text}`"))
}
