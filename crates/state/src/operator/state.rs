//! All non-keyed state of an operator in a subtask, by name.

use super::broadcast::BroadcastContent;
use super::{BroadcastState, OperatorListState};
use crate::snapshot::Redistribution;
use flott_core::schema::{Decoder, Schema};
use flott_core::{Data, Error, ErrorKind, Key, Result, codec, error::ResultExt};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A list as it goes into a checkpoint and comes out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedList {
    /// Its name.
    pub name: String,
    /// What happens to it at another parallelism.
    pub redistribution: Redistribution,
    /// What the items are, if they are more than bytes; of a broadcast map pairs.
    pub schema: Option<Arc<Schema>>,
    /// The encoded items.
    pub items: Vec<Vec<u8>>,
}

impl EncodedList {
    /// A list of whose items nobody but its owner knows what they are.
    pub fn of_bytes(name: &str, redistribution: Redistribution, items: Vec<Vec<u8>>) -> EncodedList {
        EncodedList { name: name.to_owned(), redistribution, schema: None, items }
    }
}

/// All non-keyed state of an operator in a subtask. Items are typed once the operator has registered them, and
/// encoded before; what it never registers is carried along into the next checkpoint.
#[derive(Default)]
pub struct OperatorState {
    /// In order of registration.
    registered: Vec<Registered>,
    /// By name: restored and not registered, and the runtime's own lists.
    encoded: BTreeMap<String, Encoded>,
}

struct Registered {
    name: String,
    redistribution: Redistribution,
    schema: Arc<Schema>,
    content: Box<dyn Content>,
}

struct Encoded {
    redistribution: Redistribution,
    schema: Option<Arc<Schema>>,
    items: Vec<Vec<u8>>,
    /// Another subtask carries the same items along, so this one must not.
    copy: bool,
}

/// The items of one state, whose type the carrier does not know.
pub(super) trait Content: Any + Send {
    fn encode(&self) -> Result<Vec<Vec<u8>>>;
}

impl<T: Data> Content for Vec<T> {
    fn encode(&self) -> Result<Vec<Vec<u8>>> {
        self.iter().map(codec::to_bytes).collect()
    }
}

impl OperatorState {
    /// No state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers the list `name` and fills it with what was restored for it.
    ///
    /// # Errors
    /// `Invalid` when the name is taken; `Corrupt` when the checkpoint holds something else under it.
    pub fn list<T: Data>(&mut self, name: &str, redistribution: Redistribution) -> Result<OperatorListState<T>> {
        let schema = Arc::new(Schema::of::<T>());
        let items: Vec<T> = self.restored(name, redistribution, &schema)?;
        Ok(OperatorListState::new(self.add(name, redistribution, schema, Box::new(items))?))
    }

    /// Registers the broadcast map `name` and fills it with what was restored for it.
    ///
    /// # Errors
    /// As [`OperatorState::list`].
    pub fn broadcast<K: Key, V: Data>(&mut self, name: &str) -> Result<BroadcastState<K, V>> {
        let schema = Arc::new(Schema::of::<(K, V)>());
        let pairs: Vec<(K, V)> = self.restored(name, Redistribution::Broadcast, &schema)?;
        let content: BroadcastContent<K, V> = pairs.into_iter().collect();
        Ok(BroadcastState::new(self.add(name, Redistribution::Broadcast, schema, Box::new(content))?))
    }

    /// Every list as it goes into a checkpoint; a broadcast map is a list of its pairs.
    ///
    /// # Errors
    /// `Internal` when an item cannot be encoded.
    pub fn snapshot(&self) -> Result<Vec<EncodedList>> {
        let mut lists = Vec::new();
        for state in &self.registered {
            lists.push(EncodedList {
                name: state.name.clone(),
                redistribution: state.redistribution,
                schema: Some(state.schema.clone()),
                items: state.content.encode()?,
            });
        }
        for (name, list) in self.encoded.iter().filter(|(_, list)| !list.copy) {
            let Encoded { redistribution, schema, items, .. } = list;
            let (schema, items) = (schema.clone(), items.clone());
            lists.push(EncodedList { name: name.clone(), redistribution: *redistribution, schema, items });
        }
        Ok(lists)
    }

    /// Adds items of a checkpoint to a list that is not registered yet.
    ///
    /// # Errors
    /// `Invalid` when it is.
    pub fn restore(&mut self, list: EncodedList) -> Result<()> {
        self.restore_items(list, false)
    }

    /// As [`OperatorState::restore`], for items of a union list that another subtask carries along if no one
    /// registers them. Otherwise the list would grow with every restore.
    ///
    /// # Errors
    /// As [`OperatorState::restore`].
    pub fn restore_copy(&mut self, list: EncodedList) -> Result<()> {
        self.restore_items(list, true)
    }

    /// Replaces the runtime's own list `name` by items that are already encoded. At another parallelism they are
    /// dealt out one by one.
    pub fn set_items(&mut self, name: &str, items: Vec<Vec<u8>>) {
        let list = Encoded { redistribution: Redistribution::Split, schema: None, items, copy: false };
        self.encoded.insert(name.to_owned(), list);
    }

    /// Takes the encoded items of the runtime's own list `name`; none if there is no such list.
    pub fn take_items(&mut self, name: &str) -> Vec<Vec<u8>> {
        self.encoded.remove(name).map(|list| list.items).unwrap_or_default()
    }

    /// The lists that were restored or set and that no one has registered, by name.
    pub fn unregistered(&self) -> Vec<String> {
        self.encoded.keys().cloned().collect()
    }

    fn restore_items(&mut self, list: EncodedList, copy: bool) -> Result<()> {
        let EncodedList { name, redistribution, schema, items } = list;
        if self.registered.iter().any(|r| r.name == name) {
            return Err(Error::invalid(format!(
                "operator state `{name}` is restored after it was registered; restore first"
            )));
        }
        let list = self.encoded.entry(name);
        let list = list.or_insert_with(|| Encoded { redistribution, schema, items: Vec::new(), copy });
        list.items.extend(items);
        Ok(())
    }

    fn restored<T: Data>(&mut self, name: &str, redistribution: Redistribution, own: &Schema) -> Result<Vec<T>> {
        let Some(list) = self.encoded.remove(name) else { return Ok(Vec::new()) };
        let misfit = |kind: ErrorKind, why: &str| {
            let message = format!(
                "operator state `{name}` of the checkpoint does not fit this job: {why}; \
                 register it as it was written, or under another name to start it empty"
            );
            Error::new(kind, message)
        };
        let is_broadcast = |r| r == Redistribution::Broadcast;
        if is_broadcast(list.redistribution) != is_broadcast(redistribution) {
            return Err(misfit(ErrorKind::Invalid, "one of the two is broadcast state and the other a list"));
        }
        let written = list.schema.as_deref().unwrap_or(own);
        let decoder =
            Decoder::<T>::between(own, written).in_context(|| format!("operator state `{name}` of the checkpoint"))?;
        list.items.iter().map(|item| decoder.from_bytes(item).map_err(|e| misfit(e.kind(), e.message()))).collect()
    }

    fn add(
        &mut self,
        name: &str,
        redistribution: Redistribution,
        schema: Arc<Schema>,
        content: Box<dyn Content>,
    ) -> Result<usize> {
        if self.registered.iter().any(|r| r.name == name) {
            return Err(Error::invalid(format!(
                "two states of one operator are called `{name}`; give each its own name"
            )));
        }
        self.registered.push(Registered { name: name.to_owned(), redistribution, schema, content });
        Ok(self.registered.len() - 1)
    }

    /// The content of a registered state.
    #[inline]
    pub(super) fn content<C: 'static>(&self, number: usize) -> &C {
        let content = self.registered.get(number).map(|r| &*r.content as &dyn Any);
        match content.and_then(|c| c.downcast_ref()) {
            Some(content) => content,
            None => unreachable!("an operator state's handle is used with the operator that made it"),
        }
    }

    /// The content of a registered state, to be changed.
    #[inline]
    pub(super) fn content_mut<C: 'static>(&mut self, number: usize) -> &mut C {
        let content = self.registered.get_mut(number).map(|r| &mut *r.content as &mut dyn Any);
        match content.and_then(|c| c.downcast_mut()) {
            Some(content) => content,
            None => unreachable!("an operator state's handle is used with the operator that made it"),
        }
    }
}
