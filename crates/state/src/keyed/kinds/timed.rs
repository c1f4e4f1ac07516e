//! Single values with a time to live: value state, and the entries of map state.

use crate::keyed::StateTable;
use crate::keyed::table::{Expire, Expired, KeySlot};
use crate::keyed::ttl::{Deadline, Stamped, Ttl};
use flott_core::{Data, Key, ProcessingTime, Result};

/// Where a value is: the table, the key's slot, the key and the namespace.
pub(super) type At<'a, 'n, K, N, V> = (&'a mut StateTable<K, N, Stamped<V>>, KeySlot, &'a K, &'n N);

/// The value, if it can be seen. Reading may start its life again.
pub(super) fn get<'a, K: Key, N: Key, V: Data>(
    (table, slot, key, namespace): At<'a, '_, K, N, V>,
    ttl: Ttl,
    now: ProcessingTime,
) -> Result<Option<&'a V>> {
    table.clean_up(now)?;
    let Some(stamp) = table.get(slot, key, namespace)?.map(|stamped| stamped.stamp) else { return Ok(None) };
    let found = if ttl.deadline(now).has_passed(stamp) {
        table.remove_expired(slot, key, namespace)?
    } else if ttl.refresh_on_read && stamp != now.0 {
        table.get_mut(slot, key, namespace)?.map(|stamped| {
            stamped.stamp = now.0;
            &*stamped
        })
    } else {
        table.get(slot, key, namespace)?
    };
    Ok(found.map(|stamped| &stamped.value))
}

/// The value, made by `default` if there is none to be seen, about to be written.
pub(super) fn entry<'a, K: Key, N: Key, V: Data>(
    (table, slot, key, namespace): At<'a, '_, K, N, V>,
    ttl: Ttl,
    now: ProcessingTime,
    default: impl FnOnce() -> V,
) -> Result<&'a mut V> {
    table.clean_up(now)?;
    let is_expired = |stamp| !ttl.return_expired && ttl.deadline(now).has_passed(stamp);
    if table.get(slot, key, namespace)?.is_some_and(|stamped| is_expired(stamped.stamp)) {
        table.remove(slot, key, namespace)?;
    }
    let make = || Stamped { value: default(), stamp: now.0 };
    let (stamped, _) = table.get_or_insert_with(slot, key, namespace, make)?;
    stamped.stamp = now.0;
    Ok(&mut stamped.value)
}

/// Sets the value.
pub(super) fn set<K: Key, N: Key, V: Data>(
    (table, slot, key, namespace): At<'_, '_, K, N, V>,
    now: ProcessingTime,
    value: V,
) -> Result<()> {
    table.clean_up(now)?;
    table.insert(slot, key, namespace, Stamped { value, stamp: now.0 }).map(drop)
}

impl<V: Data> Expire for Stamped<V> {
    #[inline]
    fn has_expired(&self, deadline: Deadline) -> bool {
        deadline.has_passed(self.stamp)
    }

    fn expire(&mut self, deadline: Deadline) -> Expired {
        if deadline.has_passed(self.stamp) { Expired::All } else { Expired::Part }
    }

    fn stamp(&self) -> i64 {
        self.stamp
    }
}
