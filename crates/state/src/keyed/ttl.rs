//! Time to live of state: what a user sets, and the stamp that a value carries because of it.
//!
//! Flink's rules (`StateTtlConfig`): only processing time counts; a value expires when its last access lies `ttl`
//! or more back; the stamp is part of a checkpoint, the setting is not. Values, list elements and map entries each
//! have a stamp of their own. What has expired goes when it is read, a few entries at a time with every access to
//! the state, and when a full snapshot is taken.

use flott_core::time::millis;
use flott_core::{Error, ProcessingTime, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many entries an access to the state checks for expiry, as in Flink.
const CLEANUP_ENTRIES: usize = 5;

/// How long the values of a state live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateTtl {
    /// The time from the last access that counts to the end.
    pub ttl: Duration,
    /// Which accesses count.
    pub update: TtlUpdate,
    /// Whether an expired value can still be seen.
    pub visibility: TtlVisibility,
    /// How many entries each access to the state checks for expiry; 0 leaves it to reads and full snapshots.
    pub cleanup_entries: usize,
}

/// Which accesses start the time to live again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TtlUpdate {
    /// Writing.
    #[default]
    OnCreateAndWrite,
    /// Writing and reading.
    OnReadAndWrite,
    /// Nothing ever expires.
    Disabled,
}

/// Whether an expired value that is still there can be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TtlVisibility {
    /// Never.
    #[default]
    NeverReturnExpired,
    /// It is returned once more if it has not been cleaned up yet.
    ReturnExpiredIfNotCleanedUp,
}

impl StateTtl {
    /// Values that live for `ttl` from their last write and are not seen any more afterwards.
    pub fn new(ttl: Duration) -> Self {
        StateTtl {
            ttl,
            update: TtlUpdate::default(),
            visibility: TtlVisibility::default(),
            cleanup_entries: CLEANUP_ENTRIES,
        }
    }

    /// Sets which accesses count.
    #[must_use]
    pub fn update(mut self, update: TtlUpdate) -> Self {
        self.update = update;
        self
    }

    /// Sets whether an expired value can still be seen.
    #[must_use]
    pub fn visibility(mut self, visibility: TtlVisibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// Sets how many entries each access to the state checks for expiry.
    #[must_use]
    pub fn cleanup_entries(mut self, count: usize) -> Self {
        self.cleanup_entries = count;
        self
    }
}

/// A [`StateTtl`] made ready for use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ttl {
    millis: i64,
    pub refresh_on_read: bool,
    pub return_expired: bool,
    pub cleanup_entries: usize,
}

impl Ttl {
    /// `None` when nothing is to expire.
    pub fn of(ttl: Option<StateTtl>) -> Result<Option<Ttl>> {
        let Some(ttl) = ttl.filter(|t| t.update != TtlUpdate::Disabled) else { return Ok(None) };
        let millis = millis(ttl.ttl);
        if millis == 0 {
            return Err(Error::invalid(
                "a time to live of less than 1 ms keeps nothing; make it longer, or do not set one",
            ));
        }
        Ok(Some(Ttl {
            millis,
            refresh_on_read: ttl.update == TtlUpdate::OnReadAndWrite,
            return_expired: ttl.visibility == TtlVisibility::ReturnExpiredIfNotCleanedUp,
            cleanup_entries: ttl.cleanup_entries,
        }))
    }

    /// The time from the last access that counts to the end.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.millis.unsigned_abs())
    }

    /// What has a stamp up to this one has expired.
    #[inline]
    pub fn deadline(&self, now: ProcessingTime) -> Deadline {
        Deadline(now.0.saturating_sub(self.millis))
    }
}

/// The latest stamp that has expired.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub i64);

impl Deadline {
    #[inline]
    pub fn has_passed(self, stamp: i64) -> bool {
        stamp <= self.0
    }
}

/// How the values of a state on a store are stamped, if they are.
pub(super) type Stamp<V> = Option<fn(&V) -> i64>;

/// A value with the time of its last access that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamped<V> {
    pub value: V,
    pub stamp: i64,
}
