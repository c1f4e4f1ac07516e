//! What every kind of state has inside: the number of its table, whose values carry stamps only when there is a TTL.

use crate::keyed::shape::StateShape;
use crate::keyed::table::{Arrange, Expire};
use crate::keyed::ttl::{StateTtl, Ttl};
use crate::keyed::{KeyMap, KeyedState, StateAccess, TableId};
use flott_core::{Data, Error, Key, ProcessingTime, Result};

/// A state that has been registered: its values are `P`, or `S` with stamps.
pub(super) enum Bound<N, P, S> {
    /// Without TTL.
    Plain(TableId<N, P>),
    /// With TTL.
    Timed(TableId<N, S>, Ttl),
}

impl<N, P, S> Clone for Bound<N, P, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N, P, S> Copy for Bound<N, P, S> {}

/// A state that may have been registered.
pub(super) struct Handle<N, P, S>(Option<Bound<N, P, S>>);

impl<N, P, S> Clone for Handle<N, P, S> {
    fn clone(&self) -> Self {
        Handle(self.0)
    }
}

impl<N, P, S> Default for Handle<N, P, S> {
    fn default() -> Self {
        Handle(None)
    }
}

/// How values get stamps and lose them, when a job restores a state that had no TTL with one, or the other way.
pub(super) struct Stamping<P, S> {
    pub add: fn(P, i64) -> S,
    pub drop: fn(S) -> P,
}

impl<N: Key, P: Data, S: Expire> Handle<N, P, S> {
    /// Registers the state; `shape` is that without TTL.
    pub fn register<K: Key>(
        keyed: &mut KeyedState<K>,
        name: &str,
        (shape, arrange): (StateShape, Arrange),
        ttl: Option<StateTtl>,
        stamping: &Stamping<P, S>,
    ) -> Result<Self> {
        let timed = shape.with_stamps(true);
        let in_file = keyed.restored_shape(name)?;
        let bound = match Ttl::of(ttl)? {
            None => {
                let table = if in_file == Some(timed) {
                    let with_stamps = keyed.restored_table(name, timed, arrange, Some(S::stamp))?;
                    keyed.converted(name, with_stamps, None, stamping.drop)?
                } else {
                    keyed.restored_table(name, shape, arrange, None)?
                };
                Bound::Plain(keyed.add_table(name, shape, table, None)?)
            }
            Some(ttl) => {
                let now = keyed.now().0;
                let mut table = if in_file == Some(shape) {
                    let plain = keyed.restored_table(name, shape, arrange, None)?;
                    keyed.converted(name, plain, Some(S::stamp), |value| (stamping.add)(value, now))?
                } else {
                    keyed.restored_table(name, timed, arrange, Some(S::stamp))?
                };
                table.set_ttl(ttl);
                keyed.expire_in_store(name, ttl);
                Bound::Timed(keyed.add_table(name, timed, table, Some(ttl))?, ttl)
            }
        };
        Ok(Handle(Some(bound)))
    }

    /// The state, if it has been registered.
    #[inline]
    pub fn bound(&self) -> Result<Bound<N, P, S>> {
        self.0.ok_or_else(unbound)
    }

    /// Every key that has something, whether expired or not, each once.
    pub fn keys<C: StateAccess>(&self, cx: &mut C) -> Result<Vec<C::Key>> {
        let keyed = cx.keyed_state();
        let mut keys = KeyMap::<C::Key, ()>::new();
        let mut add = |key: &C::Key| {
            if !keys.contains(key) {
                keys.insert(key.clone(), ());
            }
        };
        match self.bound()? {
            Bound::Plain(id) => keyed.table(id).for_each(|key, _, _| add(key))?,
            Bound::Timed(id, _) => keyed.table(id).for_each(|key, _, _| add(key))?,
        }
        Ok(keys.into_iter().map(|(key, ())| key).collect())
    }
}

impl<P: Data, S: Expire> Handle<(), P, S> {
    /// Removes what the current key has.
    pub fn clear<C: StateAccess>(&self, cx: &mut C) -> Result<()> {
        match self.bound()? {
            Bound::Plain(id) => {
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.remove(slot, key, &())?;
            }
            Bound::Timed(id, _) => {
                let now = now(cx);
                let (table, key, slot) = cx.keyed_state().keyed_table(id)?;
                table.clean_up(now)?;
                table.remove(slot, key, &())?;
            }
        }
        Ok(())
    }
}

/// The time that TTL goes by.
#[inline]
pub(super) fn now<C: StateAccess>(cx: &mut C) -> ProcessingTime {
    cx.keyed_state().now()
}

#[cold]
fn unbound() -> Error {
    Error::invalid("a state is used that was not registered; register it in `open` and keep the handle")
}
