//! The entries of a state as bytes, taken apart into rows ([`Entries`]) and put together from rows ([`Joiner`]).
//!
//! An entry is key, namespace and value, one after the other, in the codec's encoding: that of files of keyed state. A
//! store has the same bytes in another order.

use super::{Row, StateDescription, TableKind};
use crate::keyed::PartNumber;
use crate::store::{KEY_HEAD, STAMP_HEAD};
use flott_core::schema::wire::{self, Malformed};
use flott_core::schema::{Schema, Skipper};
use flott_core::{Error, KeyGroup, Result};
use std::collections::BTreeMap;

/// Takes the entries of one state apart.
pub struct Entries {
    kind: TableKind,
    stamped: bool,
    /// Of a list: an entry is a part of it.
    parts: bool,
    key: Skipper,
    /// Of a map the key of an entry.
    namespace: Skipper,
    value: Skipper,
}

impl Entries {
    /// The entries of a state.
    ///
    /// # Errors
    /// `Invalid` when a type could not be looked into, so that nobody knows where its values end.
    pub fn new(state: &StateDescription) -> Result<Entries> {
        let table = &state.table;
        let skipper = |schema: &Schema| {
            Skipper::new(schema).map_err(|why| {
                Error::invalid(format!(
                    "state `{}` cannot be put into a table: {}; take a savepoint of native format",
                    state.name,
                    why.message()
                ))
            })
        };
        let number = Schema::of::<PartNumber>();
        let namespace = match table.kind {
            TableKind::Map => &table.map_key,
            TableKind::List if state.parts => &number,
            _ => &table.namespace,
        };
        Ok(Entries {
            parts: state.parts,
            kind: table.kind,
            stamped: table.stamped,
            key: skipper(&table.key)?,
            namespace: skipper(namespace)?,
            value: skipper(&table.value)?,
        })
    }

    /// Takes one entry from the front of `bytes` and gives its rows to `give`: of a list one for each element, whose
    /// position is the one in the entry.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are no entry of the state, and those of `give`.
    pub fn split<'b>(
        &self,
        group: KeyGroup,
        bytes: &mut &'b [u8],
        give: &mut dyn FnMut(Row<'b>) -> Result<()>,
    ) -> Result<()> {
        let mut row = Row { group: group.0.into(), key: self.key.take(bytes)?, ..Row::default() };
        match self.kind {
            TableKind::EventTimers | TableKind::ProcessingTimers => {
                row.time = wire::signed(bytes)?;
                row.namespace = self.namespace.take(bytes)?;
                return give(row);
            }
            TableKind::Map => row.map_key = self.namespace.take(bytes)?,
            _ if self.parts => self.namespace.skip(bytes)?,
            _ => row.namespace = self.namespace.take(bytes)?,
        }
        if self.kind != TableKind::List {
            row.value = self.value.take(bytes)?;
            if self.stamped {
                row.time = wire::signed(bytes)?;
            }
            return give(row);
        }
        self.skip_numbers(bytes)?;
        let mut values = *bytes;
        let count = wire::length(bytes)?;
        (0..count).try_for_each(|_| self.value.skip(bytes))?;
        if self.stamped && wire::length(bytes)? != count {
            return Err(Malformed("a list has more or fewer stamps than elements").into());
        }
        wire::length(&mut values)?;
        for position in 0..count {
            row.position = u32::try_from(position).map_err(|_| Malformed("a list is too long"))?;
            row.value = self.value.take(&mut values)?;
            if self.stamped {
                row.time = wire::signed(bytes)?;
            }
            give(row)?;
        }
        Ok(())
    }

    /// Takes key and namespace of an entry from the front of `bytes` and appends them as a store has them.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are no entry of the state.
    pub fn store_key(&self, bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<()> {
        let key = self.key.take(bytes)?;
        if self.kind.is_timers() {
            let time = wire::signed(bytes)?;
            out.extend_from_slice(&(time.cast_unsigned() ^ 1 << 63).to_be_bytes());
            out.extend_from_slice(self.namespace.take(bytes)?);
            out.extend_from_slice(key);
        } else {
            out.extend_from_slice(key);
            out.extend_from_slice(self.namespace.take(bytes)?);
        }
        Ok(())
    }

    /// Takes the value of an entry from the front of `bytes` and appends it as a store has it.
    ///
    /// # Errors
    /// As [`Entries::store_key`].
    pub fn store_value(&self, bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<()> {
        if self.kind.is_timers() {
            return Ok(());
        }
        let all = *bytes;
        self.skip_numbers(bytes)?;
        let count = if self.kind == TableKind::List { wire::length(bytes)? } else { 1 };
        (0..count).try_for_each(|_| self.value.skip(bytes))?;
        if self.stamped {
            let stamps = if self.kind == TableKind::List { wire::length(bytes)? } else { 1 };
            let mut latest = i64::MIN;
            for _ in 0..stamps {
                latest = latest.max(wire::signed(bytes)?);
            }
            out.extend_from_slice(&latest.to_le_bytes());
        }
        out.extend_from_slice(&all[..all.len() - bytes.len()]);
        Ok(())
    }

    /// Whether an entry is part of a list: the parts of one follow each other in the order of [`Entries::store_key`].
    pub fn are_parts(&self) -> bool {
        self.parts
    }

    /// Goes past the numbers of a part.
    fn skip_numbers(&self, bytes: &mut &[u8]) -> Result<(), Malformed> {
        if self.parts {
            wire::unsigned(bytes)?;
            wire::unsigned(bytes)?;
        }
        Ok(())
    }

    /// Appends to `entry` what a store holds under `key`, as an entry.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are not those of the state.
    pub fn unstore(&self, key: &[u8], mut value: &[u8], entry: &mut Vec<u8>) -> Result<()> {
        let mut names = key.get(KEY_HEAD..).ok_or(Malformed("a key of the store is too short"))?;
        if self.kind.is_timers() {
            // In the store the time comes first, in the order of bytes.
            let (time, rest) = names.split_first_chunk::<8>().ok_or(Malformed("a timer has no time"))?;
            names = rest;
            let namespace = self.namespace.take(&mut names)?;
            entry.extend_from_slice(names);
            wire::put_signed((u64::from_be_bytes(*time) ^ 1 << 63).cast_signed().into(), entry);
            entry.extend_from_slice(namespace);
            return Ok(());
        }
        if self.stamped {
            wire::take(&mut value, STAMP_HEAD)?;
        }
        entry.extend_from_slice(names);
        entry.extend_from_slice(value);
        Ok(())
    }
}

/// Counts the elements of lists whose parts come one after the other.
#[derive(Default)]
pub struct Positions {
    group: u32,
    key: Vec<u8>,
    next: u32,
}

impl Positions {
    /// The row with its position in the whole list.
    ///
    /// # Errors
    /// `Corrupt` when the list is too long.
    pub fn number<'r>(&mut self, row: Row<'r>) -> Result<Row<'r>> {
        if self.key != row.key || self.group != row.group || self.next == 0 {
            self.key.clear();
            self.key.extend_from_slice(row.key);
            (self.group, self.next) = (row.group, 0);
        }
        let position = self.next;
        self.next = position.checked_add(1).ok_or(Malformed("a list is too long"))?;
        Ok(Row { position, ..row })
    }
}

/// The elements of a list by their places, each with its stamp.
type Elements = BTreeMap<u32, (i64, Vec<u8>)>;

/// Puts entries of one state together from rows.
pub struct Joiner {
    kind: TableKind,
    stamped: bool,
    /// Lists that may not be whole yet, by key group, key and namespace.
    lists: BTreeMap<(KeyGroup, Vec<u8>, Vec<u8>), Elements>,
}

impl Joiner {
    /// For the entries of a state.
    pub fn new(state: &StateDescription) -> Joiner {
        Joiner { kind: state.table.kind, stamped: state.table.stamped, lists: BTreeMap::new() }
    }

    /// Takes a row. `entry` is given the entry that it is; of a list only [`Joiner::finish`] does that.
    ///
    /// # Errors
    /// `Corrupt` when the row says something that another row says too, or has no key group; those of `entry`.
    pub fn take(
        &mut self,
        row: Row<'_>,
        buffer: &mut Vec<u8>,
        entry: &mut dyn FnMut(KeyGroup, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let group = KeyGroup(u16::try_from(row.group).map_err(|_| Malformed("there is no such key group"))?);
        if self.kind == TableKind::List {
            let list = self.lists.entry((group, row.key.to_vec(), row.namespace.to_vec())).or_default();
            if list.insert(row.position, (row.time, row.value.to_vec())).is_some() {
                return Err(Error::corrupt(format!(
                    "two elements of one list have the position {}; give each its own",
                    row.position
                )));
            }
            return Ok(());
        }
        buffer.clear();
        buffer.extend_from_slice(row.key);
        match self.kind {
            TableKind::EventTimers | TableKind::ProcessingTimers => {
                wire::put_signed(row.time.into(), buffer);
                buffer.extend_from_slice(row.namespace);
            }
            TableKind::Map => buffer.extend_from_slice(row.map_key),
            _ => buffer.extend_from_slice(row.namespace),
        }
        buffer.extend_from_slice(row.value);
        if self.stamped {
            wire::put_signed(row.time.into(), buffer);
        }
        entry(group, buffer)
    }

    /// Gives out the lists of all key groups before `end`, of which no more rows come.
    ///
    /// # Errors
    /// Those of `entry`.
    pub fn finish(
        &mut self,
        end: KeyGroup,
        buffer: &mut Vec<u8>,
        entry: &mut dyn FnMut(KeyGroup, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let later = self.lists.split_off(&(end, Vec::new(), Vec::new()));
        for ((group, key, namespace), elements) in std::mem::replace(&mut self.lists, later) {
            buffer.clear();
            buffer.extend_from_slice(&key);
            buffer.extend_from_slice(&namespace);
            wire::put_unsigned(elements.len() as u128, buffer);
            elements.values().for_each(|(_, value)| buffer.extend_from_slice(value));
            if self.stamped {
                wire::put_unsigned(elements.len() as u128, buffer);
                elements.values().for_each(|(stamp, _)| wire::put_signed((*stamp).into(), buffer));
            }
            entry(group, buffer)?;
        }
        Ok(())
    }
}
