//! Opening a store: new, or from snapshots.
//!
//! The snapshot that has most of the subtask's key groups becomes the store: its files are linked, which takes no time
//! however large they are, and what belongs to other subtasks is cut off by deleting whole files where possible and a
//! range where not. Of the other snapshots the entries that belong here are read in order, written to new files, and
//! these are taken in as they are.

use crate::backend::Shared;
use crate::expiry::Expiry;
use crate::failure::{failed, failed_on};
use crate::files::{self, Names};
use crate::store::{FAMILY, RocksStore, family, scan, write_options};
use crate::tuning::{Tuning, tuning};
use flott_core::error::ResultExt;
use flott_core::{Error, KeyGroupRange, Result};
use flott_state::store::{ABOUT_GROUP, OpenStore, RestoredStore};
use rocksdb::{DB, IngestExternalFileOptions, SstFileWriter, WriteBatch};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A key before all of `ABOUT_GROUP`, and one behind them.
const ABOUT_FROM: [u8; 2] = ABOUT_GROUP.0.to_be_bytes();
const ABOUT_TO: [u8; 64] = [u8::MAX; 64];

/// Opens a store.
pub(crate) fn open(open: &OpenStore<'_>, shared: &Arc<Shared>) -> Result<RocksStore> {
    let expiry = Arc::new(Expiry::default());
    let mut tuning = tuning(open.config, &shared.pools, &expiry)?;
    let write_buffer = shared.next_write_buffer().min(tuning.write_buffer_max.unwrap_or(u64::MAX));
    tuning.options.set_write_buffer_size(write_buffer as usize);

    // Compactions would hold fast to the files that are cut off, and rewrite what is in them.
    tuning.options.set_disable_auto_compactions(true);
    let base = base(&open.restored, open.range);
    let inherited = match base {
        Some(base) => files::unpack(&base.folder, &open.folder)?,
        None => files::make_folder(&open.folder).map(|()| BTreeMap::new())?,
    };
    let opened = DB::open_cf_with_opts(&tuning.options, &open.folder, [(FAMILY, tuning.options.clone())])
        .map_err(|e| failed_on("be opened", &open.folder, &inherited, e));
    let db = match base {
        Some(base) => opened.in_context(|| format!("the snapshot `{}`", base.folder.display()))?,
        None => opened?,
    };
    let identity = db.get_db_identity().map_err(|e| failed("be opened", &open.folder, e))?;
    let store = RocksStore::new(db, open.folder.clone(), Names::new(&identity, inherited), expiry, shared.clone())
        .with_write_buffer(write_buffer, tuning.write_buffer_max);
    let target = Target { db: store.db(), folder: &open.folder, tuning: &tuning };
    if let Some(base) = base {
        target.cut(base.range, open.range)?;
    }
    for (n, other) in
        open.restored.iter().filter(|other| !base.is_some_and(|base| std::ptr::eq(base, *other))).enumerate()
    {
        target
            .take_in(other, open.range, &open.folder.join(format!("other-{n}")))
            .in_context(|| format!("the snapshot `{}`", other.folder.display()))?;
    }
    store.db().set_options(&[("disable_auto_compactions", "false")]).map_err(|e| target.failed(e))?;
    Ok(store)
}

/// The snapshot that has most of the groups.
fn base(restored: &[RestoredStore], range: KeyGroupRange) -> Option<&RestoredStore> {
    restored
        .iter()
        .max_by_key(|snapshot| common(snapshot.range, range).len())
        .filter(|most| most.range.intersects(range))
}

fn common(a: KeyGroupRange, b: KeyGroupRange) -> KeyGroupRange {
    KeyGroupRange { start: a.start.max(b.start), end: a.end.min(b.end) }
}

/// The database that is being made.
struct Target<'a> {
    db: &'a DB,
    folder: &'a Path,
    tuning: &'a Tuning,
}

impl Target<'_> {
    fn failed(&self, error: rocksdb::Error) -> Error {
        failed("be restored", self.folder, error)
    }

    /// Removes what lies in `has` and not in `wanted`.
    fn cut(&self, has: KeyGroupRange, wanted: KeyGroupRange) -> Result<()> {
        let mut is_whole = true;
        for (from, to) in [(has.start, has.end.min(wanted.start)), (has.start.max(wanted.end), has.end)] {
            if from >= to {
                continue;
            }
            let (from, to) = (from.to_be_bytes(), to.to_be_bytes());
            self.db.delete_file_in_range(from, to).map_err(|e| self.failed(e))?;
            self.db
                .delete_range_cf_opt(family(self.db)?, from, to, &write_options(false))
                .map_err(|e| self.failed(e))?;
            is_whole = false;
        }
        // On disk the next compaction finds the ranges and drops what they hide.
        if is_whole { Ok(()) } else { self.db.flush().map_err(|e| self.failed(e)) }
    }

    /// Adds what lies in `wanted`. The snapshot's files are put into `folder` meanwhile.
    fn take_in(&self, snapshot: &RestoredStore, wanted: KeyGroupRange, folder: &Path) -> Result<()> {
        let tables = files::unpack(&snapshot.folder, folder)?;
        let unreadable = |error| failed_on("be read", folder, &tables, error);
        let families = [(FAMILY, self.tuning.options.clone())];
        let other =
            DB::open_cf_with_opts_for_read_only(&self.tuning.options, folder, families, false).map_err(unreadable)?;

        let mut about = WriteBatch::default();
        scan(
            &other,
            &ABOUT_FROM,
            &ABOUT_TO,
            &mut |key, value| {
                about.put(key, value);
                Ok(true)
            },
            &unreadable,
        )?;
        self.db.write_opt(about, &write_options(false)).map_err(|e| self.failed(e))?;

        let range = common(snapshot.range, wanted);
        let mut new = NewTables { target: self, folder, written: Vec::new() };
        new.write(&other, range, &unreadable)?;
        if !new.written.is_empty() {
            let mut options = IngestExternalFileOptions::default();
            options.set_move_files(true);
            self.db.ingest_external_file_opts(&options, new.written).map_err(|e| self.failed(e))?;
        }
        drop(other);
        files::remove_folder(folder)
    }
}

/// Writes new tables.
struct NewTables<'a> {
    target: &'a Target<'a>,
    folder: &'a Path,
    written: Vec<PathBuf>,
}

impl NewTables<'_> {
    /// Writes the entries of `range`.
    fn write(&mut self, other: &DB, range: KeyGroupRange, unreadable: &dyn Fn(rocksdb::Error) -> Error) -> Result<()> {
        let target = self.target;
        let failed = |e| target.failed(e);
        let mut open: Option<SstFileWriter<'_>> = None;
        let (from, to) = (range.start.to_be_bytes(), range.end.to_be_bytes());
        let mut write = |key: &[u8], value: &[u8]| {
            if open.as_ref().is_some_and(|table| table.file_size() >= target.tuning.file_size)
                && let Some(mut full) = open.take()
            {
                full.finish().map_err(failed)?;
            }
            let table = match &mut open {
                Some(table) => table,
                None => {
                    let path = self.folder.join(format!("new-{}.sst", self.written.len()));
                    let table = SstFileWriter::create(&target.tuning.options);
                    table.open(&path).map_err(failed)?;
                    self.written.push(path);
                    open.insert(table)
                }
            };
            table.put(key, value).map_err(failed)?;
            Ok(true)
        };
        scan(other, &from, &to, &mut write, unreadable)?;
        open.map_or(Ok(()), |mut last| last.finish().map_err(failed))
    }
}
