//! The function of an interval join: called with each pair that belongs together.

use crate::function::{Collector, OpenContext, ProcessContext};
use flott_core::{Data, EventTime, Result};
use std::ops::{Deref, DerefMut};

/// A function of pairs whose times lie within the join's interval.
pub trait ProcessJoinFunction: Clone + Send + Sync + 'static {
    /// A record of the left input.
    type Left: Data;
    /// A record of the right input.
    type Right: Data;
    /// What goes out.
    type Out: Data;

    /// Gets ready.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut OpenContext<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes a pair. Results have the later of the two times.
    ///
    /// # Errors
    /// Fails the task.
    fn process(
        &mut self,
        left: &Self::Left,
        right: &Self::Right,
        cx: &mut JoinContext<'_, '_>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()>;
}

/// The surroundings of a pair: [`ProcessContext`], whose time is the later of the two, and both times.
pub struct JoinContext<'c, 'a> {
    base: &'c mut ProcessContext<'a>,
    left: EventTime,
    right: EventTime,
}

impl<'c, 'a> JoinContext<'c, 'a> {
    /// The surroundings of a pair with these times; for operators.
    #[inline]
    pub fn new(base: &'c mut ProcessContext<'a>, left: EventTime, right: EventTime) -> Self {
        base.set_time(Some(left.max(right)));
        JoinContext { base, left, right }
    }

    /// The time of the left record.
    pub fn left_timestamp(&self) -> EventTime {
        self.left
    }

    /// The time of the right record.
    pub fn right_timestamp(&self) -> EventTime {
        self.right
    }
}

impl<'a> Deref for JoinContext<'_, 'a> {
    type Target = ProcessContext<'a>;
    fn deref(&self) -> &ProcessContext<'a> {
        self.base
    }
}

impl DerefMut for JoinContext<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.base
    }
}
