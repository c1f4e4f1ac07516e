//! Lists whose elements expire one by one.

use super::parts::{self, At};
use crate::keyed::list_part::{AnyPart, PartNumber, StampedPart};
use crate::keyed::ttl::{Deadline, Ttl};
use flott_core::{Data, Key, ProcessingTime, Result};

/// The elements that can be seen, in order. Reading may start their lives again.
pub(super) fn get<'a, K: Key, V: Data>(
    (table, slot, key): At<'a, '_, K, StampedPart<V>>,
    ttl: Ttl,
    now: ProcessingTime,
) -> Result<&'a [V]> {
    table.clean_up(now)?;
    let Some(last) = table.get(slot, key, &PartNumber::LAST)? else { return Ok(&[]) };
    let numbers = last.numbers();
    if numbers.is_empty() {
        let found = see((table, slot, key), &PartNumber::LAST, ttl, now, false)?;
        return Ok(found.map_or(&[], |list| list.part.values.as_slice()));
    }
    let mut all = StampedPart::default();
    for name in parts::load((&mut *table, slot, key), numbers)? {
        if let Some(part) = see((&mut *table, slot, key), &name, ttl, now, false)? {
            all.extend(part);
        }
    }
    // As long as there are others the last part has to stay, which knows of them.
    let are_others = !all.stamps.is_empty();
    if let Some(part) = see((&mut *table, slot, key), &PartNumber::LAST, ttl, now, are_others)? {
        all.extend(part);
    }
    Ok(&table.show(all).part.values)
}

/// What can be seen of a part.
fn see<'a, K: Key, V: Data>(
    (table, slot, key): At<'a, '_, K, StampedPart<V>>,
    name: &PartNumber,
    ttl: Ttl,
    now: ProcessingTime,
    has_to_stay: bool,
) -> Result<Option<&'a StampedPart<V>>> {
    let deadline = ttl.deadline(now);
    let Some(list) = table.get(slot, key, name)? else { return Ok(None) };
    let expired = list.stamps.iter().filter(|stamp| deadline.has_passed(**stamp)).count();
    let refreshed = ttl.refresh_on_read && list.stamps.iter().any(|stamp| *stamp != now.0);
    if expired == list.stamps.len() && !has_to_stay {
        table.remove_expired(slot, key, name)
    } else if refreshed || expired > 0 && !ttl.return_expired {
        Ok(table.get_mut(slot, key, name)?.map(|list| {
            // As in Flink, refreshing leaves out what has expired, even where it could still be seen.
            list.drop_expired(deadline);
            if ttl.refresh_on_read {
                list.stamps.fill(now.0);
            }
            &*list
        }))
    } else {
        table.get(slot, key, name)
    }
}

/// Changes the last part, which is made if there is none.
pub(super) fn change<K: Key, V: Data>(
    (table, slot, key): At<'_, '_, K, StampedPart<V>>,
    ttl: Ttl,
    now: ProcessingTime,
    change: impl FnOnce(&mut StampedPart<V>),
) -> Result<()> {
    table.clean_up(now)?;
    let deadline = ttl.deadline(now);
    let (last, is_new) = table.get_or_insert_with(slot, key, &PartNumber::LAST, StampedPart::default)?;
    // A list that is only ever added to, and never read, must not keep everything.
    if !is_new && !ttl.return_expired && last.stamps.first().is_some_and(|stamp| deadline.has_passed(*stamp)) {
        last.drop_expired(deadline);
    }
    change(last);
    let full = last.split();
    if full.is_empty() {
        return Ok(());
    }
    let numbers = last.numbers();
    for part in full {
        table.insert(slot, key, &parts::number(&part), part)?;
    }
    if ttl.return_expired {
        return Ok(());
    }
    let first = forget((&mut *table, slot, key), numbers.clone(), deadline)?;
    if first != numbers.start
        && let Some(last) = table.get_mut(slot, key, &PartNumber::LAST)?
    {
        last.part.first = first;
    }
    Ok(())
}

/// Removes the first parts of which everything has expired. Returns the number of the first that is left.
fn forget<K: Key, V: Data>(
    (table, slot, key): At<'_, '_, K, StampedPart<V>>,
    numbers: std::ops::Range<u32>,
    deadline: Deadline,
) -> Result<u32> {
    for number in numbers.clone() {
        let name = PartNumber::of(number);
        match table.get(slot, key, &name)? {
            Some(part) if !part.is_expired(deadline) => return Ok(number),
            Some(_) => drop(table.remove(slot, key, &name)?),
            None => {}
        }
    }
    Ok(numbers.end)
}
