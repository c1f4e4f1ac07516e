//! Lists that are one value each, as earlier versions of Flott wrote them and as rows of a savepoint are put together:
//! they are taken apart when the state is registered.

use crate::keyed::KeyedState;
use crate::keyed::list_part::{AnyPart, ListPart, StampedPart, numbered};
use crate::keyed::shape::StateShape;
use crate::keyed::table::{Arrange, Expire};
use crate::keyed::ttl::Stamp;
use flott_core::{Data, Key, Result};
use serde::{Deserialize, Serialize};

/// A list whose elements carry stamps.
#[derive(Clone, Serialize, Deserialize)]
struct StampedList<V> {
    values: Vec<V>,
    stamps: Vec<i64>,
}

impl<V> Default for StampedList<V> {
    fn default() -> Self {
        StampedList { values: Vec::new(), stamps: Vec::new() }
    }
}

/// The whole lists under a name, if there are such: those on a store are parts there afterwards, the others come here.
pub(super) fn take_whole<K: Key, V: Data>(keyed: &mut KeyedState<K>, name: &str) -> Result<Vec<(K, StampedPart<V>)>> {
    match keyed.restored_shape(name)? {
        Some(StateShape::List { timed: false }) => {
            let now = keyed.now().0;
            let lists = take(keyed, name, false, (None, None), ListPart::<V>::of)?;
            Ok(lists.into_iter().map(|(key, part)| (key, StampedPart::stamped(part, now))).collect())
        }
        Some(StateShape::List { timed: true }) => {
            let latest: fn(&StampedList<V>) -> i64 = |list| list.stamps.iter().copied().max().unwrap_or(i64::MIN);
            let stamps = (Some(latest), Some(StampedPart::stamp as fn(&_) -> i64));
            take(keyed, name, true, stamps, |list| StampedPart { part: ListPart::of(list.values), stamps: list.stamps })
        }
        _ => Ok(Vec::new()),
    }
}

fn take<K: Key, W: Data + Default, P: AnyPart>(
    keyed: &mut KeyedState<K>,
    name: &str,
    timed: bool,
    (was_stamp, stamp): (Stamp<W>, Stamp<P>),
    part: impl Fn(W) -> P,
) -> Result<Vec<(K, P)>> {
    let mut whole = keyed.restored_table::<(), W>(name, StateShape::List { timed }, Arrange::Flat, was_stamp)?;
    let mut lists = Vec::new();
    if whole.is_on_store() {
        let shape = StateShape::ListParts { timed };
        keyed.take_apart_in_store(name, whole, (shape, stamp), |list| numbered(part(list)))?;
    } else {
        whole.drain(|key, (), list| lists.push((key.clone(), part(std::mem::take(list)))))?;
    }
    Ok(lists)
}
