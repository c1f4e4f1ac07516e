//! The keys of a batch, as rows.

use super::BinaryRow;
use crate::keyed::{KeySlot, KeyedState};
use flott_core::KeyHash;

/// The keys of a batch with their slots, one for each record. It is used for one batch after the other: its memory is
/// used again, so that a key costs no allocation.
#[derive(Default)]
pub struct KeyRows {
    keys: Vec<BinaryRow>,
    slots: Vec<KeySlot>,
}

impl KeyRows {
    /// None yet.
    pub fn new() -> KeyRows {
        KeyRows::default()
    }

    /// Takes the keys of the next batch: of each record the hash ([`KeyHash::of_bytes`]) and the row. They belong to key
    /// groups of `keyed`.
    #[inline]
    pub fn fill<'r>(&mut self, keyed: &KeyedState<BinaryRow>, keys: impl Iterator<Item = (KeyHash, &'r [u8])>) {
        self.slots.clear();
        for (hash, row) in keys {
            match self.keys.get_mut(self.slots.len()) {
                Some(key) => key.set(row),
                None => self.keys.push(BinaryRow::from(row)),
            }
            self.slots.push(keyed.slot_of(hash));
        }
    }

    /// The keys.
    #[inline]
    pub fn keys(&self) -> &[BinaryRow] {
        &self.keys[..self.slots.len()]
    }

    /// Their slots.
    #[inline]
    pub fn slots(&self) -> &[KeySlot] {
        &self.slots
    }
}
