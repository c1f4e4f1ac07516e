//! Which subfolder a record goes to.

use flott_core::{Error, EventTime, ProcessingTime, Result};
use std::path::{Component, Path};

/// What is known of a record besides itself.
#[derive(Clone, Copy, Debug)]
pub struct BucketContext {
    /// The clock.
    pub processing_time: ProcessingTime,
    /// The record's event time, if it has one.
    pub event_time: Option<EventTime>,
}

/// Chooses the subfolder of each record. Functions `Fn(&T, &BucketContext, &mut String)` are assigners too: they append
/// the subfolder's path.
pub trait BucketAssigner<T>: Send + Sync + 'static {
    /// Appends the path of the record's bucket, relative to the sink's folder, to `bucket`, which is empty.
    fn assign(&self, row: &T, cx: &BucketContext, bucket: &mut String);

    /// Whether the bucket depends on the processing time alone, so that it is the same for all records of a batch.
    fn is_by_processing_time(&self) -> bool {
        false
    }

    /// Whether the assigner can work.
    ///
    /// # Errors
    /// `Invalid` when an argument of it is wrong.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

impl<T, F: Fn(&T, &BucketContext, &mut String) + Send + Sync + 'static> BucketAssigner<T> for F {
    fn assign(&self, row: &T, cx: &BucketContext, bucket: &mut String) {
        self(row, cx, bucket);
    }
}

/// All records go to the sink's folder itself.
#[derive(Clone, Copy, Debug)]
pub struct BasePathBucketAssigner;

impl<T> BucketAssigner<T> for BasePathBucketAssigner {
    fn assign(&self, _: &T, _: &BucketContext, _: &mut String) {}

    fn is_by_processing_time(&self) -> bool {
        true
    }
}

/// A bucket must be below the sink's folder.
pub(super) fn check_bucket(bucket: &str) -> Result<()> {
    let is_below = Path::new(bucket).components().all(|part| matches!(part, Component::Normal(_)));
    if is_below && !bucket.contains('\0') {
        Ok(())
    } else {
        Err(Error::data(format!(
            "a record's bucket is `{}`, which is no folder below that of the sink; give a relative path without `..`",
            bucket.escape_debug()
        )))
    }
}
