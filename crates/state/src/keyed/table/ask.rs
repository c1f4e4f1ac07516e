//! What one key has in a table, for whoever asks from outside. Of many entries none is taken into memory.
//!
//! It costs a look at the key's entries in memory and in the store. Where those in memory are not kept together, as windows that
//! merge are not, it is a look at all of the key group that are in memory.

use super::encode::Form;
use super::layout::Layout;
use super::stored::after_prefix;
use super::{KeySlot, StateTable};
use crate::keyed::list_part::{part_names, usual};
use crate::store::{KeyedStore, store_key};
use flott_core::{Data, Error, Key, Result, codec};

/// An answer has at most so many bytes, and one entry more.
const ANSWER_BYTES_MAX: usize = 16 << 20;

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Appends what a key has, as entries of a file, and says how many those are. Names begin with the key.
    pub(super) fn entries_of(&mut self, slot: KeySlot, key: &K, out: &mut Vec<u8>) -> Result<usize> {
        if let Some(namespace) = usual::<N>() {
            let parts = self.get(slot, key, &namespace)?.and_then(part_names::<N, V>);
            let (mut count, names) = (0, parts.into_iter().flatten().chain([namespace]));
            for namespace in names {
                if let Some(value) = self.get(slot, key, &namespace)? {
                    append((key, &namespace, value), out)?;
                    count += 1;
                }
            }
            return Ok(count);
        }
        let (mut count, mut outcome) = (0, Ok(()));
        let mut each = |namespace: &N, value: &V| {
            if outcome.is_ok() {
                (count, outcome) = (count + 1, append((key, namespace, value), out));
            }
        };
        match &self.groups[slot.group].layout {
            Layout::ByKey(parts) => {
                let part = parts.find(key, || slot.hash.0).map(|part| parts.at(part));
                part.into_iter().flat_map(|part| part.part.entries.iter()).for_each(|e| each(&e.name, &e.value));
            }
            Layout::ByNamespace(parts) => parts.iter().for_each(|part| {
                if let Some(bucket) = part.part.find(slot.hash.0, |k| k == key) {
                    each(&part.of, &part.part.at(bucket).value);
                }
            }),
            Layout::Flat(part) => {
                part.entries.iter().filter(|e| e.name.0 == *key).for_each(|e| each(&e.name.1, &e.value))
            }
        }
        outcome?;
        Ok(count + self.stored_entries_of(slot, key, out)?)
    }

    /// Appends what the store has of a key that is not here.
    fn stored_entries_of(&self, slot: KeySlot, key: &K, out: &mut Vec<u8>) -> Result<usize> {
        let (Some(stored), Form::Store(form)) = (&self.stored, &self.about.form) else { return Ok(0) };
        let (group, mut count, mut from) = (&self.groups[slot.group], 0, Vec::new());
        if group.is_complete {
            return Ok(0);
        }
        store_key(self.key_group(slot), form.number, &mut from);
        codec::encode(key, &mut from)?;
        stored.store.scan(&from, &after_prefix(&from), &mut |name, value| {
            let namespace: N = codec::from_bytes(name.get(from.len()..).unwrap_or_default())?;
            if group.layout.find(slot, key, &namespace).is_none() && !group.is_surely_absent(slot, key, &namespace) {
                count += 1;
                append((key, &namespace, &form.read(value)?), out)?;
            }
            Ok(true)
        })?;
        Ok(count)
    }
}

fn append<K: Key, N: Key, V: Data>((key, namespace, value): (&K, &N, &V), out: &mut Vec<u8>) -> Result<()> {
    if out.len() > ANSWER_BYTES_MAX {
        return Err(Error::limit(format!(
            "a key has more than {} MiB in the state that was asked for; ask a checkpoint",
            ANSWER_BYTES_MAX >> 20
        )));
    }
    codec::encode(key, out)?;
    codec::encode(namespace, out)?;
    codec::encode(value, out)
}
