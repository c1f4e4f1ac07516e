//! The keyed state of one operator: its tables, its timers, the current key.

use super::hot::HotKeys;
use super::opened::OpenSnapshot;
use super::restored::Restored;
use super::row::{BinaryRow, Columns};
use super::shape::StateShape;
use super::snapshot::Chain;
use super::stored::StoredState;
use super::table::{AnyTable, Arrange, NamesForm, StateTable};
use super::timers::AnyTimers;
use super::{KeySlot, TimerKind, Timers};
use crate::WorkingSet;
use crate::canonical::StateDescription;
use crate::checkpoint::SharedFiles;
use crate::store::{KeyedStore, StateNumber};
use flott_core::schema::Column;
use flott_core::{Data, Error, Key, KeyGroupRange, KeyHash, MaxParallelism, ProcessingTime, Result};
use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// Of how many keys an operator best has the state fetched at once ([`KeyedState::prefetch`]).
pub const PREFETCH_KEYS: usize = 64;

/// Which state of an operator: made by registering it, used by the state kinds.
pub struct TableId<N, V> {
    number: usize,
    types: PhantomData<fn() -> (N, V)>,
}

impl<N, V> TableId<N, V> {
    pub(super) fn new(number: usize) -> Self {
        TableId { number, types: PhantomData }
    }

    pub(super) fn number(self) -> usize {
        self.number
    }
}

impl<N, V> Clone for TableId<N, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N, V> Copy for TableId<N, V> {}

/// Which timers of an operator.
pub struct TimersId<N> {
    number: usize,
    types: PhantomData<fn() -> N>,
}

impl<N> TimersId<N> {
    pub(super) fn new(number: usize) -> Self {
        TimersId { number, types: PhantomData }
    }
}

impl<N> Clone for TimersId<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for TimersId<N> {}

/// A registered state.
pub(super) struct Named<K> {
    pub name: String,
    pub shape: StateShape,
    pub description: Arc<StateDescription>,
    pub table: Box<dyn AnyTable<K>>,
}

/// All keyed state of an operator whose keys are `K`, for the key groups that the subtask owns.
pub struct KeyedState<K> {
    pub(super) max: MaxParallelism,
    pub(super) range: KeyGroupRange,
    /// In order of registration.
    pub(super) tables: Vec<Named<K>>,
    pub(super) timers: Vec<Box<dyn AnyTimers>>,
    current: Option<(K, KeySlot)>,
    /// Timers are not registered any more.
    quiesced: bool,
    /// The time that TTL goes by: read from the clock once per batch.
    now: ProcessingTime,
    /// State of the checkpoint that no one has registered yet.
    pub(super) restored: Restored,
    pub(super) chain: Chain,
    /// What lies below; nothing on the heap.
    pub(super) stored: Option<StoredState>,
    /// A snapshot that is not taken in full yet.
    pub(super) opened: Option<OpenSnapshot>,
    pub(super) working_set: Arc<WorkingSet>,
    /// What rows are, where keys or values are rows.
    pub(super) columns: Columns,
    /// If someone watches which keys are hot.
    pub(super) hot: Option<HotKeys<K>>,
}

impl<K: Key> KeyedState<K> {
    /// Empty state for the key groups of `range`, of `max` in all.
    pub fn new(max: MaxParallelism, range: KeyGroupRange) -> Self {
        KeyedState {
            max,
            range,
            tables: Vec::new(),
            timers: Vec::new(),
            current: None,
            quiesced: false,
            now: ProcessingTime(0),
            restored: Restored::default(),
            chain: Chain::default(),
            stored: None,
            opened: None,
            working_set: WorkingSet::fixed(usize::MAX),
            columns: Columns::default(),
            hot: None,
        }
    }

    /// Tells `working_set` how much memory the state takes from now on.
    pub fn use_memory(&mut self, working_set: Arc<WorkingSet>) {
        self.working_set = working_set;
    }

    /// Puts the state on a store, of whose files `stored` are in storage already, before anything is registered. About as
    /// much of it as `working_set` allows is kept in memory, decoded.
    ///
    /// # Errors
    /// `Internal` when something is.
    pub fn use_store(
        &mut self,
        store: Arc<dyn KeyedStore>,
        stored: SharedFiles,
        working_set: Arc<WorkingSet>,
    ) -> Result<()> {
        if !self.tables.is_empty() {
            return Err(Error::internal("keyed state was put on a store after states were registered"));
        }
        self.stored = Some(StoredState::new(store, working_set.clone(), stored));
        self.use_memory(working_set);
        Ok(())
    }

    /// Whether the state lies on a store: what is not in memory has to be read.
    #[inline]
    pub fn is_on_store(&self) -> bool {
        self.stored.is_some()
    }

    /// Registers the state `name` and fills it with what the checkpoint holds for it.
    ///
    /// # Errors
    /// `Invalid` when the name is taken; `Corrupt` when the checkpoint holds something of another type under it.
    pub fn register<N: Key, V: Data>(&mut self, name: &str) -> Result<TableId<N, V>> {
        let table = self.restored_table(name, StateShape::Table, Arrange::Flat, None)?;
        self.add_table(name, StateShape::Table, table, None)
    }

    /// As [`KeyedState::register`], for namespaces that many keys share, as windows of the same bounds do: what is
    /// held for one namespace lies together.
    ///
    /// # Errors
    /// As [`KeyedState::register`].
    pub fn register_parted<N: Key, V: Data>(&mut self, name: &str) -> Result<TableId<N, V>> {
        let table = self.restored_table(name, StateShape::Table, Arrange::ByNamespace, None)?;
        self.add_table(name, StateShape::Table, table, None)
    }

    /// The table of a registered state.
    ///
    /// # Panics
    /// When `id` was made by another operator's state.
    #[inline]
    pub fn table<N: Key, V: Data>(&mut self, id: TableId<N, V>) -> &mut StateTable<K, N, V> {
        match table_of(&mut self.tables, id) {
            Some(table) => table,
            None => unreachable!("a state's handle is used with the operator that made it"),
        }
    }

    /// The table of a registered state, and the current key with its slot.
    ///
    /// # Errors
    /// `Invalid` when no key is set (state is used outside of a keyed call), or when `id` is another operator's.
    #[inline]
    pub fn keyed_table<N: Key, V: Data>(
        &mut self,
        id: TableId<N, V>,
    ) -> Result<(&mut StateTable<K, N, V>, &K, KeySlot)> {
        let Some((key, slot)) = &self.current else { return Err(no_key()) };
        let Some(table) = table_of(&mut self.tables, id) else { return Err(foreign_handle()) };
        Ok((table, key, *slot))
    }

    /// Registers timers whose namespace is `N` and takes over those of the checkpoint.
    ///
    /// # Errors
    /// As [`KeyedState::register`].
    pub fn register_timers<N: Key>(&mut self, kind: TimerKind, name: &str) -> Result<TimersId<N>> {
        let name = format!("_timers/{}/{name}", kind.name());
        let table = self.add_timers_table::<N>(&name)?;
        let mut timers = Timers::<K, N>::new(kind, table.number);
        let (max, range) = (self.max, self.range);
        timers.rebuild(self.table(table), |key| KeySlot::of(key, max, range))?;
        self.timers.push(Box::new(timers));
        Ok(TimersId::new(self.timers.len() - 1))
    }

    fn add_timers_table<N: Key>(&mut self, name: &str) -> Result<TableId<(i64, N), ()>> {
        let Some(stored) = &self.stored else { return self.register(name) };
        stored.check(name, StateShape::Timers)?;
        let mut table = StateTable::new(self.max, self.range, Arrange::Flat);
        // Timers that are far off are never here.
        table.put_on(stored.store.clone(), (StateNumber::of(name), false), NamesForm::TIME_FIRST, None);
        table.pin();
        let own = || self.columns.entry_schema::<K, (i64, N), ()>(name);
        self.restored.apply(name, StateShape::Table, own, &mut table)?;
        self.add_table(name, StateShape::Timers, table, None)
    }

    /// Registers a timer of the current key. The same (key, namespace, time) twice is one timer. Returns whether it
    /// is new; on a store, where timers that are far off are not looked up, one of those is always taken for new.
    ///
    /// # Errors
    /// `Invalid` when no key is set.
    #[inline]
    pub fn register_timer<N: Key>(&mut self, id: TimersId<N>, namespace: &N, time: i64) -> Result<bool> {
        let KeyedState { timers, tables, current, quiesced, max, range, .. } = self;
        let Some((key, slot)) = current else { return Err(no_key()) };
        if *quiesced {
            return Ok(false);
        }
        let (timers, table) = timers_and_table(timers, tables, id).ok_or_else(foreign_handle)?;
        timers.register(table, *slot, key, namespace, time, |key| KeySlot::of(key, *max, *range))
    }

    /// In batch mode, at the end of keys: timers that are registered from now on are ignored.
    pub(super) fn quiesce_timers(&mut self) {
        self.quiesced = true;
    }

    /// Drops everything that is kept of all keys and takes timers again.
    pub(super) fn clear_all(&mut self) {
        self.tables.iter_mut().for_each(|t| t.table.clear());
        self.timers.iter_mut().for_each(|t| t.clear());
        self.current = None;
        self.quiesced = false;
        self.chain.restart();
    }

    /// Removes a timer of the current key; nothing happens if there is none.
    ///
    /// # Errors
    /// `Invalid` when no key is set.
    pub fn delete_timer<N: Key>(&mut self, id: TimersId<N>, namespace: &N, time: i64) -> Result<()> {
        let KeyedState { timers, tables, current, max, range, .. } = self;
        let Some((key, slot)) = current else { return Err(no_key()) };
        let (timers, table) = timers_and_table(timers, tables, id).ok_or_else(foreign_handle)?;
        timers.delete(table, *slot, key, namespace, time, |key| KeySlot::of(key, *max, *range))
    }

    /// Takes the earliest timer that is due at `up_to` and makes its key the current one. Returns its time and
    /// namespace. Timers of one time come in no particular order.
    ///
    /// # Errors
    /// Those of the store, where there is one.
    pub fn pop_timer<N: Key>(&mut self, id: TimersId<N>, up_to: i64) -> Result<Option<(i64, N)>> {
        let (max, range) = (self.max, self.range);
        let (timers, table) = timers_and_table(&mut self.timers, &mut self.tables, id).ok_or_else(foreign_handle)?;
        let popped = timers.pop(table, up_to, |key| KeySlot::of(key, max, range))?;
        Ok(popped.map(|(time, key, slot, namespace)| {
            self.current = Some((key, slot));
            (time, namespace)
        }))
    }

    /// The earliest processing-time timer. It may have been deleted since, so that nothing is due then.
    pub fn next_processing_timer(&self) -> Option<ProcessingTime> {
        self.timers
            .iter()
            .filter(|t| t.kind() == TimerKind::ProcessingTime)
            .filter_map(|t| t.first())
            .min()
            .map(ProcessingTime)
    }

    /// Makes `key` the current key.
    #[inline]
    pub fn set_key(&mut self, key: &K) {
        self.set_key_at(key, self.slot(key));
    }

    /// As [`KeyedState::set_key`], for a slot that [`KeyedState::slot`] has given for this key.
    #[inline]
    pub fn set_key_at(&mut self, key: &K, slot: KeySlot) {
        match &mut self.current {
            Some((current, current_slot)) => {
                current.clone_from(key);
                *current_slot = slot;
            }
            None => self.current = Some((key.clone(), slot)),
        }
    }

    /// Begins to fetch what all states without namespace hold for these keys. An operator calls it with
    /// [`PREFETCH_KEYS`] records of its batch at a time, before it processes them: accesses to many keys then wait
    /// far less for memory. Small states are left alone.
    ///
    /// ```
    /// # use flott_core::{MaxParallelism, Result};
    /// # use flott_state::{KeyedState, ValueState};
    /// # fn main() -> Result<()> {
    /// # let max = MaxParallelism::new(128)?;
    /// # let mut keyed = KeyedState::<u64>::new(max, max.all());
    /// # let count = ValueState::<u64>::register(&mut keyed, "count", None)?;
    /// let batch = [7, 8, 7];
    /// let mut slots = Vec::new();
    /// for some in batch.chunks(flott_state::keyed::PREFETCH_KEYS) {
    ///     slots.clear();
    ///     slots.extend(some.iter().map(|key| keyed.slot(key)));
    ///     keyed.prefetch(&slots);
    ///     for (key, slot) in some.iter().zip(&slots) {
    ///         keyed.set_key_at(key, *slot);
    ///         count.update(&mut keyed, || 0, |n| *n += 1)?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn prefetch(&self, slots: &[KeySlot]) {
        self.tables.iter().for_each(|t| t.table.prefetch_all(slots));
    }

    /// Looks up in the store, at once, what all states without namespace hold for the keys of a batch. An operator
    /// calls it before it goes over the batch; on the heap there is nothing to do.
    ///
    /// # Errors
    /// Those of the store.
    #[inline]
    pub fn load(&mut self, keys: &[K], slots: &[KeySlot]) -> Result<()> {
        if self.stored.is_none() {
            return Ok(());
        }
        self.tables.iter_mut().try_for_each(|t| t.table.load_all(keys, slots))
    }

    /// Makes no key current: state may not be used until the next [`KeyedState::set_key`].
    pub fn clear_key(&mut self) {
        self.current = None;
    }

    /// The current key.
    ///
    /// # Errors
    /// `Invalid` when no key is set.
    #[inline]
    pub fn key(&self) -> Result<&K> {
        self.current.as_ref().map(|(key, _)| key).ok_or_else(no_key)
    }

    /// The slot of any key, for direct use of a [`StateTable`].
    #[inline]
    pub fn slot(&self, key: &K) -> KeySlot {
        KeySlot::of(key, self.max, self.range)
    }

    /// The slot of the key with this hash.
    #[inline]
    pub fn slot_of(&self, hash: KeyHash) -> KeySlot {
        KeySlot::of_hash(hash, self.max, self.range)
    }

    /// Number of key groups of the operator.
    pub(super) fn max(&self) -> MaxParallelism {
        self.max
    }

    /// The key groups of the subtask.
    pub fn range(&self) -> KeyGroupRange {
        self.range
    }

    /// The time that TTL goes by.
    #[inline]
    pub fn now(&self) -> ProcessingTime {
        self.now
    }

    /// Sets the time that TTL goes by: before states are registered, then once per batch.
    pub fn set_now(&mut self, now: ProcessingTime) {
        self.now = now;
        if let Some(stored) = &self.stored {
            stored.store.set_now(now);
        }
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &dyn AnyTable<K>> {
        self.tables.iter().map(|t| &*t.table)
    }
}

impl KeyedState<BinaryRow> {
    /// Says what the columns of the keys are, before anything is registered: snapshots tell it, and a key with other
    /// columns is refused then. Without, keys are bytes of which nobody knows more.
    pub fn set_key_columns(&mut self, columns: Vec<Column>) {
        self.columns.key = columns;
    }
}

#[cold]
fn no_key() -> Error {
    Error::invalid(
        "keyed state is used where there is no key: use it in a keyed function, while a record or a timer is processed",
    )
}

#[cold]
pub(super) fn foreign_handle() -> Error {
    Error::invalid(
        "a state's handle is used with an operator that did not make it; register the state in `open` of each operator",
    )
}

#[inline]
fn table_of<K: Key, N: Key, V: Data>(tables: &mut [Named<K>], id: TableId<N, V>) -> Option<&mut StateTable<K, N, V>> {
    let table: &mut dyn Any = &mut *tables.get_mut(id.number)?.table;
    table.downcast_mut()
}

#[inline]
#[expect(clippy::type_complexity, reason = "two borrows from two lists")]
pub(super) fn timers_and_table<'a, K: Key, N: Key>(
    timers: &'a mut [Box<dyn AnyTimers>],
    tables: &'a mut [Named<K>],
    id: TimersId<N>,
) -> Option<(&'a mut Timers<K, N>, &'a mut StateTable<K, (i64, N), ()>)> {
    let timers: &mut dyn Any = &mut **timers.get_mut(id.number)?;
    let timers: &mut Timers<K, N> = timers.downcast_mut()?;
    let table = TableId { number: timers.table_number(), types: PhantomData };
    Some((timers, table_of(tables, table)?))
}
