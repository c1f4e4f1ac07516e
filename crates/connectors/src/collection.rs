//! `from_collection`: the elements of a vector, in order, read by one subtask.

#[cfg(test)]
mod tests;

use crate::memory_reader::{MakeRows, MemoryReader};
use crate::split_queue::SplitQueue;
use flott_api::source::{EnumeratorContext, ReaderContext};
use flott_api::{Boundedness, Source, Split};
use flott_core::{Data, Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// A vector as a source. There is one split, so it makes sense at parallelism 1 only, where the order is kept.
///
/// A job that is restored goes on behind the last element that a checkpoint covers; the vector has to be as long as it
/// was.
pub struct CollectionSource<T> {
    /// Behind a mutex because elements need not be shareable. There is one reader, so nobody waits for it.
    items: Arc<Mutex<Vec<T>>>,
    len: u64,
}

impl<T: Data> CollectionSource<T> {
    /// The elements of `items`.
    pub fn new(items: impl IntoIterator<Item = T>) -> Self {
        let items: Vec<T> = items.into_iter().collect();
        CollectionSource { len: items.len() as u64, items: Arc::new(Mutex::new(items)) }
    }
}

/// The elements from `next` on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CollectionSplit {
    next: u64,
    len: u64,
}

impl Split for CollectionSplit {
    fn id(&self) -> String {
        "collection".to_owned()
    }
}

/// Clones elements.
pub struct CloneRows<T> {
    items: Arc<Mutex<Vec<T>>>,
}

impl<T: Data> MakeRows for CloneRows<T> {
    type Item = T;
    type Split = CollectionSplit;

    fn make(&mut self, split: &mut CollectionSplit, rows_max: usize) -> Result<Vec<T>> {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if split.len != items.len() as u64 {
            return Err(Error::invalid(format!(
                "the collection has {} elements and had {} when the checkpoint was taken; restore with the same \
                 elements, or start without the checkpoint",
                items.len(),
                split.len
            )));
        }
        let start = usize::try_from(split.next).unwrap_or(usize::MAX).min(items.len());
        let end = start.saturating_add(rows_max).min(items.len());
        split.next = end as u64;
        Ok(items[start..end].to_vec())
    }
}

impl<T: Data> Source for CollectionSource<T> {
    type Item = T;
    type Split = CollectionSplit;
    type Checkpoint = Vec<CollectionSplit>;
    type Enumerator = SplitQueue<CollectionSplit>;
    type Reader = MemoryReader<CloneRows<T>>;

    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    fn create_enumerator(
        &self,
        _: &EnumeratorContext,
        restored: Option<Vec<CollectionSplit>>,
    ) -> Result<SplitQueue<CollectionSplit>> {
        Ok(SplitQueue::new(restored.unwrap_or_else(|| vec![CollectionSplit { next: 0, len: self.len }])))
    }

    fn create_reader(&self, _: &ReaderContext) -> Result<Self::Reader> {
        Ok(MemoryReader::new(CloneRows { items: self.items.clone() }))
    }
}
