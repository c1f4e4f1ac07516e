//! A split that is being read: the next chunk of the file comes from the blocking pool while this one is decoded.

#![expect(
    clippy::disallowed_methods,
    reason = "reading files is what this module is for; it does so in `Env::blocking`"
)]

use super::{FileSplit, ReadOptions};
use flott_api::format::{DecodingFormat, RangeDecoder, RangeSpec, Records, Step};
use flott_core::{Data, Error, Result};
use flott_env::{Blocking, Env};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::UNIX_EPOCH;

/// Room before each chunk for what is left of the one before; a longer rest is copied.
const GAP_BYTES: usize = 16 * 1024;
/// Bytes that are read at once to count lines.
const COUNT_BYTES: usize = 256 * 1024;

/// Reads one split.
pub(super) struct OpenSplit<T> {
    pub(super) id: Arc<str>,
    pub(super) split: FileSplit,
    range: RangeDecoder<T>,
    chunk_bytes: usize,
    /// The file, unless it is being read or was not opened yet.
    file: Option<File>,
    reading: Option<Blocking<Result<Chunk>>>,
    spare: Vec<u8>,
    /// Records that wait until it is known in which lines they are.
    counting: Option<(Blocking<Result<u64>>, Records<T>)>,
}

/// A chunk, behind a gap, and the file that it comes from.
struct Chunk {
    file: File,
    bytes: Vec<u8>,
}

impl<T: Data> OpenSplit<T> {
    pub(super) fn new(
        id: Arc<str>,
        split: FileSplit,
        format: &dyn DecodingFormat<Item = T>,
        options: ReadOptions,
    ) -> Result<Self> {
        let spec = RangeSpec {
            path: split.path.clone(),
            end: split.end,
            len: split.len,
            record_bytes_max: options.record_bytes_max,
        };
        Ok(OpenSplit {
            range: RangeDecoder::new(format, spec, &split.position)?,
            id,
            split,
            chunk_bytes: options.chunk_bytes,
            file: None,
            reading: None,
            spare: Vec::new(),
            counting: None,
        })
    }

    /// The next records, at most `records_max`; `None` at the end. If `needs_lines` says so of records, the lines of
    /// bad ones are those of the file. The split's position does not move: that is for whoever takes the records.
    pub(super) fn poll_records(
        &mut self,
        task: &mut Context<'_>,
        env: &Env,
        records_max: usize,
        needs_lines: impl Fn(&Records<T>) -> bool,
    ) -> Poll<Result<Option<Records<T>>>> {
        loop {
            if let Some((count, _)) = &mut self.counting {
                let lines = ready!(Pin::new(count).poll(task)).and_then(|lines| lines)?;
                if let Some((_, mut records)) = self.counting.take() {
                    self.range.set_lines_before(&mut records, lines);
                    return Poll::Ready(Ok(Some(records)));
                }
            }
            self.read_ahead(env);
            match self.range.next(records_max)? {
                Step::Done => return Poll::Ready(Ok(None)),
                Step::Records(records) if records.end.lines.is_none() && needs_lines(&records) => {
                    let (path, end) = (self.split.path.clone(), records.start);
                    self.counting = Some((env.blocking(move || count_lines(&path, end)), records));
                }
                Step::Records(records) => return Poll::Ready(Ok(Some(records))),
                Step::NeedsBytes => {
                    self.read_ahead(env);
                    let Some(reading) = &mut self.reading else {
                        return Poll::Ready(Err(Error::internal("a decoder needs bytes and names none")));
                    };
                    let chunk = ready!(Pin::new(reading).poll(task));
                    self.reading = None;
                    let Chunk { file, bytes } = chunk.and_then(|chunk| chunk)?;
                    self.file = Some(file);
                    self.spare = self.range.push(bytes, GAP_BYTES);
                }
            }
        }
    }

    /// Starts to read the next chunk, unless one is being read or none is needed.
    fn read_ahead(&mut self, env: &Env) {
        if self.reading.is_some() {
            return;
        }
        let Some((from, len)) = self.range.next_read(self.chunk_bytes) else { return };
        let file = self.file.take();
        let mut bytes = std::mem::take(&mut self.spare);
        let split = file.is_none().then(|| self.split.clone());
        let path = self.split.path.clone();
        self.reading = Some(env.blocking(move || {
            let mut file = match (file, split) {
                (Some(file), _) => file,
                (None, Some(split)) => open(&split, from)?,
                (None, None) => return Err(Error::internal("a file is read that nobody has opened")),
            };
            bytes.resize(GAP_BYTES + len, 0);
            file.read_exact(&mut bytes[GAP_BYTES..]).map_err(|e| match e.kind() {
                ErrorKind::UnexpectedEof => Error::invalid(format!(
                    "the file {path} was truncated while it was read: it ends before byte {}; do not change files that \
                     are read",
                    from + len as u64
                )),
                _ => Error::io(format!("the file {path} cannot be read at byte {from}"), e),
            })?;
            Ok(Chunk { file, bytes })
        }));
    }
}

/// Opens the file of a split at `offset` and makes sure that it is still the one that was found.
fn open(split: &FileSplit, offset: u64) -> Result<File> {
    let path = &split.path;
    let unreadable = |e| Error::io(format!("the file {path} cannot be read"), e);
    let has_changed = |how: String| {
        Error::invalid(format!(
            "the file {path} has changed since it was found: {how}; put back the file as it was, or start without the \
             checkpoint"
        ))
    };
    let mut file = File::open(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => has_changed("it is gone".to_owned()),
        _ => unreadable(e),
    })?;
    let metadata = file.metadata().map_err(unreadable)?;
    let len = metadata.len();
    if len < split.len {
        return Err(has_changed(format!("it has {len} bytes and had {}", split.len)));
    }
    let since_epoch = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified_ns = since_epoch.and_then(|time| i64::try_from(time.as_nanos()).ok()).unwrap_or(0);
    // Readers of other parts have relied on the file as it was found. One that has only grown still has that in it.
    if !split.is_whole_file() && len == split.len && modified_ns != split.modified_ns {
        return Err(has_changed("it has been written again".to_owned()));
    }
    let tail = &split.position.tail;
    if !tail.is_empty() {
        let tail_start = split.position.offset.saturating_sub(tail.len() as u64);
        let mut found = vec![0; tail.len()];
        file.seek(SeekFrom::Start(tail_start)).map_err(unreadable)?;
        file.read_exact(&mut found).map_err(unreadable)?;
        if found != *tail {
            return Err(has_changed(format!(
                "what precedes byte {}, where reading goes on, is not what was read",
                split.position.offset
            )));
        }
    }
    file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
    Ok(file)
}

/// Line ends in the first `end` bytes of a file.
fn count_lines(path: &str, end: u64) -> Result<u64> {
    let unreadable = |e| Error::io(format!("the lines of the file {path} cannot be counted"), e);
    let mut file = File::open(path).map_err(unreadable)?.take(end);
    let mut bytes = vec![0; COUNT_BYTES];
    let mut lines = 0;
    loop {
        let len = file.read(&mut bytes).map_err(unreadable)?;
        if len == 0 {
            return Ok(lines);
        }
        lines += memchr::memchr_iter(b'\n', &bytes[..len]).count() as u64;
    }
}
