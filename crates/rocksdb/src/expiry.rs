//! Time to live: a filter that sees every entry when files are compacted, and drops what has expired.
//!
//! What the filter drops is hidden for good: where an older value of the key might still lie in another file, RocksDB
//! writes a deletion in its place.

use flott_core::time::millis;
use flott_core::{KeyGroup, ProcessingTime};
use flott_state::store::{ABOUT_GROUP, KEY_HEAD, STAMP_HEAD, StateNumber};
use rocksdb::CompactionDecision;
use rocksdb::compaction_filter::CompactionFilter;
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};
use std::ffi::CStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

const NAME: &CStr = c"flott-ttl";

/// How long the values of a store live, and what time it is. The owner sets it, compactions read it.
#[derive(Debug)]
pub(crate) struct Expiry {
    /// States with a time to live, in milliseconds. They are few.
    ttls: RwLock<Vec<(StateNumber, i64)>>,
    now_millis: AtomicI64,
}

impl Default for Expiry {
    fn default() -> Self {
        // Nothing expires before somebody says what time it is.
        Expiry { ttls: RwLock::default(), now_millis: AtomicI64::new(i64::MIN) }
    }
}

impl Expiry {
    pub(crate) fn expire_after(&self, state: StateNumber, ttl: Duration) {
        let mut ttls = self.ttls.write().unwrap_or_else(PoisonError::into_inner);
        ttls.retain(|(known, _)| *known != state);
        ttls.push((state, millis(ttl)));
    }

    pub(crate) fn set_now(&self, now: ProcessingTime) {
        self.now_millis.store(now.0, Ordering::Relaxed);
    }
}

/// Makes a filter for each compaction.
pub(crate) struct ExpiryFilters(pub(crate) Arc<Expiry>);

impl CompactionFilterFactory for ExpiryFilters {
    type Filter = ExpiryFilter;

    fn create(&mut self, _: CompactionFilterContext) -> ExpiryFilter {
        let ttls = self.0.ttls.read().unwrap_or_else(PoisonError::into_inner).clone();
        ExpiryFilter { ttls, expiry: self.0.clone() }
    }

    fn name(&self) -> &CStr {
        NAME
    }
}

/// The filter of one compaction. A state that gets its time to live meanwhile waits for the next one.
pub(crate) struct ExpiryFilter {
    ttls: Vec<(StateNumber, i64)>,
    expiry: Arc<Expiry>,
}

impl ExpiryFilter {
    fn is_expired(&self, key: &[u8], value: &[u8]) -> bool {
        let (Some(head), Some(stamp)) = (key.first_chunk::<KEY_HEAD>(), value.first_chunk::<STAMP_HEAD>()) else {
            return false;
        };
        let [a, b, state @ ..] = *head;
        let state = StateNumber(u32::from_be_bytes(state));
        let Some((_, ttl)) = self.ttls.iter().find(|(known, _)| *known == state) else { return false };
        KeyGroup(u16::from_be_bytes([a, b])) != ABOUT_GROUP
            && i64::from_le_bytes(*stamp).saturating_add(*ttl) <= self.expiry.now_millis.load(Ordering::Relaxed)
    }
}

impl CompactionFilter for ExpiryFilter {
    fn filter(&mut self, _level: u32, key: &[u8], value: &[u8]) -> CompactionDecision {
        if !self.ttls.is_empty() && self.is_expired(key, value) {
            CompactionDecision::Remove
        } else {
            CompactionDecision::Keep
        }
    }

    fn name(&self) -> &CStr {
        NAME
    }
}
