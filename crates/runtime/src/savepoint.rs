//! What a task writes of a canonical savepoint, and reads of it: tables.
//!
//! ```text
//! barrier     a snapshot is opened and taken, as for a checkpoint                                (`snapshot.rs`)
//! write       rows of it become tables, a file at a time, beside the stream
//! restore     rows of the subtask's key groups go into keyed state, whatever lies below it       (`task/build.rs`)
//! ```

mod convert;

pub use convert::convert;

use flott_core::schema::{Skipper, wire::Malformed};
use flott_core::{Error, KeyGroup, KeyGroupRange, Result, error::ResultExt};
use flott_env::Env;
use flott_savepoint::{TableReader, TableWriter, WrittenTable, file_name, list_table};
use flott_state::canonical::{Row, StateDescription, TableKind, TableSchema};
use flott_state::checkpoint::{JobCheckpoints, LocalStores, StoreFolder};
use flott_state::keyed::{KeyedPart, RowWalk};
use flott_state::operator::EncodedList;
use flott_state::{AnyKeyedState, Blob, KeyedSnapshot, ListSnapshot, OperatorSnapshot, TablePart};
use std::collections::VecDeque;
use std::sync::Arc;

/// A file ends at the key group at which it has so many bytes, before they are compressed.
const FILE_BYTES: usize = 64 << 20;

/// Where a savepoint's files of one operator in one subtask go.
pub(crate) struct Place<'a> {
    pub(crate) env: &'a Env,
    pub(crate) folder: &'a JobCheckpoints,
    pub(crate) operator: &'a str,
    pub(crate) subtask: u32,
}

impl Place<'_> {
    /// Writes what an operator remembers as tables.
    pub(crate) async fn write(
        &self,
        keyed: Option<KeyedPart>,
        store: Option<(StoreFolder, LocalStores)>,
        lists: Vec<EncodedList>,
    ) -> Result<OperatorSnapshot> {
        let keyed = match keyed {
            None => None,
            Some(part) => Some(self.write_keyed(part, store).await?),
        };
        let mut snapshot = OperatorSnapshot { keyed, ..OperatorSnapshot::default() };
        for (n, list) in lists.into_iter().enumerate().filter(|(_, list)| !list.items.is_empty()) {
            let (name, list) = self.write_list(n, list).await?;
            snapshot.lists.insert(name, list);
        }
        Ok(snapshot)
    }

    async fn write_keyed(&self, part: KeyedPart, store: Option<(StoreFolder, LocalStores)>) -> Result<KeyedSnapshot> {
        match part {
            KeyedPart::Files(files) => {
                let (range, states) = (files.range, files.states.clone());
                self.write_rows(RowWalk::of_files(files), range, states).await
            }
            KeyedPart::Store(snapshot) => {
                let (folder, stores) = store.ok_or_else(|| Error::internal("a store has no folder"))?;
                let (range, states) = (snapshot.range(), snapshot.states().to_vec());
                // The store is written to again as soon as its files are linked; a copy is read.
                let at = folder.below(self.env.random());
                let (copy, at) = self
                    .env
                    .blocking(move || {
                        snapshot.files(&at.path().join("files"))?;
                        drop(snapshot);
                        Ok::<_, Error>((stores.open_copy(&at, range)?, at))
                    })
                    .await??;
                let written = self.write_rows(RowWalk::of_store(copy, range, &states), range, states).await;
                drop(at);
                written
            }
        }
    }

    async fn write_rows(
        &self,
        walk: RowWalk,
        range: KeyGroupRange,
        states: Vec<Arc<StateDescription>>,
    ) -> Result<KeyedSnapshot> {
        let mut tables = Tables { walk, open: None, ready: VecDeque::new(), has_ended: false };
        let (mut files, mut parts) = (Vec::new(), Vec::new());
        loop {
            let step = self.env.blocking(move || {
                let file = tables.next_file();
                (tables, file)
            });
            let (rest, file) = step.await?;
            tables = rest;
            let Some(Finished { state, bytes, written }) = file? else { break };
            let number = states.iter().position(|known| known.name == state.name).unwrap_or_default();
            let path = format!(
                "{}/{}-{}-{number}.{}.parquet",
                self.operator,
                file_name(&state.name),
                self.subtask,
                parts.len()
            );
            files.push(self.folder.write_file(path, bytes.into()).await?);
            let WrittenTable { rows, key_groups, .. } = written;
            parts.push(TablePart { state: state.name.clone(), rows, key_groups });
        }
        Ok(KeyedSnapshot { range, files, states, store: None, tables: parts })
    }

    async fn write_list(&self, number: usize, list: EncodedList) -> Result<(String, ListSnapshot)> {
        let EncodedList { name, redistribution, schema, items } = list;
        let table = list_table(redistribution, schema.as_deref());
        let path = format!("{}/{}-{}-list{number}.parquet", self.operator, file_name(&name), self.subtask);
        let lengths = items.iter().map(|item| item.len() as u32).collect();
        let subtask = self.subtask;
        let written = self.env.blocking(move || list_file(&table, subtask, &items)).await?;
        let bytes = written.in_context(|| format!("operator state `{name}`"))?;
        let items = self.folder.write_file(path, bytes.into()).await?;
        Ok((name, ListSnapshot { redistribution, schema, lengths, items }))
    }
}

fn list_file(table: &TableSchema, subtask: u32, items: &[Vec<u8>]) -> Result<Vec<u8>> {
    let mut writer = TableWriter::new(table, Vec::new())?;
    let key = match table.kind {
        TableKind::Broadcast => Some(Skipper::new(&table.map_key)?),
        _ => None,
    };
    for (position, item) in items.iter().enumerate() {
        let mut value = &item[..];
        let map_key = key.as_ref().map(|key| key.take(&mut value)).transpose()?.unwrap_or_default();
        let position = u32::try_from(position).map_err(|_| Malformed("a list is too long"))?;
        writer.write_row(Row { group: subtask, map_key, position, value, ..Row::default() })?;
    }
    Ok(writer.finish()?.0)
}

/// Tables that are being made of a snapshot's rows.
struct Tables {
    walk: RowWalk,
    open: Option<Open>,
    ready: VecDeque<Finished>,
    has_ended: bool,
}

struct Open {
    state: Arc<StateDescription>,
    writer: TableWriter<Vec<u8>>,
    bytes: usize,
}

struct Finished {
    state: Arc<StateDescription>,
    bytes: Vec<u8>,
    written: WrittenTable,
}

impl Tables {
    /// The next file. Blocks.
    fn next_file(&mut self) -> Result<Option<Finished>> {
        loop {
            if let Some(file) = self.ready.pop_front() {
                return Ok(Some(file));
            }
            if self.has_ended {
                return Ok(None);
            }
            let Tables { walk, open, ready, .. } = self;
            let goes_on = walk.next(&mut |state, row| {
                if open.as_ref().is_some_and(|open| open.state.name != state.name) {
                    ready.extend(finish(open)?);
                }
                let open = match open {
                    Some(open) => open,
                    None => open.insert(Open {
                        state: state.clone(),
                        writer: TableWriter::new(&state.table, Vec::new())?,
                        bytes: 0,
                    }),
                };
                open.bytes += row.key.len() + row.namespace.len() + row.map_key.len() + row.value.len();
                open.writer.write_row(row).in_context(|| format!("state `{}`", state.name))
            })?;
            self.has_ended = !goes_on;
            if self.has_ended || self.open.as_ref().is_some_and(|open| open.bytes >= FILE_BYTES) {
                self.ready.extend(finish(&mut self.open)?);
            }
        }
    }
}

fn finish(open: &mut Option<Open>) -> Result<Option<Finished>> {
    let Some(Open { state, writer, .. }) = open.take() else { return Ok(None) };
    let (bytes, written) = writer.finish()?;
    Ok(Some(Finished { state, bytes, written }))
}

/// Gives keyed state what tables hold for `range`.
pub(crate) async fn restore_tables(
    files: &JobCheckpoints,
    snapshot: &KeyedSnapshot,
    states: &[Arc<StateDescription>],
    range: KeyGroupRange,
    keyed: &mut dyn AnyKeyedState,
) -> Result<()> {
    for state in states {
        let mut tables: Vec<(KeyGroupRange, &Blob)> = Vec::new();
        for (part, blob) in snapshot.tables.iter().zip(&snapshot.files) {
            let held = part.key_groups.filter(|held| part.state == state.name && held.intersects(range));
            tables.extend(held.map(|held| (held, blob)));
        }
        tables.sort_by_key(|(held, _)| held.start);
        for n in 0..tables.len() {
            let bytes = files.read_blob(tables[n].1).await?;
            let path = tables[n].1.path().unwrap_or_default();
            for chunk in TableReader::open_as(bytes, &state.table, Some(range)).in_context(|| format!("`{path}`"))? {
                keyed.restore_rows(state, &chunk.in_context(|| format!("`{path}`"))?)?;
            }
            let done = tables.get(n + 1).map_or(KeyGroup(u16::MAX), |(next, _)| KeyGroup(next.start));
            keyed.finish_rows(&state.name, done)?;
        }
        // A state without rows is one that is known, too.
        keyed.describe_restored(std::slice::from_ref(state));
    }
    Ok(())
}
