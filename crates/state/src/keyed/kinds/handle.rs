//! What every kind of state has inside: the number of its table, whose values carry stamps only when there is a TTL.

use crate::keyed::shape::StateShape;
use crate::keyed::table::Expire;
use crate::keyed::ttl::{StateTtl, Ttl};
use crate::keyed::{KeyedState, StateAccess, TableId};
use flott_core::{Data, Error, Key, Result};

/// A state that has been registered: its values are `P`, or `S` with stamps.
pub(super) enum Bound<P, S> {
    /// Without TTL.
    Plain(TableId<(), P>),
    /// With TTL.
    Timed(TableId<(), S>, Ttl),
}

impl<P, S> Clone for Bound<P, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, S> Copy for Bound<P, S> {}

/// A state that may have been registered.
pub(super) struct Handle<P, S>(Option<Bound<P, S>>);

impl<P, S> Clone for Handle<P, S> {
    fn clone(&self) -> Self {
        Handle(self.0)
    }
}

impl<P, S> Default for Handle<P, S> {
    fn default() -> Self {
        Handle(None)
    }
}

/// How values get stamps and lose them, when a job restores a state that had no TTL with one, or the other way.
pub(super) struct Stamping<P, S> {
    pub add: fn(P, i64) -> S,
    pub drop: fn(S) -> P,
}

impl<P: Data, S: Expire> Handle<P, S> {
    /// Registers the state; `shape` is that without TTL.
    pub fn register<K: Key>(
        keyed: &mut KeyedState<K>,
        name: &str,
        shape: StateShape,
        ttl: Option<StateTtl>,
        stamping: &Stamping<P, S>,
    ) -> Result<Self> {
        let timed = shape.with_stamps(true);
        let in_file = keyed.restored_shape(name);
        let bound = match Ttl::of(ttl)? {
            None => {
                let table = if in_file == Some(timed) {
                    keyed.restored_table(name, timed)?.map_values(stamping.drop)
                } else {
                    keyed.restored_table(name, shape)?
                };
                Bound::Plain(keyed.add_table(name, shape, table)?)
            }
            Some(ttl) => {
                let now = keyed.now().0;
                let mut table = if in_file == Some(shape) {
                    keyed.restored_table(name, shape)?.map_values(|value| (stamping.add)(value, now))
                } else {
                    keyed.restored_table(name, timed)?
                };
                table.set_ttl(ttl);
                Bound::Timed(keyed.add_table(name, timed, table)?, ttl)
            }
        };
        Ok(Handle(Some(bound)))
    }

    /// The state, if it has been registered.
    #[inline]
    pub fn bound(&self) -> Result<Bound<P, S>> {
        self.0.ok_or_else(unbound)
    }

    /// Removes what the current key has.
    pub fn clear<C: StateAccess>(&self, cx: &mut C) -> Result<()> {
        match self.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.remove(slot, key, &());
            }
            Bound::Timed(id, _) => {
                let keyed = cx.keyed_state();
                let now = keyed.now();
                let (table, key, slot) = keyed.keyed_table(id)?;
                table.clean_up(now);
                table.remove(slot, key, &());
            }
        }
        Ok(())
    }

    /// Every key that has something, whether expired or not.
    pub fn keys<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<C::Key>> {
        let keyed = cx.keyed_state();
        Ok(match self.bound()? {
            Bound::Plain(id) => keyed.table(id).iter().map(|(key, ..)| key.clone()).collect(),
            Bound::Timed(id, _) => keyed.table(id).iter().map(|(key, ..)| key.clone()).collect(),
        })
    }
}

#[cold]
fn unbound() -> Error {
    Error::invalid("a state is used that was not registered; register it in `open` and keep the handle")
}
