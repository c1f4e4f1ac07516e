//! All parts of a list.

use crate::keyed::StateTable;
use crate::keyed::list_part::{AnyPart, PartNumber};
use crate::keyed::table::KeySlot;
use flott_core::{Key, Result};
use std::ops::Range;

/// Where a list is: the table, the key's slot and the key.
pub(super) type At<'a, 'k, K, P> = (&'a mut StateTable<K, PartNumber, P>, KeySlot, &'k K);

/// The number of a full part.
pub(super) fn number<P: AnyPart>(part: &P) -> PartNumber {
    PartNumber::of(part.numbers().end)
}

/// The names of the parts of these numbers, which are looked up in the store at once.
pub(super) fn load<K: Key, P: AnyPart>(
    (table, slot, key): At<'_, '_, K, P>,
    numbers: Range<u32>,
) -> Result<Vec<PartNumber>> {
    let names: Vec<PartNumber> = numbers.map(PartNumber::of).collect();
    table.load(names.iter().map(|name| (slot, key, name)))?;
    Ok(names)
}

/// The elements as one part: in place, if there is only one, or else copied for the reader.
#[inline]
pub(super) fn get<'a, K: Key, P: AnyPart>((table, slot, key): At<'a, '_, K, P>) -> Result<Option<&'a P>> {
    let entry = table.entry(slot, key, &PartNumber::LAST)?;
    let Some(numbers) = entry.get().map(P::numbers) else { return Ok(None) };
    if numbers.is_empty() {
        return Ok(entry.into_value());
    }
    gather((entry.table, slot, key), numbers).map(Some)
}

#[cold]
fn gather<'a, K: Key, P: AnyPart>((table, slot, key): At<'a, '_, K, P>, numbers: Range<u32>) -> Result<&'a P> {
    let mut all = P::default();
    let names = load((&mut *table, slot, key), numbers)?;
    for name in names.iter().chain([&PartNumber::LAST]) {
        if let Some(part) = table.get(slot, key, name)? {
            all.extend(part);
        }
    }
    Ok(table.show(all))
}

/// Takes all elements out.
pub(super) fn take<K: Key, P: AnyPart>((table, slot, key): At<'_, '_, K, P>) -> Result<P> {
    let Some(last) = table.remove(slot, key, &PartNumber::LAST)? else { return Ok(P::default()) };
    if last.numbers().is_empty() {
        return Ok(last);
    }
    let mut all = P::default();
    for name in load((&mut *table, slot, key), last.numbers())? {
        if let Some(part) = table.remove(slot, key, &name)? {
            all.append(part);
        }
    }
    all.append(last);
    Ok(all)
}

/// Adds elements to the last part, which is made if there is none.
#[inline]
pub(super) fn change<K: Key, P: AnyPart>(
    (table, slot, key): At<'_, '_, K, P>,
    change: impl FnOnce(&mut P),
) -> Result<()> {
    let (last, _) = table.get_or_insert_with(slot, key, &PartNumber::LAST, P::default)?;
    change(last);
    for part in last.split() {
        table.insert(slot, key, &number(&part), part)?;
    }
    Ok(())
}

/// Replaces all elements.
pub(super) fn replace<K: Key, P: AnyPart>((table, slot, key): At<'_, '_, K, P>, with: P) -> Result<()> {
    let (last, _) = table.get_or_insert_with(slot, key, &PartNumber::LAST, P::default)?;
    let before = last.numbers();
    *last = with;
    let full = last.split();
    let gone = before.start.max(full.len() as u32)..before.end;
    for part in full {
        table.insert(slot, key, &number(&part), part)?;
    }
    for number in gone {
        table.remove(slot, key, &PartNumber::of(number))?;
    }
    Ok(())
}
