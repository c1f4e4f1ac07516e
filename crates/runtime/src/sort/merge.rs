//! Sorted records, read one after the other: from memory, or from several runs at once.

use super::record::{LENGTH_BYTES, Record, record_bytes};
use flott_core::{Error, EventTime, Result};
use flott_env::TempFile;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::sync::Arc;

/// Bytes read of a run at once: this many, or fewer where there are many runs.
const READ_BYTES_MAX: usize = 1 << 20;
/// Never fewer than these.
const READ_BYTES_MIN: usize = 4 << 10;
/// Bytes of rows that are handed on together, if their number is not reached before.
const CHUNK_BYTES: usize = 1 << 20;

/// Sorted records in a part of a file.
pub(super) struct Run {
    pub file: Arc<TempFile>,
    pub start: u64,
    pub end: u64,
}

/// Rows of one input, one behind the other.
pub(crate) struct Segment {
    pub input: usize,
    pub bytes: Vec<u8>,
    pub count: usize,
    pub times: Option<Vec<EventTime>>,
}

/// The next rows in order.
#[derive(Default)]
pub(crate) struct Chunk {
    pub segments: VecDeque<Segment>,
    /// The next row, if there is one, has another key than the last of these.
    pub ends_keys: bool,
    /// The segment of the row that came last.
    last: usize,
}

/// All records in order.
pub(crate) struct Sorted {
    records: Records,
    /// The key of the record that was read last.
    key: Option<(u64, Vec<u8>)>,
}

enum Records {
    Memory { bytes: Vec<u8>, places: std::vec::IntoIter<usize> },
    Merge(Merge),
}

impl Sorted {
    pub fn memory(bytes: Vec<u8>, places: Vec<usize>) -> Sorted {
        Sorted { records: Records::Memory { bytes, places: places.into_iter() }, key: None }
    }

    pub fn merge(merge: Merge) -> Sorted {
        Sorted { records: Records::Merge(merge), key: None }
    }

    /// The next rows: about `rows_max` of them, or fewer if they are large. `None` at the end. May block.
    pub fn next_chunk(&mut self, rows_max: usize) -> Result<Option<Chunk>> {
        let mut chunk = Chunk::default();
        let (mut rows, mut bytes) = (0, 0);
        while let Some(record) = self.records.current()? {
            let is_same = self.key.as_ref().is_some_and(|(hash, key)| record.has_key(*hash, key));
            if rows >= rows_max || bytes >= CHUNK_BYTES {
                chunk.ends_keys = !is_same;
                return Ok(Some(chunk));
            }
            rows += 1;
            bytes += record.row.len();
            if !is_same {
                let (hash, key) = self.key.get_or_insert_default();
                *hash = record.hash;
                key.clear();
                key.extend_from_slice(record.key);
                chunk.last = 0;
            }
            chunk.push(&record);
            self.records.advance()?;
        }
        chunk.ends_keys = true;
        Ok((rows > 0).then_some(chunk))
    }
}

impl Chunk {
    /// Adds the row to the first segment in which it does not overtake another one of its key. So where keys have
    /// rows of two inputs in turn there are few segments, and rows of different keys do not mind their order.
    fn push(&mut self, record: &Record<'_>) {
        let input = usize::from(record.input);
        let fits = |s: &Segment| s.input == input && s.times.is_some() == record.time.is_some();
        self.last += self.segments.iter().skip(self.last).take_while(|s| !fits(s)).count();
        if self.last == self.segments.len() {
            let times = record.time.map(|_| Vec::new());
            self.segments.push_back(Segment { input, bytes: Vec::new(), count: 0, times });
        }
        let Some(segment) = self.segments.get_mut(self.last) else { return };
        segment.bytes.extend_from_slice(record.row);
        segment.count += 1;
        if let (Some(times), Some(time)) = (&mut segment.times, record.time) {
            times.push(time);
        }
    }
}

impl Records {
    fn current(&self) -> Result<Option<Record<'_>>> {
        match self {
            Records::Memory { bytes, places } => {
                places.as_slice().first().map(|at| Record::read(&bytes[*at..]).map(|(record, _)| record)).transpose()
            }
            Records::Merge(merge) => {
                merge.current_bytes().map(|bytes| Record::read(bytes).map(|(record, _)| record)).transpose()
            }
        }
    }

    fn advance(&mut self) -> Result<()> {
        match self {
            Records::Memory { places, .. } => {
                places.next();
                Ok(())
            }
            Records::Merge(merge) => merge.advance(),
        }
    }
}

/// Several runs read as one. Of records that are equal, those of the earlier run come first.
pub(super) struct Merge {
    heap: BinaryHeap<Reader>,
}

impl Merge {
    /// Merges runs with about `memory_bytes` for all buffers together.
    pub fn new(runs: Vec<Run>, memory_bytes: usize) -> Result<Merge> {
        let at_once = (memory_bytes / runs.len().max(1)).clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        let mut heap = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.into_iter().enumerate() {
            let mut reader = Reader { run, number, at_once, buffer: Vec::new(), at: 0, whole: 0 };
            if reader.advance()? {
                heap.push(reader);
            }
        }
        Ok(Merge { heap })
    }

    /// The first record as it stands in its run.
    pub fn current_bytes(&self) -> Option<&[u8]> {
        self.heap.peek().map(Reader::current_bytes)
    }

    pub fn advance(&mut self) -> Result<()> {
        if let Some(mut first) = self.heap.peek_mut()
            && !first.advance()?
        {
            PeekMut::pop(first);
        }
        Ok(())
    }
}

/// Reads one run.
struct Reader {
    /// What has not been read yet.
    run: Run,
    /// Its place among the runs.
    number: usize,
    /// Bytes to be read at once.
    at_once: usize,
    buffer: Vec<u8>,
    /// Where the current record is in the buffer.
    at: usize,
    /// Bytes of the current record; zero before the first.
    whole: usize,
}

impl Reader {
    fn current_bytes(&self) -> &[u8] {
        &self.buffer[self.at..self.at + self.whole]
    }

    /// Goes to the next record. Returns whether there is one.
    fn advance(&mut self) -> Result<bool> {
        self.at += self.whole;
        self.whole = 0;
        if self.at == self.buffer.len() && self.run.start == self.run.end {
            return Ok(false);
        }
        self.fill(LENGTH_BYTES)?;
        let whole = record_bytes(&self.buffer[self.at..]).unwrap_or(LENGTH_BYTES);
        self.fill(whole)?;
        // What is compared later has been looked at now.
        Record::read(&self.buffer[self.at..self.at + whole])?;
        self.whole = whole;
        Ok(true)
    }

    /// Reads on until the buffer has `wanted` bytes from `at`.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        let there = self.buffer.len() - self.at;
        if there >= wanted {
            return Ok(());
        }
        let left = self.run.end - self.run.start;
        let missing = wanted - there;
        if missing as u64 > left {
            return Err(Error::corrupt("a temporary file of sorted records ends within one; check the disk"));
        }
        let more = (missing.max(self.at_once) as u64).min(left) as usize;
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.resize(there + more, 0);
        self.run.file.read_at(self.run.start, &mut self.buffer[there..])?;
        self.run.start += more as u64;
        Ok(())
    }
}

impl Ord for Reader {
    /// The reader whose record comes first is the largest, as the heap wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        let order = match (Record::read(self.current_bytes()), Record::read(other.current_bytes())) {
            (Ok((one, _)), Ok((two, _))) => one.order(&two),
            // Both were looked at when they were read.
            _ => Ordering::Equal,
        };
        order.then_with(|| self.number.cmp(&other.number)).reverse()
    }
}

impl PartialOrd for Reader {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Reader {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Reader {}
