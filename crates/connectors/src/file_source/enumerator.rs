//! Turns the files that are found into splits and deals them out, one for each request.

use super::FileSplit;
use super::listing::Listing;
use flott_api::{Discovery, SplitAssigner, SplitEnumerator};
use flott_core::{Error, ErrorKind, Result, SubtaskIndex};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What is remembered of the files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileCheckpoint {
    /// Splits that no reader was given.
    pending: Vec<FileSplit>,
    /// Files of which splits have been made, if the folder is watched.
    processed: Vec<String>,
    /// Whether the files have been listed.
    has_listed: bool,
}

/// Lists files, once or again and again, and deals out their splits.
pub struct FileEnumerator {
    listing: Listing,
    range_bytes: Option<u64>,
    pending: VecDeque<FileSplit>,
    /// Shared with a listing that is under way.
    processed: Arc<BTreeSet<String>>,
    has_listed: bool,
    /// Whether the listing has begun in this run; the first one does not wait.
    has_begun: bool,
    /// Readers that have asked when there was nothing.
    waiting: VecDeque<SubtaskIndex>,
}

impl FileEnumerator {
    /// Files longer than `range_bytes` are cut.
    pub(super) fn new(listing: Listing, range_bytes: Option<u64>, restored: Option<FileCheckpoint>) -> Self {
        let restored =
            restored.unwrap_or(FileCheckpoint { pending: Vec::new(), processed: Vec::new(), has_listed: false });
        FileEnumerator {
            listing,
            range_bytes,
            pending: restored.pending.into(),
            processed: Arc::new(restored.processed.into_iter().collect()),
            has_listed: restored.has_listed,
            has_begun: false,
            waiting: VecDeque::new(),
        }
    }

    fn is_watched(&self) -> bool {
        self.listing.interval.is_some()
    }
}

impl SplitEnumerator for FileEnumerator {
    type Split = FileSplit;
    type Checkpoint = FileCheckpoint;

    fn discover(&mut self) -> Option<Discovery<FileSplit>> {
        let interval = self.listing.interval.unwrap_or(Duration::ZERO);
        if self.has_listed && !self.is_watched() {
            return None;
        }
        let delay = if self.has_begun { interval } else { Duration::ZERO };
        self.has_begun = true;
        let (listing, processed, range_bytes) = (self.listing.clone(), self.processed.clone(), self.range_bytes);
        let was_there = self.has_listed;
        let find = Box::new(move || {
            let mut found = listing.find().map_err(|e| if was_there { for_now(e) } else { e })?;
            found.retain(|file| !processed.contains(&file.path));
            if listing.interval.is_some() {
                found.sort_by(|a, b| (a.modified_ns, &a.path).cmp(&(b.modified_ns, &b.path)));
            }
            Ok(found.into_iter().flat_map(|file| FileSplit::cut(file, range_bytes)).collect())
        });
        Some(Discovery { delay, find })
    }

    fn on_discovered(&mut self, splits: Vec<FileSplit>, assigner: &mut SplitAssigner<FileSplit>) -> Result<()> {
        self.has_listed = true;
        if self.is_watched() {
            Arc::make_mut(&mut self.processed).extend(splits.iter().map(|split| split.path.clone()));
        }
        self.pending.extend(splits);
        for reader in std::mem::take(&mut self.waiting) {
            self.on_split_request(reader, assigner)?;
        }
        Ok(())
    }

    fn on_split_request(&mut self, reader: SubtaskIndex, assigner: &mut SplitAssigner<FileSplit>) -> Result<()> {
        match self.pending.pop_front() {
            Some(split) => assigner.assign(reader, split),
            None if self.has_listed && !self.is_watched() => assigner.no_more_splits(reader),
            None if self.waiting.contains(&reader) => {}
            None => self.waiting.push_back(reader),
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<FileCheckpoint> {
        Ok(FileCheckpoint {
            pending: self.pending.iter().cloned().collect(),
            processed: self.processed.iter().cloned().collect(),
            has_listed: self.has_listed,
        })
    }
}

/// A folder that was there and is not, or cannot be read any more, may come back.
fn for_now(error: Error) -> Error {
    if error.kind() == ErrorKind::Invalid {
        Error::unavailable(format!("a watched folder is gone for now: {}", error.message())).with_source(error)
    } else {
        error
    }
}
