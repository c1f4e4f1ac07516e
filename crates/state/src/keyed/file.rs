//! A file of keyed state: its format, written and read.
//!
//! A file is: `FLKS`, format version (u8), number of states (u16), for each its shape (u8) and name (u16 length,
//! UTF-8), then sections. A section is what a state has to say in one key group: state (u16), group (u16), removals
//! (u32), entries (u32), bytes (u32), then that many bytes: the removed (key, namespace) pairs, then (key, namespace,
//! value) entries, in the codec's encoding. Numbers are little-endian. The checksum is kept by who refers to the file
//! ([`crate::Blob`]) and checked before it comes here.

use super::shape::StateShape;
use super::table::Counts;
use bytes::{Buf, Bytes};
use flott_core::{Error, KeyGroup, Result};

const MAGIC: &[u8; 4] = b"FLKS";
const VERSION: u8 = 1;
/// A section's fixed part: state, group, removals, entries, bytes.
const SECTION_HEAD: usize = 2 + 2 + 4 + 4 + 4;

/// Writes one file.
pub(super) struct FileWriter {
    states: Vec<(String, StateShape)>,
    out: Vec<u8>,
    head_bytes: usize,
}

impl FileWriter {
    /// A file of these states; about `room` bytes are expected.
    pub fn new(states: Vec<(String, StateShape)>, room: usize) -> Self {
        let mut out = Vec::with_capacity(room + 256);
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&(states.len() as u16).to_le_bytes());
        for (name, shape) in &states {
            out.push(shape.tag());
            out.extend_from_slice(&(name.len() as u16).to_le_bytes());
            out.extend_from_slice(name.as_bytes());
        }
        let head_bytes = out.len();
        FileWriter { states, out, head_bytes }
    }

    /// Whether there is no section yet.
    pub fn is_empty(&self) -> bool {
        self.out.len() == self.head_bytes
    }

    /// Adds what `fill` appends as the section of the state of this number in a group; nothing, if it is nothing.
    pub fn section(
        &mut self,
        state: usize,
        group: KeyGroup,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<Counts>,
    ) -> Result<()> {
        let start = self.out.len();
        self.out.extend_from_slice(&[0; SECTION_HEAD]);
        let counts = fill(&mut self.out)?;
        if counts == Counts::default() {
            self.out.truncate(start);
            return Ok(());
        }
        let bytes = self.out.len() - start - SECTION_HEAD;
        let bytes = u32::try_from(bytes).map_err(|_| {
            Error::limit(format!(
                "state `{}` has {bytes} bytes in one key group, more than the 4 GiB that fit into a checkpoint; \
                 give the operator a higher max parallelism, which starts it with empty state",
                self.states.get(state).map_or("", |(name, _)| name.as_str())
            ))
        })?;
        let mut head = [0; SECTION_HEAD];
        head[0..2].copy_from_slice(&(state as u16).to_le_bytes());
        head[2..4].copy_from_slice(&group.0.to_le_bytes());
        head[4..8].copy_from_slice(&counts.removals.to_le_bytes());
        head[8..12].copy_from_slice(&counts.entries.to_le_bytes());
        head[12..16].copy_from_slice(&bytes.to_le_bytes());
        self.out[start..start + SECTION_HEAD].copy_from_slice(&head);
        Ok(())
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// The number of a state in the file.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|(n, _)| n == name)
    }

    /// The whole file; what is added from now on goes into another one of the same states.
    pub fn finish(&mut self) -> Bytes {
        let mut next = Vec::with_capacity(self.head_bytes);
        next.extend_from_slice(&self.out[..self.head_bytes]);
        Bytes::from(std::mem::replace(&mut self.out, next))
    }
}

/// A section of a restored file.
pub(super) struct Section {
    pub group: KeyGroup,
    pub counts: Counts,
    pub bytes: Bytes,
}

/// Takes a file apart.
pub(super) struct FileReader {
    rest: Bytes,
}

impl FileReader {
    pub fn open(mut rest: Bytes) -> Result<FileReader> {
        if rest.len() < MAGIC.len() || rest.split_to(MAGIC.len()) != MAGIC[..] {
            return Err(Error::corrupt("the file is not one of keyed state; restore another checkpoint"));
        }
        let version = rest.try_get_u8().map_err(|_| ends_early())?;
        if version != VERSION {
            return Err(Error::corrupt(format!(
                "the file of keyed state has format version {version} and this Flott reads {VERSION}; \
                 restore it with the Flott that wrote it"
            )));
        }
        Ok(FileReader { rest })
    }

    /// The states that the file is of.
    pub fn states(&mut self) -> Result<Vec<(String, StateShape)>> {
        let count = self.rest.try_get_u16_le().map_err(|_| ends_early())?;
        (0..count)
            .map(|_| {
                let tag = self.rest.try_get_u8().map_err(|_| ends_early())?;
                let len = usize::from(self.rest.try_get_u16_le().map_err(|_| ends_early())?);
                let name = String::from_utf8_lossy(&self.take(len)?).into_owned();
                let shape = StateShape::of_tag(tag).ok_or_else(|| {
                    Error::corrupt(format!(
                        "state `{name}` is of kind {tag}, which this Flott does not know; use the one that wrote it"
                    ))
                })?;
                Ok((name, shape))
            })
            .collect()
    }

    /// The next section and the number of its state.
    pub fn section(&mut self) -> Result<Option<(usize, Section)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut head = self.take(SECTION_HEAD)?;
        let state = usize::from(head.get_u16_le());
        let group = KeyGroup(head.get_u16_le());
        let counts = Counts { removals: head.get_u32_le(), entries: head.get_u32_le() };
        let bytes = head.get_u32_le() as usize;
        Ok(Some((state, Section { group, counts, bytes: self.take(bytes)? })))
    }

    /// The next `len` bytes, without copying them.
    fn take(&mut self, len: usize) -> Result<Bytes> {
        if self.rest.len() < len {
            return Err(ends_early());
        }
        Ok(self.rest.split_to(len))
    }
}

pub(super) fn ends_early() -> Error {
    Error::corrupt("the file of keyed state ends too early; restore an older checkpoint")
}
