//! Which windows a record belongs to.

use crate::function::{Trigger, Window};
use flott_core::{EventTime, ProcessingTime, Result};
use flott_env::Env;

/// Assigns records of type `T` to windows.
pub trait WindowAssigner<T>: Clone + Send + Sync + 'static {
    /// The windows.
    type Window: Window;
    /// What makes a window fire unless another trigger is set.
    type DefaultTrigger: Trigger<T, Self::Window>;

    /// The trigger used unless another one is set.
    fn default_trigger(&self) -> Self::DefaultTrigger;

    /// Whether windows go by event time; otherwise by the clock, and no record is late.
    fn is_event_time(&self) -> bool;

    /// Whether windows that overlap or touch become one, as sessions do.
    fn is_merging(&self) -> bool {
        false
    }

    /// Whether the settings make sense; asked before the job runs.
    ///
    /// # Errors
    /// `Invalid` when they do not.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Appends the windows of a record to `windows`.
    ///
    /// # Errors
    /// `Data` or `Invalid` when there are none for it: it has no event time, say.
    fn assign(
        &mut self,
        value: &T,
        time: Option<EventTime>,
        cx: &AssignContext<'_>,
        windows: &mut Vec<Self::Window>,
    ) -> Result<()>;
}

/// What an assigner may ask.
pub struct AssignContext<'a> {
    now: ProcessingTime,
    env: &'a Env,
}

impl<'a> AssignContext<'a> {
    /// The surroundings of a batch that came in now; for operators.
    pub fn new(env: &'a Env) -> Self {
        AssignContext { now: env.now(), env }
    }

    /// The clock when the batch came in.
    #[inline]
    pub fn current_processing_time(&self) -> ProcessingTime {
        self.now
    }

    /// A random number in `[0, 1)`.
    pub fn random(&self) -> f64 {
        self.env.random_f64()
    }
}
