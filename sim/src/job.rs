//! A job under test: how it is built, and what it must give.

use crate::{Rows, World};
use flott_datastream::StreamExecutionEnvironment;

/// A job with one expected output, which must come from a straight run and from every other.
#[derive(Clone, Copy)]
pub struct Job {
    /// Its name.
    pub name: &'static str,
    /// Writes the job: sources of [`World::replay`], sinks of [`World::ledger`].
    pub build: fn(&World, &StreamExecutionEnvironment),
    /// What must have been committed at the end, found without Flott.
    pub expected: fn(&World) -> Rows,
    /// What has been committed.
    pub committed: fn(&World) -> Rows,
}

impl Job {
    /// A job that writes to the world's ledger.
    pub const fn new(
        name: &'static str,
        build: fn(&World, &StreamExecutionEnvironment),
        expected: fn(&World) -> Rows,
    ) -> Self {
        Job { name, build, expected, committed: World::committed }
    }

    /// The job writes elsewhere, and this is how it is read there.
    #[must_use]
    pub const fn read_by(mut self, committed: fn(&World) -> Rows) -> Self {
        self.committed = committed;
        self
    }
}
