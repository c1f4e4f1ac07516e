//! After a number of records.

use flott_api::function::{Trigger, TriggerContext, TriggerResult, Window};
use flott_core::{EventTime, Result};

/// Fires whenever so many records have come into the window since it last fired.
#[derive(Clone, Copy, Debug)]
pub struct CountTrigger {
    count: u64,
}

impl CountTrigger {
    /// Fires with every `count`-th record; 0 is as good as 1.
    pub fn of(count: u64) -> Self {
        CountTrigger { count }
    }
}

impl<T, W: Window> Trigger<T, W> for CountTrigger {
    /// Records since the window last fired.
    type State = u64;

    #[inline]
    fn on_element(
        &mut self,
        _: &T,
        _: Option<EventTime>,
        _: &W,
        cx: &mut TriggerContext<'_, u64>,
    ) -> Result<TriggerResult> {
        *cx.state() += 1;
        if *cx.state() < self.count {
            return Ok(TriggerResult::Continue);
        }
        *cx.state() = 0;
        Ok(TriggerResult::Fire)
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn merge_state(&self, into: &mut u64, from: u64) {
        *into += from;
    }

    fn clear(&mut self, _: &W, _: &mut TriggerContext<'_, u64>) -> Result<()> {
        Ok(())
    }

    fn is_clear(&self, state: &u64) -> bool {
        *state == 0
    }
}
