//! A canonical savepoint as a job takes it and starts from it: the manifest as the metadata of a checkpoint, and back.

use crate::manifest::{Manifest, OperatorEntry, StateEntry, TableFile};
use crate::reader::TableReader;
use bytes::Bytes;
use flott_core::schema::Schema;
use flott_core::{BarrierKind, Error, OperatorId, ProcessingTime, Result, error::ResultExt};
use flott_state::canonical::{StateDescription, TableKind, TableSchema};
use flott_state::checkpoint::{CheckpointMetadata, OperatorMetadata};
use flott_state::{Blob, KeyedSnapshot, ListSnapshot, OperatorSnapshot, Redistribution, TablePart};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The folder of an operator's files in a savepoint: what is left of its uid, or its id.
pub fn operator_folder(uid: Option<&str>, id: OperatorId) -> String {
    let id = id.to_string();
    match uid {
        Some(uid) if file_name(uid) == uid => file_name(uid),
        // Two that look alike must not be one.
        Some(uid) => format!("{}-{}", file_name(uid), &id[..8]),
        None => id,
    }
}

/// What is left of a name as that of a file.
pub fn file_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String =
        name.trim_start_matches('_').chars().map(|c| if is_plain(c) { c } else { '-' }).take(80).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

/// What stands for the items of a list of which only its owner knows what they are.
const BYTES: &str = "bytes";

/// What the table of an operator's list is, of items of this schema; of a broadcast map those are pairs.
pub fn list_table(redistribution: Redistribution, schema: Option<&Schema>) -> TableSchema {
    match (redistribution, schema) {
        (Redistribution::Broadcast, Some(Schema::Tuple(pair))) if pair.len() == 2 => {
            TableSchema::new(TableKind::Broadcast, pair[1].clone()).map_key(pair[0].clone())
        }
        (_, Some(schema)) => TableSchema::new(TableKind::OperatorList, schema.clone()),
        (_, None) => TableSchema::new(TableKind::OperatorList, Schema::Opaque(BYTES.to_owned())),
    }
}

/// The schema of a list's items, from that of its table.
fn item_schema(table: &TableSchema) -> Option<Arc<Schema>> {
    match (table.kind, &table.value) {
        (TableKind::Broadcast, value) => Some(Arc::new(Schema::Tuple(vec![table.map_key.clone(), value.clone()]))),
        (_, Schema::Opaque(name)) if name == BYTES => None,
        (_, value) => Some(Arc::new(value.clone())),
    }
}

impl Manifest {
    /// The manifest of a savepoint whose files tasks have written as tables.
    ///
    /// # Errors
    /// `Internal` when one of them is none.
    pub fn of_checkpoint(metadata: &CheckpointMetadata) -> Result<Manifest> {
        let operators = metadata.operators.iter().map(operator_entry).collect::<Result<_>>()?;
        let completed_at = ProcessingTime(metadata.completed_at_ms);
        Ok(Manifest::new(metadata.job_id, &*metadata.job_name, metadata.checkpoint, completed_at, operators))
    }

    /// The files that [`Manifest::to_checkpoint`] needs.
    pub fn list_files(&self) -> impl Iterator<Item = &TableFile> {
        let states = self.operators.iter().flat_map(|operator| &operator.states);
        states.filter(|state| !state.table.kind.is_keyed()).flat_map(|state| &state.files)
    }

    /// What a job starts from. `lists` are the files of [`Manifest::list_files`] by their paths.
    ///
    /// # Errors
    /// `Corrupt` when a file is missing or not what the manifest says.
    pub fn to_checkpoint(&self, lists: &BTreeMap<String, Bytes>) -> Result<CheckpointMetadata> {
        let operators = self.operators.iter().map(|operator| {
            operator_metadata(operator, lists).in_context(|| format!("operator `{}` of the savepoint", operator.name))
        });
        Ok(CheckpointMetadata::new(
            self.job_id,
            &*self.job_name,
            self.savepoint,
            BarrierKind::Savepoint,
            ProcessingTime(self.completed_at_ms),
            operators.collect::<Result<_>>()?,
        ))
    }
}

fn operator_entry(operator: &OperatorMetadata) -> Result<OperatorEntry> {
    let mut states = Vec::new();
    for state in &operator.states {
        let mut files = Vec::new();
        for keyed in operator.subtasks.iter().filter_map(|subtask| subtask.keyed.as_ref()) {
            for (part, blob) in keyed.tables.iter().zip(&keyed.files).filter(|(part, _)| part.state == state.name) {
                files.push(TableFile { key_groups: part.key_groups, ..table_file(blob, part.rows)? });
            }
        }
        let StateDescription { name, table, ttl_ms, .. } = StateDescription::clone(state);
        states.push(StateEntry { name, table, ttl_ms, redistribution: None, files });
    }
    let mut lists: BTreeMap<&str, StateEntry> = BTreeMap::new();
    for (name, list) in operator.subtasks.iter().flat_map(|subtask| &subtask.lists) {
        let entry = lists.entry(name).or_insert_with(|| StateEntry {
            name: name.clone(),
            table: list_table(list.redistribution, list.schema.as_deref()),
            ttl_ms: None,
            redistribution: Some(list.redistribution),
            files: Vec::new(),
        });
        entry.files.push(table_file(&list.items, list.lengths.len() as u64)?);
    }
    states.extend(lists.into_values());
    Ok(OperatorEntry {
        id: operator.id,
        uid: operator.uid.clone(),
        name: operator.name.clone(),
        parallelism: operator.parallelism,
        max_parallelism: operator.max_parallelism,
        finished: operator.finished.clone(),
        coordinator: operator.coordinator.as_ref().map(|blob| table_file(blob, 0)).transpose()?,
        states,
    })
}

fn table_file(blob: &Blob, rows: u64) -> Result<TableFile> {
    match blob {
        Blob::File { path, len, sum } => {
            Ok(TableFile { path: path.clone(), bytes: *len, rows, key_groups: None, checksum: *sum })
        }
        Blob::Inline(_) | Blob::Segment { .. } => Err(Error::internal("a table of a savepoint is not in a file")),
    }
}

fn blob(file: &TableFile) -> Blob {
    Blob::File { path: file.path.clone(), len: file.bytes, sum: file.checksum }
}

fn operator_metadata(operator: &OperatorEntry, lists: &BTreeMap<String, Bytes>) -> Result<OperatorMetadata> {
    let parallelism = operator.parallelism.max(1);
    let mut subtasks = vec![OperatorSnapshot::default(); parallelism as usize];
    let (mut states, mut files, mut tables) = (Vec::new(), Vec::new(), Vec::new());
    for state in &operator.states {
        if !state.table.kind.is_keyed() {
            add_list(state, lists, &mut subtasks).in_context(|| format!("operator state `{}`", state.name))?;
            continue;
        }
        for file in &state.files {
            files.push(blob(file));
            tables.push(TablePart { state: state.name.clone(), rows: file.rows, key_groups: file.key_groups });
        }
        let (name, table, ttl_ms) = (state.name.clone(), state.table.clone(), state.ttl_ms);
        states.push(Arc::new(StateDescription { name, table, ttl_ms, parts: false }));
    }
    if let (false, Some(first)) = (states.is_empty(), subtasks.first_mut()) {
        // Each new subtask takes what is its own from all files.
        let range = operator.max_parallelism.all();
        first.keyed = Some(KeyedSnapshot { range, files, states: Vec::new(), store: None, tables });
    }
    let mut finished = operator.finished.clone();
    finished.resize(parallelism as usize, false);
    Ok(OperatorMetadata {
        id: operator.id,
        uid: operator.uid.clone(),
        name: operator.name.clone(),
        parallelism,
        max_parallelism: operator.max_parallelism,
        coordinator: operator.coordinator.as_ref().map(blob),
        states,
        subtasks,
        finished,
    })
}

/// Reads a list and gives each subtask its items.
fn add_list(state: &StateEntry, lists: &BTreeMap<String, Bytes>, subtasks: &mut [OperatorSnapshot]) -> Result<()> {
    let redistribution = state.redistribution.ok_or_else(|| Error::corrupt("it does not say how it is dealt out"))?;
    let mut items: BTreeMap<u32, BTreeMap<(u32, usize), Vec<u8>>> = BTreeMap::new();
    for file in &state.files {
        let content = lists.get(&file.path).ok_or_else(|| Error::corrupt(format!("`{}` was not read", file.path)))?;
        for chunk in
            TableReader::open_as(content.clone(), &state.table, None).in_context(|| format!("`{}`", file.path))?
        {
            for row in chunk.in_context(|| format!("`{}`", file.path))?.iter() {
                let of_subtask = items.entry(row.group).or_default();
                let place = (row.position, of_subtask.len());
                of_subtask.insert(place, [row.map_key, row.value].concat());
            }
        }
    }
    let count = subtasks.len();
    for (subtask, items) in items {
        let subtask = subtasks.get_mut(subtask as usize).ok_or_else(|| {
            Error::corrupt(format!(
                "it has items of subtask {subtask}, and there were {count}; make that number smaller"
            ))
        })?;
        let items: Vec<Vec<u8>> = items.into_values().collect();
        let lengths = items.iter().map(|item| item.len() as u32).collect();
        let (schema, items) = (item_schema(&state.table), Blob::Inline(items.concat()));
        subtask.lists.insert(state.name.clone(), ListSnapshot { redistribution, schema, lengths, items });
    }
    Ok(())
}
