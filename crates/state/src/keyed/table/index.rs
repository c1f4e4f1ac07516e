//! Making an index of a table that is on a store: one walk over what the store holds, in pieces.

use super::encode::Form;
use super::stored::group_range;
use super::{KeySlot, StateTable};
use crate::store::WriteBatch;
use flott_core::{Data, Key, KeyGroup, Result};

/// So many entries are read before what is due of them is written.
const READ_AT_ONCE: usize = 4096;

impl<K: Key, N: Key, V: Data> StateTable<K, N, V> {
    /// Makes `index`, which is on the same store, of this table, of which everything is in the store. What the store holds of
    /// an index of that name goes.
    pub(in crate::keyed) fn index_into<M: Key>(
        &self,
        index: &StateTable<K, (i64, M), ()>,
        mut due: impl FnMut(&K, &N, &V, &mut dyn FnMut(i64, M)),
    ) -> Result<()> {
        let (Some(stored), Form::Store(form)) = (&self.stored, &self.about.form) else { return Ok(()) };
        let (mut names, mut batch) = (Vec::new(), WriteBatch::new());
        for place in 0..self.groups.len() {
            let group = KeyGroup(self.range.start + place as u16);
            index.remove_stored(group)?;
            let (from, to) = group_range(group, form.number);
            let mut rest = Some(from);
            while let Some(from) = rest.take() {
                let mut read = 0;
                stored.store.scan(&from, &to, &mut |name, value| {
                    if read == READ_AT_ONCE {
                        rest = Some(name.to_vec());
                        return Ok(false);
                    }
                    read += 1;
                    let (key, namespace) = form.names(name)?;
                    let slot = KeySlot::of(&key, self.max, self.range);
                    let mut outcome = Ok(());
                    due(&key, &namespace, &form.read(value)?, &mut |time, name| match index.store_name(
                        slot,
                        &key,
                        &(time, name),
                    ) {
                        Ok(name) => names.push(name),
                        Err(error) => outcome = Err(error),
                    });
                    outcome.map(|()| true)
                })?;
                names.sort_unstable();
                names.dedup();
                names.iter().for_each(|name| batch.put(name, &[]));
                if !batch.is_empty() {
                    stored.store.write(&batch)?;
                }
                names.clear();
                batch.clear();
            }
        }
        Ok(())
    }

    /// Removes what the store holds of a group.
    fn remove_stored(&self, group: KeyGroup) -> Result<()> {
        let (Some(stored), Form::Store(form)) = (&self.stored, &self.about.form) else { return Ok(()) };
        let (from, to) = group_range(group, form.number);
        stored.store.delete_range(&from, &to)
    }
}
