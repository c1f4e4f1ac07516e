//! `manifest.json`: what a savepoint consists of. It is written last, so a folder with a manifest is a whole savepoint.

use crate::writer::WrittenTable;
use flott_core::key_hash::KEY_HASH_VERSION;
use flott_core::{CheckpointId, Error, JobId, KeyGroupRange, MaxParallelism, OperatorId, ProcessingTime, Result};
use flott_state::Redistribution;
use flott_state::canonical::{TableKind, TableSchema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The format that this Flott writes and reads.
const FORMAT_VERSION: u32 = 1;

/// Everything that is needed to restore a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// The format of the folder.
    pub format_version: u32,
    /// The Flott that wrote it.
    pub flott_version: String,
    /// The job that it is of.
    pub job_id: JobId,
    /// The job's name.
    pub job_name: String,
    /// Which savepoint of the job.
    pub savepoint: CheckpointId,
    /// When it was complete: milliseconds since the epoch.
    pub completed_at_ms: i64,
    /// The definition of the key hash that decided which key group a key's state is in.
    pub key_hash_version: u32,
    /// Every operator that had something to remember, or a finished subtask.
    pub operators: Vec<OperatorEntry>,
}

/// One operator in a savepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OperatorEntry {
    /// What state is bound to.
    pub id: OperatorId,
    /// The uid that the id was made of, if the user gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// For people.
    pub name: String,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: MaxParallelism,
    /// Whether each subtask had finished, by index.
    pub finished: Vec<bool>,
    /// The state of the operator's coordinator, such as a source's enumerator, in its own bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinator: Option<TableFile>,
    /// Its states.
    pub states: Vec<StateEntry>,
}

/// One state of an operator: a table in one or more files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateEntry {
    /// The name, one of a kind among the states of the operator.
    pub name: String,
    /// What its rows are.
    #[serde(flatten)]
    pub table: TableSchema,
    /// How long values lived, in milliseconds, if they had a time to live. A job that restores says anew how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// How items are dealt out; operator state only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redistribution: Option<Redistribution>,
    /// The files that hold the rows together.
    pub files: Vec<TableFile>,
}

/// A file of a savepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TableFile {
    /// Its path in the folder, with `/`.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// The key groups of its rows, if they have any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_groups: Option<KeyGroupRange>,
    /// XXH3-64 of the bytes, in hexadecimal digits.
    #[serde(with = "hexadecimal")]
    pub checksum: u64,
}

impl TableFile {
    /// A file that was written under `path`.
    pub fn new(path: impl Into<String>, written: WrittenTable) -> TableFile {
        let WrittenTable { bytes, rows, key_groups, checksum } = written;
        TableFile { path: path.into(), bytes, rows, key_groups, checksum }
    }

    /// Checks what was read of the file.
    ///
    /// # Errors
    /// `Corrupt` when it is not what was written.
    pub fn check(&self, content: &[u8]) -> Result<()> {
        self.check_sum(content.len() as u64, xxhash_rust::xxh3::xxh3_64(content))
    }

    /// As [`TableFile::check`], for a file of so many bytes with this checksum.
    pub(crate) fn check_sum(&self, bytes: u64, checksum: u64) -> Result<()> {
        if bytes != self.bytes {
            return Err(Error::corrupt(format!(
                "file `{}` of the savepoint has {bytes} bytes and had {} when it was written",
                self.path, self.bytes
            )));
        }
        if checksum != self.checksum {
            return Err(Error::corrupt(format!(
                "file `{}` of the savepoint is damaged: its checksum is wrong",
                self.path
            )));
        }
        Ok(())
    }
}

impl Manifest {
    /// The name of its file in the folder.
    pub const FILE: &str = "manifest.json";

    /// The manifest of a savepoint whose files have all been written.
    pub fn new(
        job_id: JobId,
        job_name: impl Into<String>,
        savepoint: CheckpointId,
        completed_at: ProcessingTime,
        operators: Vec<OperatorEntry>,
    ) -> Manifest {
        Manifest {
            format_version: FORMAT_VERSION,
            flott_version: env!("CARGO_PKG_VERSION").to_owned(),
            job_id,
            job_name: job_name.into(),
            savepoint,
            completed_at_ms: completed_at.0,
            key_hash_version: KEY_HASH_VERSION,
            operators,
        }
    }

    /// The operator with this id.
    pub fn operator(&self, id: OperatorId) -> Option<&OperatorEntry> {
        self.operators.iter().find(|operator| operator.id == id)
    }

    /// Every file but the manifest.
    pub fn files(&self) -> impl Iterator<Item = &TableFile> {
        self.operators.iter().flat_map(|operator| {
            operator.coordinator.iter().chain(operator.states.iter().flat_map(|state| &state.files))
        })
    }

    /// The content of the file, to be read by people too.
    ///
    /// # Errors
    /// `Internal` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::internal("the manifest of a savepoint cannot be encoded").with_source(e))?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads the content of the file `path`.
    ///
    /// # Errors
    /// `Corrupt`, with the path and what is wrong with it.
    pub fn decode(path: &str, content: &[u8]) -> Result<Manifest> {
        let wrong = |why: String| Error::corrupt(format!("the savepoint's manifest `{path}` cannot be used: {why}"));
        /// What every version begins with.
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Version {
            format_version: u32,
        }
        if content.iter().all(u8::is_ascii_whitespace) {
            return Err(wrong("it is empty".to_owned()));
        }
        let version: Version = serde_json::from_slice(content).map_err(|e| wrong(format!("it is no manifest: {e}")))?;
        if version.format_version != FORMAT_VERSION {
            return Err(wrong(format!(
                "it has format version {} and this Flott reads {FORMAT_VERSION}",
                version.format_version
            )));
        }
        let manifest: Manifest = serde_json::from_slice(content).map_err(|e| wrong(e.to_string()))?;
        if manifest.key_hash_version != KEY_HASH_VERSION {
            return Err(wrong(format!(
                "its keys are hashed by version {} and this Flott knows {KEY_HASH_VERSION}",
                manifest.key_hash_version
            )));
        }
        manifest.check().map_err(wrong)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let mut ids = BTreeSet::new();
        for operator in &self.operators {
            let name = &operator.name;
            if !ids.insert(operator.id) {
                return Err(format!("operator {} is in it twice", operator.id));
            }
            MaxParallelism::new(operator.max_parallelism.get()).map_err(|e| format!("operator `{name}`: {e}"))?;
            if operator.finished.len() != operator.parallelism as usize {
                return Err(format!(
                    "operator `{name}` has parallelism {} and {} subtasks that may have finished",
                    operator.parallelism,
                    operator.finished.len()
                ));
            }
            let mut names = BTreeSet::new();
            for state in &operator.states {
                let is_keyed = state.table.kind.is_keyed();
                if !names.insert((is_keyed, &state.name)) {
                    return Err(format!("operator `{name}` has two states `{}`", state.name));
                }
                if state.redistribution.is_some() == is_keyed {
                    let problem = if is_keyed { "is keyed and dealt out" } else { "does not say how it is dealt out" };
                    return Err(format!("state `{}` of operator `{name}` {problem}", state.name));
                }
                if state.table.kind == TableKind::Map && state.table.map_key == flott_core::schema::Schema::Unit {
                    return Err(format!("state `{}` of operator `{name}` is a map without keys", state.name));
                }
            }
        }
        self.files().try_for_each(|file| check_path(&file.path))
    }
}

/// A manifest from elsewhere must not lead out of its folder.
fn check_path(path: &str) -> Result<(), String> {
    let is_inside = path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains(['\\', ':']);
    if is_inside { Ok(()) } else { Err(format!("`{path}` is no path in the savepoint's folder")) }
}

/// A checksum as text: as a number it would lose digits in most readers of JSON.
mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(sum: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{sum:016x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(|_| D::Error::custom("a checksum is not hexadecimal"))
    }
}
