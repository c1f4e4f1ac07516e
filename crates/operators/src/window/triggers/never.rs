//! Never.

use flott_api::function::{Trigger, TriggerContext, TriggerResult, Window};
use flott_core::{EventTime, Result};

/// Never fires: the default of global windows.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeverTrigger;

impl<T, W: Window> Trigger<T, W> for NeverTrigger {
    type State = ();

    fn on_element(
        &mut self,
        _: &T,
        _: Option<EventTime>,
        _: &W,
        _: &mut TriggerContext<'_, ()>,
    ) -> Result<TriggerResult> {
        Ok(TriggerResult::Continue)
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn clear(&mut self, _: &W, _: &mut TriggerContext<'_, ()>) -> Result<()> {
        Ok(())
    }
}
