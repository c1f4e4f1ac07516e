//! `flott savepoint inspect`: what a savepoint or a checkpoint consists of, without reading its state.

use super::Options;
use super::text::{bytes, count, duration, indented, time};
use clap::Args;
use flott_core::schema::Schema;
use flott_core::{BarrierKind, Error, Result};
use flott_savepoint::{OperatorEntry, Savepoint, Snapshot, StateEntry, TableFile, TableKind, TableSchema};
use flott_state::checkpoint::{CheckpointMetadata, OperatorMetadata};
use flott_state::{OperatorSnapshot, Redistribution};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

#[derive(Args)]
pub(in crate::cli) struct Inspect {
    /// The folder of a savepoint or a checkpoint: a path or a URL
    path: String,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

impl Inspect {
    pub fn run(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        let found = Snapshot::open(&self.path, &self.options.configuration()?)?;
        let text = match (&found, self.json) {
            (Snapshot::Savepoint(savepoint), false) => savepoint_text(savepoint),
            (Snapshot::Savepoint(savepoint), true) => {
                let manifest = savepoint.manifest();
                shown(&json!({ "folder": savepoint.folder().name(), "kind": "savepoint", "manifest": manifest }))?
            }
            (Snapshot::Checkpoint { folder, metadata }, false) => checkpoint_text(folder, metadata),
            (Snapshot::Checkpoint { folder, metadata }, true) => {
                shown(&json!({ "folder": folder, "kind": kind_of(metadata), "metadata": metadata }))?
            }
        };
        out.write_all(text.as_bytes()).map_err(|e| Error::io("the answer", e))
    }
}

fn shown(value: &serde_json::Value) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|e| Error::internal("the answer cannot be encoded").with_source(e))
}

fn savepoint_text(savepoint: &Savepoint) -> String {
    let manifest = savepoint.manifest();
    let states = manifest.operators.iter().flat_map(|operator| &operator.states);
    let rows: u64 = states.clone().flat_map(|state| &state.files).map(|file| file.rows).sum();
    let sizes: Vec<u64> = manifest.files().map(|file| file.bytes).collect();
    let mut text = format!("savepoint {} of job `{}` ({})\n", manifest.savepoint, manifest.job_name, manifest.job_id);
    text += &format!("  completed  {}, by Flott {}\n", time(manifest.completed_at_ms), manifest.flott_version);
    text += &format!("  folder     {}\n", savepoint.folder().name());
    text += &format!(
        "  holds      {}, {}, {}, {} in {}\n",
        count(manifest.operators.len() as u64, "operator"),
        count(states.count() as u64, "state"),
        count(rows, "row"),
        bytes(sizes.iter().sum()),
        count(sizes.len() as u64, "file"),
    );
    for operator in &manifest.operators {
        text += &operator_text(operator);
    }
    text
}

fn operator_text(operator: &OperatorEntry) -> String {
    let OperatorEntry { id, uid, name, parallelism, max_parallelism, finished, .. } = operator;
    let mut text = head_text(&id.to_string(), uid.as_deref(), name, *parallelism, max_parallelism.get(), finished);
    if let Some(file) = &operator.coordinator {
        text += &format!("  coordinator: {}\n", bytes(file.bytes));
    }
    operator.states.iter().for_each(|state| text += &state_text(state));
    text
}

/// The first lines about an operator.
fn head_text(id: &str, uid: Option<&str>, name: &str, parallelism: u32, groups: u32, finished: &[bool]) -> String {
    let mut text = match uid {
        Some(uid) if uid == name => format!("\noperator `{uid}`\n"),
        Some(uid) => format!("\noperator `{uid}`: {name}\n"),
        None => format!("\noperator without a uid: {name}\n"),
    };
    text += &format!("  id {id}, parallelism {parallelism}, {}", count(groups.into(), "key group"));
    match finished.iter().filter(|finished| **finished).count() {
        0 => {}
        all if all == finished.len() => text += ", finished",
        some => text += &format!(", {some} of {} subtasks finished", finished.len()),
    }
    text + "\n"
}

fn state_text(state: &StateEntry) -> String {
    let table = &state.table;
    let rows = state.files.iter().map(|file| file.rows).sum();
    let size = state.files.iter().map(|file| file.bytes).sum();
    let mut text = format!(
        "  state `{}` ({}): {}, {} in {}",
        state.name,
        kind_text(table.kind, state.redistribution),
        count(rows, "row"),
        bytes(size),
        count(state.files.len() as u64, "file"),
    );
    if let Some((first, last)) = key_groups(&state.files) {
        text += &if first == last { format!(", key group {first}") } else { format!(", key groups {first} to {last}") };
    }
    text + &table_text(table, state.ttl_ms)
}

/// The end of the line about a state, and the schemas of what it holds.
fn table_text(table: &TableSchema, ttl_ms: Option<u64>) -> String {
    let mut text = match ttl_ms {
        Some(ms) => format!(", time to live {}\n", duration(Duration::from_millis(ms))),
        None if table.stamped => ", with a time to live\n".to_owned(),
        None => "\n".to_owned(),
    };
    let parts =
        [("key", &table.key), ("namespace", &table.namespace), ("map key", &table.map_key), ("value", &table.value)];
    for (part, schema) in parts.into_iter().filter(|(_, schema)| **schema != Schema::Unit) {
        text += &format!("    {part}: {}\n", indented(&schema.to_string(), 4));
    }
    text
}

/// The first and the last key group of which there are rows.
fn key_groups(files: &[TableFile]) -> Option<(u16, u16)> {
    let ranges = || files.iter().filter_map(|file| file.key_groups).filter(|range| !range.is_empty());
    Some((ranges().map(|range| range.start).min()?, ranges().map(|range| range.end - 1).max()?))
}

fn kind_text(kind: TableKind, redistribution: Option<Redistribution>) -> String {
    let union = if redistribution == Some(Redistribution::Union) { ", union" } else { "" };
    format!("{kind}{union}")
}

fn kind_of(metadata: &CheckpointMetadata) -> &'static str {
    match metadata.kind {
        BarrierKind::Checkpoint => "checkpoint",
        BarrierKind::Savepoint => "native-savepoint",
    }
}

fn checkpoint_text(folder: &str, metadata: &CheckpointMetadata) -> String {
    let kind = kind_of(metadata).replace('-', " ");
    let files = metadata.referenced_files().len() as u64;
    let mut text = format!("{kind} {} of job `{}` ({})\n", metadata.checkpoint, metadata.job_name, metadata.job_id);
    text += &format!("  completed  {}, by Flott {}\n", time(metadata.completed_at_ms), metadata.flott_version);
    text += &format!("  folder     {folder}\n");
    text += &format!(
        "  holds      {}, {} in {} beside the metadata\n",
        count(metadata.operators.len() as u64, "operator"),
        bytes(metadata.byte_count()),
        count(files, "file"),
    );
    for operator in &metadata.operators {
        text += &checkpoint_operator_text(operator);
    }
    text
}

fn checkpoint_operator_text(operator: &OperatorMetadata) -> String {
    let OperatorMetadata { id, uid, name, parallelism, max_parallelism, finished, .. } = operator;
    let mut text = head_text(&id.to_string(), uid.as_deref(), name, *parallelism, max_parallelism.get(), finished);
    if let Some(coordinator) = &operator.coordinator {
        text += &format!("  coordinator: {}\n", bytes(coordinator.len()));
    }
    let keyed = || operator.subtasks.iter().filter_map(|subtask| subtask.keyed.as_ref());
    let backends: BTreeSet<&str> =
        keyed().map(|keyed| keyed.store.as_ref().map_or("hashmap", |store| store.backend.as_str())).collect();
    if !backends.is_empty() {
        let blobs: Vec<_> = keyed().flat_map(|keyed| &keyed.files).collect();
        let files = blobs.iter().filter_map(|blob| blob.path()).collect::<BTreeSet<_>>().len() as u64;
        let backends = backends.into_iter().collect::<Vec<_>>().join(", ");
        let size = bytes(blobs.iter().map(|blob| blob.len()).sum());
        text += &match files {
            0 => format!("  keyed state ({backends}): {size} in the metadata\n"),
            files => format!("  keyed state ({backends}): {size} in {}\n", count(files, "file")),
        };
        if operator.states.is_empty() {
            text += "  its states are not described, because an earlier Flott has taken the checkpoint\n";
        }
    }
    for state in &operator.states {
        text += &format!("  state `{}` ({})", state.name, kind_text(state.table.kind, None));
        text += &table_text(&state.table, state.ttl_ms);
    }
    for (name, (items, size)) in lists(&operator.subtasks) {
        text += &format!("  list `{name}`: {}, {}\n", count(items, "item"), bytes(size));
    }
    let elements: u64 =
        operator.subtasks.iter().filter_map(|s| s.in_flight.as_ref()).map(|in_flight| in_flight.elements).sum();
    if elements > 0 {
        text += &format!("  on their way to it: {}\n", count(elements, "element"));
    }
    text
}

/// Items and bytes of each list of all subtasks.
fn lists(subtasks: &[OperatorSnapshot]) -> BTreeMap<&str, (u64, u64)> {
    let mut lists: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (name, list) in subtasks.iter().flat_map(|subtask| &subtask.lists) {
        let (items, size) = lists.entry(name).or_default();
        *items += list.lengths.len() as u64;
        *size += list.items.len();
    }
    lists
}
