//! Firing empties the window.

use flott_api::function::{Trigger, TriggerContext, TriggerResult, Window};
use flott_core::{EventTime, ProcessingTime, Result};

/// Another trigger, after whose firing nothing is left in the window.
#[derive(Clone, Copy, Debug)]
pub struct PurgingTrigger<Tr>(Tr);

impl<Tr> PurgingTrigger<Tr> {
    /// Empties the window when `trigger` fires.
    pub fn of(trigger: Tr) -> Self {
        PurgingTrigger(trigger)
    }
}

#[inline]
fn purge(result: TriggerResult) -> TriggerResult {
    if result.is_fire() { TriggerResult::FireAndPurge } else { result }
}

impl<T, W: Window, Tr: Trigger<T, W>> Trigger<T, W> for PurgingTrigger<Tr> {
    type State = Tr::State;

    #[inline]
    fn on_element(
        &mut self,
        value: &T,
        time: Option<EventTime>,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        self.0.on_element(value, time, window, cx).map(purge)
    }

    fn on_event_time(
        &mut self,
        time: EventTime,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        self.0.on_event_time(time, window, cx).map(purge)
    }

    fn on_processing_time(
        &mut self,
        time: ProcessingTime,
        window: &W,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> Result<TriggerResult> {
        self.0.on_processing_time(time, window, cx).map(purge)
    }

    fn can_merge(&self) -> bool {
        self.0.can_merge()
    }

    fn on_merge(&mut self, window: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        self.0.on_merge(window, cx)
    }

    fn merge_state(&self, into: &mut Self::State, from: Self::State) {
        self.0.merge_state(into, from);
    }

    fn clear(&mut self, window: &W, cx: &mut TriggerContext<'_, Self::State>) -> Result<()> {
        self.0.clear(window, cx)
    }

    fn is_clear(&self, state: &Self::State) -> bool {
        self.0.is_clear(state)
    }
}
