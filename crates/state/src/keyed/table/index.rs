//! A table that is on a store, read in pieces: to make an index of it, or another table.

use super::encode::Form;
use super::stored::group_range;
use super::{KeySlot, StateTable};
use crate::store::{KeyedStore, WriteBatch};
use flott_core::{Data, Key, KeyGroup, Result};

/// Entries, and the name of the one that comes next.
pub(in crate::keyed) type Piece<K, N, V> = (Vec<(K, N, V)>, Option<Vec<u8>>);

/// So many entries, and about so many bytes, are read at once.
const READ_AT_ONCE: usize = 4096;
const READ_BYTES: usize = 4 << 20;

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Makes `index`, which is on the same store, of this table, of which everything is in the store. What the store holds of
    /// an index of that name goes.
    pub(in crate::keyed) fn index_into<M: Key>(
        &self,
        index: &StateTable<K, (i64, M), ()>,
        mut due: impl FnMut(&K, &N, &V, &mut dyn FnMut(i64, M)),
    ) -> Result<()> {
        let Some(stored) = &self.stored else { return Ok(()) };
        let mut batch = WriteBatch::new();
        for place in 0..self.groups.len() {
            index.remove_stored(place)?;
            let mut rest = self.read(place, None)?;
            while let Some((entries, next)) = rest.take() {
                let (mut names, mut outcome) = (Vec::new(), Ok(()));
                for (key, namespace, value) in entries {
                    let slot = KeySlot::of(&key, self.max, self.range);
                    due(
                        &key,
                        &namespace,
                        &value,
                        &mut |time, name| match index.store_name(slot, &key, &(time, name)) {
                            Ok(name) => names.push(name),
                            Err(error) => outcome = Err(error),
                        },
                    );
                }
                outcome?;
                names.sort_unstable();
                names.dedup();
                names.iter().for_each(|name| batch.put(name, &[]));
                if !batch.is_empty() {
                    stored.store.write(&batch)?;
                }
                batch.clear();
                if let Some(next) = next {
                    rest = self.read(place, Some(next))?;
                }
            }
        }
        Ok(())
    }

    /// Reads some of what the store holds of a group, from a name on or from the beginning. Gives the name of the next entry,
    /// if there is more.
    pub(in crate::keyed) fn read(&self, place: usize, from: Option<Vec<u8>>) -> Result<Option<Piece<K, N, V>>> {
        let (Some(stored), Form::Store(form)) = (&self.stored, &self.about.form) else { return Ok(None) };
        let (first, to) = group_range(KeyGroup(self.range.start + place as u16), form.number);
        let (mut entries, mut next, mut bytes) = (Vec::new(), None, 0);
        stored.store.scan(&from.unwrap_or(first), &to, &mut |name, value| {
            if entries.len() == READ_AT_ONCE || bytes > READ_BYTES {
                next = Some(name.to_vec());
                return Ok(false);
            }
            bytes += value.len();
            let (key, namespace) = form.names(name)?;
            entries.push((key, namespace, form.read(value)?));
            Ok(true)
        })?;
        Ok(Some((entries, next)))
    }

    /// Removes what the store holds of a group.
    pub(in crate::keyed) fn remove_stored(&self, place: usize) -> Result<()> {
        let (Some(stored), Form::Store(form)) = (&self.stored, &self.about.form) else { return Ok(()) };
        let (from, to) = group_range(KeyGroup(self.range.start + place as u16), form.number);
        stored.store.delete_range(&from, &to)
    }
}
