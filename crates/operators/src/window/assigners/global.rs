//! One window for everything.

use crate::window::NeverTrigger;
use flott_api::function::{AssignContext, GlobalWindow, WindowAssigner};
use flott_core::{EventTime, Result};

/// All records of a key are in the same window, which never ends: it needs a trigger of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalWindows;

impl<T: 'static> WindowAssigner<T> for GlobalWindows {
    type Window = GlobalWindow;
    type DefaultTrigger = NeverTrigger;

    fn default_trigger(&self) -> NeverTrigger {
        NeverTrigger
    }

    fn is_event_time(&self) -> bool {
        false
    }

    #[inline]
    fn assign(
        &mut self,
        _: &T,
        _: Option<EventTime>,
        _: &AssignContext<'_>,
        windows: &mut Vec<GlobalWindow>,
    ) -> Result<()> {
        windows.push(GlobalWindow);
        Ok(())
    }
}
