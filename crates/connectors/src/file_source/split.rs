//! A part of a file and how far it has been read.

use super::listing::FoundFile;
use flott_api::Split;
use flott_api::format::RangePosition;
use serde::{Deserialize, Serialize};

/// The records of a file that start at `start` or behind it and before `end`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSplit {
    /// The file.
    pub path: String,
    /// The first byte.
    pub start: u64,
    /// The byte behind the last one.
    pub end: u64,
    /// The file's length when it was found; what is appended later is not read.
    pub len: u64,
    /// When the file had been changed last when it was found, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// How far it has been read.
    pub position: RangePosition,
}

impl Split for FileSplit {
    fn id(&self) -> String {
        let FileSplit { path, start, end, .. } = self;
        if self.is_whole_file() { path.clone() } else { format!("{path}[{start}..{end}]") }
    }
}

impl FileSplit {
    /// The file in parts of about `range_bytes` at most, or in one.
    pub(super) fn cut(file: FoundFile, range_bytes: Option<u64>) -> impl Iterator<Item = FileSplit> {
        let FoundFile { path, len, modified_ns } = file;
        let count = range_bytes.map_or(1, |bytes| len.div_ceil(bytes).max(1));
        let border = move |n: u64| (u128::from(len) * u128::from(n) / u128::from(count)) as u64;
        (0..count).map(move |n| FileSplit {
            path: path.clone(),
            start: border(n),
            end: border(n + 1),
            len,
            modified_ns,
            position: RangePosition::start(border(n)),
        })
    }

    pub(super) fn is_whole_file(&self) -> bool {
        self.start == 0 && self.end == self.len
    }
}
