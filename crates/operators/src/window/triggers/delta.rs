//! When records have moved far enough.

use flott_api::function::{Trigger, TriggerContext, TriggerResult, Window};
use flott_core::{Data, EventTime, Result};

/// Fires when the distance from the record with which the window last fired is more than a threshold.
#[derive(Clone, Copy, Debug)]
pub struct DeltaTrigger<F> {
    threshold: f64,
    delta: F,
}

impl<F> DeltaTrigger<F> {
    /// Fires when `delta(last, record) > threshold`.
    pub fn of<T>(threshold: f64, delta: F) -> Self
    where
        F: Fn(&T, &T) -> f64,
    {
        DeltaTrigger { threshold, delta }
    }
}

impl<T: Data, W: Window, F> Trigger<T, W> for DeltaTrigger<F>
where
    F: Fn(&T, &T) -> f64 + Clone + Send + Sync + 'static,
{
    /// The record with which the window last fired; the first one, if it has not.
    type State = Option<T>;

    fn on_element(
        &mut self,
        value: &T,
        _: Option<EventTime>,
        _: &W,
        cx: &mut TriggerContext<'_, Option<T>>,
    ) -> Result<TriggerResult> {
        let fires = match cx.state() {
            None => false,
            Some(last) if (self.delta)(last, value) > self.threshold => true,
            Some(_) => return Ok(TriggerResult::Continue),
        };
        *cx.state() = Some(value.clone());
        Ok(if fires { TriggerResult::Fire } else { TriggerResult::Continue })
    }

    fn clear(&mut self, _: &W, _: &mut TriggerContext<'_, Option<T>>) -> Result<()> {
        Ok(())
    }

    fn is_clear(&self, state: &Option<T>) -> bool {
        state.is_none()
    }
}
