//! Collects records and sorts them, in memory as far as they fit, in temporary files as far as they do not.
//!
//! When the memory is full its records are sorted and become a run in a file. Runs of one level share a file. When a
//! level has [`Limits::fan`] of them they are merged to one run of the next level, and their file goes. So few files
//! are open and few buffers are needed, however much there is; and runs of a higher level are always older than those
//! of a lower one, which keeps records in order of arrival.

use super::merge::{Merge, Run, Sorted};
use super::record::Record;
use flott_core::Result;
use flott_env::{TempFile, TempFolder};
use std::cmp::Ordering;
use std::sync::Arc;

/// Bytes written to a file at once.
const WRITE_BYTES: usize = 1 << 20;

/// What a sorter may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of records in memory; a batch more may come in.
    pub memory_bytes: usize,
    /// Runs of one level.
    pub fan: usize,
}

/// A record in memory.
#[derive(Clone, Copy)]
struct Place {
    hash: u64,
    at: usize,
}

/// Runs of one level, in the order in which their records came.
struct Level {
    file: TempFile,
    /// Where each run ends; it starts where the one before ends.
    ends: Vec<u64>,
}

/// Records on their way to be sorted.
pub(crate) struct Sorter {
    limits: Limits,
    folder: TempFolder,
    bytes: Vec<u8>,
    places: Vec<Place>,
    /// The lowest first.
    levels: Vec<Option<Level>>,
    spilled_bytes: u64,
}

impl Sorter {
    pub fn new(limits: Limits, folder: TempFolder) -> Self {
        Sorter { limits, folder, bytes: Vec::new(), places: Vec::new(), levels: Vec::new(), spilled_bytes: 0 }
    }

    /// Takes a record.
    pub fn add(&mut self, record: &Record<'_>) -> Result<()> {
        self.places.push(Place { hash: record.hash, at: self.bytes.len() });
        record.write(&mut self.bytes)
    }

    /// Bytes of memory that records take.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.len() + self.places.len() * size_of::<Place>()
    }

    /// Bytes written to files so far.
    pub fn spilled_bytes(&self) -> u64 {
        self.spilled_bytes
    }

    /// Whether [`Sorter::spill`] is due.
    pub fn is_full(&self) -> bool {
        self.memory_bytes() >= self.limits.memory_bytes
    }

    /// Writes what is in memory to a file. Blocks.
    pub fn spill(&mut self) -> Result<()> {
        self.sort();
        let Sorter { bytes, places, levels, folder, .. } = self;
        let mut run = RunWriter::new(level(levels, 0, folder)?);
        for place in places.iter() {
            let (_, whole) = Record::read(&bytes[place.at..])?;
            run.append(&bytes[place.at..place.at + whole])?;
        }
        self.spilled_bytes += run.finish()?;
        self.bytes.clear();
        self.places.clear();
        self.merge_levels()
    }

    /// All records in their order. Blocks.
    pub fn finish(mut self) -> Result<Sorted> {
        if self.levels.is_empty() {
            self.sort();
            let places = self.places.iter().map(|place| place.at).collect();
            return Ok(Sorted::memory(self.bytes, places));
        }
        if !self.places.is_empty() {
            self.spill()?;
        }
        // Reading needs the memory now.
        (self.bytes, self.places) = (Vec::new(), Vec::new());
        let runs = self.levels.drain(..).flatten().rev().flat_map(Level::into_runs).collect();
        Ok(Sorted::merge(Merge::new(runs, self.limits.memory_bytes)?))
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.places.sort_unstable_by(|a, b| {
            let by_record = || match (Record::read(&bytes[a.at..]), Record::read(&bytes[b.at..])) {
                (Ok((a, _)), Ok((b, _))) => a.order(&b),
                // They were written here a moment ago.
                _ => Ordering::Equal,
            };
            // What came first stands first in memory.
            a.hash.cmp(&b.hash).then_with(by_record).then_with(|| a.at.cmp(&b.at))
        });
    }

    /// Merges the runs of every level that has become full.
    fn merge_levels(&mut self) -> Result<()> {
        for n in 0.. {
            let Some(full) = self.levels.get_mut(n).and_then(|l| l.take_if(|l| l.ends.len() >= self.limits.fan)) else {
                return Ok(());
            };
            (self.bytes, self.places) = (Vec::new(), Vec::new());
            let mut merge = Merge::new(full.into_runs().collect(), self.limits.memory_bytes)?;
            let mut run = RunWriter::new(level(&mut self.levels, n + 1, &self.folder)?);
            while let Some(bytes) = merge.current_bytes() {
                run.append(bytes)?;
                merge.advance()?;
            }
            self.spilled_bytes += run.finish()?;
        }
        Ok(())
    }
}

/// The level of this number, made if there is none.
fn level<'a>(levels: &'a mut Vec<Option<Level>>, n: usize, folder: &TempFolder) -> Result<&'a mut Level> {
    if levels.len() <= n {
        levels.resize_with(n + 1, || None);
    }
    let level = match levels[n].take() {
        Some(level) => level,
        None => Level { file: folder.create()?, ends: Vec::new() },
    };
    Ok(levels[n].insert(level))
}

impl Level {
    fn into_runs(self) -> impl Iterator<Item = Run> {
        let file = Arc::new(self.file);
        let starts = std::iter::once(0).chain(self.ends.clone());
        starts
            .zip(self.ends)
            .map(move |(start, end)| Run { file: file.clone(), start, end })
            .collect::<Vec<_>>()
            .into_iter()
    }
}

/// Writes one run behind the others of its level.
struct RunWriter<'a> {
    level: &'a mut Level,
    start: u64,
    buffer: Vec<u8>,
}

impl<'a> RunWriter<'a> {
    fn new(level: &'a mut Level) -> Self {
        RunWriter { start: level.file.len(), level, buffer: Vec::new() }
    }

    fn append(&mut self, record: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(record);
        if self.buffer.len() >= WRITE_BYTES {
            self.level.file.append(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Returns how many bytes the run has.
    fn finish(self) -> Result<u64> {
        self.level.file.append(&self.buffer)?;
        self.level.ends.push(self.level.file.len());
        Ok(self.level.file.len() - self.start)
    }
}
