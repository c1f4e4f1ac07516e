//! What a function is given besides the value: the record's time, the operator's time, side outputs, metrics.

use crate::function::{OutputTag, SideOutputs};
use crate::metrics::{Counter, Gauge, Histogram};
use crate::{OperatorContext, RuntimeMode, TaskInfo};
use flott_core::{Data, EventTime, ProcessingTime, Watermark};
use flott_env::Env;
use flott_state::{AnyKeyedState, OperatorState};

/// The surroundings of a function that has no key. Those of keyed functions lead here too, by `Deref`.
pub struct ProcessContext<'a> {
    info: &'a TaskInfo,
    env: &'a Env,
    mode: RuntimeMode,
    metrics: &'a crate::metrics::OperatorMetrics,
    watermark: Watermark,
    state: &'a mut OperatorState,
    side: &'a mut SideOutputs,
    time: Option<EventTime>,
}

impl<'a> ProcessContext<'a> {
    /// The surroundings for one batch, made from the operator's; for operators.
    pub fn new(cx: &'a mut OperatorContext, side: &'a mut SideOutputs) -> Self {
        Self::split(cx, side).0
    }

    /// As [`ProcessContext::new`], with the keyed state beside it; for operators.
    pub fn split(
        cx: &'a mut OperatorContext,
        side: &'a mut SideOutputs,
    ) -> (Self, &'a mut Option<Box<dyn AnyKeyedState>>) {
        let OperatorContext { info, env, mode, watermark, keyed, state, metrics, .. } = cx;
        (ProcessContext { info, env, mode: *mode, metrics, watermark: *watermark, state, side, time: None }, keyed)
    }

    /// Sets the time of the record that comes next; for operators.
    #[inline]
    pub fn set_time(&mut self, time: Option<EventTime>) {
        self.time = time;
    }

    /// The event time of the record being processed, or of the event timer that fires; none if the stream has no
    /// event time.
    #[inline]
    pub fn timestamp(&self) -> Option<EventTime> {
        self.time
    }

    /// The operator's event time: records with a time up to it are late.
    #[inline]
    pub fn current_watermark(&self) -> Watermark {
        self.watermark
    }

    /// The clock.
    pub fn current_processing_time(&self) -> ProcessingTime {
        self.env.now()
    }

    /// Gives `value` to the side output `tag`, with the time of the record being processed.
    #[inline]
    pub fn output<T: Data>(&mut self, tag: &OutputTag<T>, value: T) {
        self.side.output(tag, value, self.time);
    }

    /// Gives `value` to the side output `tag`, with a time of its own.
    pub fn output_with_timestamp<T: Data>(&mut self, tag: &OutputTag<T>, value: T, time: EventTime) {
        self.side.output(tag, value, Some(time));
    }

    /// What waits for the side outputs; for operators.
    #[inline]
    pub fn side_outputs(&mut self) -> &mut SideOutputs {
        self.side
    }

    /// The operator's non-keyed state.
    #[inline]
    pub fn operator_state(&mut self) -> &mut OperatorState {
        self.state
    }

    /// The operator's non-keyed state, to be read.
    #[inline]
    pub(super) fn operator_state_ref(&self) -> &OperatorState {
        self.state
    }

    /// A counter of one's own, reported with the operator's metrics. Ask for it once, in `open`, if it is counted
    /// often.
    pub fn counter(&self, name: &str) -> Counter {
        self.metrics.counter(name)
    }

    /// A gauge of one's own, reported with the operator's metrics.
    pub fn gauge(&self, name: &str) -> Gauge {
        self.metrics.gauge(name)
    }

    /// A histogram of one's own, reported with the operator's metrics as quantiles of its latest values.
    pub fn histogram(&self, name: &str) -> Histogram {
        self.metrics.histogram(name)
    }

    /// Which operator, in which subtask, of which run.
    pub fn task_info(&self) -> &TaskInfo {
        self.info
    }

    /// Which of the parallel instances this is, from 0.
    pub fn subtask_index(&self) -> u32 {
        self.info.subtask.0
    }

    /// How many parallel instances there are.
    pub fn parallelism(&self) -> u32 {
        self.info.parallelism
    }

    /// Streaming or batch.
    pub fn runtime_mode(&self) -> RuntimeMode {
        self.mode
    }
}
