//! Rows into files: collected, sorted if they are new, and written whenever they are enough.
//!
//! Memory stays at about the bytes of one file and its Parquet form, however many rows there are.

use super::copy::put;
use super::open::World;
use crate::folder::Folder;
use crate::manifest::TableFile;
use crate::writer::TableWriter;
use crate::{Chunk, Row, TableKind, TableSchema};
use flott_core::{Error, Result};
use object_store::ObjectStoreExt;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Rows of a file, in encoded bytes.
const FILE_BYTES: usize = 64 << 20;
/// What a row takes in memory beside its parts.
const ROW_BYTES: usize = 48;

/// The folder that a savepoint is written to.
pub(crate) struct Target {
    pub world: World,
    pub folder: Folder,
    /// Paths of files that are there or will be.
    pub taken: BTreeSet<String>,
    /// Those of them that are there.
    pub written: BTreeSet<String>,
    pub file_bytes: usize,
}

impl Target {
    pub fn new(world: World, folder: Folder) -> Target {
        Target { world, folder, taken: BTreeSet::new(), written: BTreeSet::new(), file_bytes: FILE_BYTES }
    }

    /// A path for the next file of a state.
    fn path(&mut self, operator: &str, state: &str) -> String {
        let stem = format!("{}/{}", plain(operator), plain(state));
        let number = (0..).find(|n| !self.taken.contains(&format!("{stem}-{n}.parquet"))).unwrap_or(0u64);
        let path = format!("{stem}-{number}.parquet");
        self.taken.insert(path.clone());
        path
    }

    /// Deletes those of the files that were written here and are not wanted any more.
    pub fn discard(&mut self, files: &[TableFile]) {
        for path in files.iter().map(|file| &file.path).filter(|path| self.written.remove(*path)) {
            // One that stays is in nobody's way: the manifest does not name it.
            let _ = self.world.env.block_on(self.folder.store().delete(&self.folder.path_of(path)));
        }
    }
}

/// A name as every file system and URL takes it.
fn plain(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' })
        .take(100)
        .collect();
    if plain.is_empty() { "_".to_owned() } else { plain }
}

/// Collects the rows of a state and writes them.
pub(super) struct StateFiles<'t> {
    target: &'t mut Target,
    operator: String,
    state: String,
    table: TableSchema,
    /// Whether rows come in any order and have to be unique.
    is_new: bool,
    /// What a key looks like, for errors.
    show_key: fn(&[u8]) -> String,
    chunk: Chunk,
    files: Vec<TableFile>,
}

impl<'t> StateFiles<'t> {
    /// For rows that are in order already.
    pub fn ordered(target: &'t mut Target, operator: &str, state: &str, table: TableSchema) -> StateFiles<'t> {
        StateFiles {
            target,
            operator: operator.to_owned(),
            state: state.to_owned(),
            table,
            is_new: false,
            show_key: |_| String::new(),
            chunk: Chunk::new(),
            files: Vec::new(),
        }
    }

    /// For new rows in any order. What is sorted together, which is all rows unless they are very many, may have no
    /// key twice.
    pub fn sorted(
        target: &'t mut Target,
        operator: &str,
        state: &str,
        table: TableSchema,
        show_key: fn(&[u8]) -> String,
    ) -> StateFiles<'t> {
        StateFiles { is_new: table.kind.is_keyed(), show_key, ..Self::ordered(target, operator, state, table) }
    }

    /// Whether rows have a place among others.
    pub fn has_positions(&self) -> bool {
        self.table.kind.has_position()
    }

    /// Adds a row.
    ///
    /// # Errors
    /// As [`StateFiles::finish`].
    pub fn push(&mut self, row: Row<'_>) -> Result<()> {
        let bytes = self.chunk.byte_count() + ROW_BYTES * self.chunk.len();
        // A list stays together.
        let can_end = self.table.kind != TableKind::List || row.position == 0;
        if bytes >= self.target.file_bytes && can_end {
            self.write_file()?;
        }
        self.chunk.push(row);
        Ok(())
    }

    /// Writes what is left. Gives the files.
    ///
    /// # Errors
    /// `Data` when a key is there twice; `Internal` when a row does not fit its schema; those of the store.
    pub fn finish(mut self) -> Result<Vec<TableFile>> {
        if !self.chunk.is_empty() {
            self.write_file()?;
        }
        Ok(self.files)
    }

    fn write_file(&mut self) -> Result<()> {
        let mut writer = TableWriter::new(&self.table, Vec::new())?;
        if self.is_new {
            let mut order: Vec<usize> = (0..self.chunk.len()).collect();
            order.sort_unstable_by(|a, b| self.compare(&self.chunk.get(*a), &self.chunk.get(*b)));
            let mut before: Option<Row<'_>> = None;
            for row in order.into_iter().map(|n| self.chunk.get(n)) {
                if before.is_some_and(|before| self.compare(&before, &row) == Ordering::Equal) {
                    // A timer that is set twice is one timer.
                    if self.table.kind.is_timers() {
                        continue;
                    }
                    return Err(self.is_twice(&row));
                }
                writer.write_row(row)?;
                before = Some(row);
            }
        } else {
            writer.write(&self.chunk)?;
        }
        let (content, written) = writer.finish()?;
        let path = self.target.path(&self.operator, &self.state);
        self.target.world.env.block_on(put(&self.target.folder, &path, content.into()))?;
        self.target.written.insert(path.clone());
        self.files.push(TableFile::new(path, written));
        self.chunk.clear();
        Ok(())
    }

    fn is_twice(&self, row: &Row<'_>) -> Error {
        let what = match self.table.kind {
            TableKind::List => "two lists",
            TableKind::Map => "two values of one entry",
            _ => "two values",
        };
        Error::data(format!("there are {what} for the key {}; give each key once", (self.show_key)(row.key)))
    }

    /// The order of rows in a file. Rows that are equal by it are for the same place.
    fn compare(&self, a: &Row<'_>, b: &Row<'_>) -> Ordering {
        let by_key = a.group.cmp(&b.group).then_with(|| a.key.cmp(b.key)).then_with(|| a.namespace.cmp(b.namespace));
        let by_entry = by_key.then_with(|| a.map_key.cmp(b.map_key)).then_with(|| a.position.cmp(&b.position));
        // The time of a timer says which one it is; that of a value only when it was accessed.
        by_entry.then_with(|| if self.table.kind.is_timers() { a.time.cmp(&b.time) } else { Ordering::Equal })
    }
}
