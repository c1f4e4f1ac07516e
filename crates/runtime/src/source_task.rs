//! The source side of a task: drives a reader and turns what its splits say about event time into one stream.

mod splits;

use crate::exchange::BatchRows;
use crate::input::InputEvent;
use flott_api::RuntimeMode;
use flott_api::control::SplitBytes;
use flott_api::metrics::OperatorMetrics;
use flott_api::source::{AnyReader, Emitted, ReaderContext};
use flott_api::watermark::Alignment;
use flott_core::{OperatorId, ProcessingTime, Result, Watermark};
use flott_env::Env;
use splits::SplitWatermarks;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// One source of one subtask.
pub(crate) struct SourceTask {
    pub(crate) operator: OperatorId,
    name: Arc<str>,
    pub(crate) metrics: OperatorMetrics,
    reader: Box<dyn AnyReader>,
    splits: SplitWatermarks,
    env: Env,
    mode: RuntimeMode,
    rows_max: Arc<BatchRows>,
    /// Rows to ask for now.
    pace: usize,
    /// Time between periodic watermarks; zero: after every batch.
    interval: Duration,
    next_watermark: ProcessingTime,
    idleness: Option<Duration>,
    alignment: Option<Alignment>,
    next_report: ProcessingTime,
    /// The furthest event time that alignment allows.
    limit: Watermark,
    /// A split is past the limit and the reader cannot pause it alone.
    held: bool,
    /// Since when the reader has had nothing to read.
    dry: bool,
    ended: bool,
    queue: VecDeque<InputEvent>,
}

/// How a source treats event time.
pub(crate) struct SourceTiming {
    pub(crate) interval: Duration,
    pub(crate) idleness: Option<Duration>,
    pub(crate) alignment: Option<Alignment>,
}

impl SourceTask {
    pub(crate) fn new(
        cx: ReaderContext,
        reader: Box<dyn AnyReader>,
        mode: RuntimeMode,
        rows_max: Arc<BatchRows>,
        timing: SourceTiming,
    ) -> Self {
        let ReaderContext { env, info, metrics, .. } = cx;
        let now = env.now();
        SourceTask {
            operator: info.operator,
            name: info.operator_name,
            metrics,
            reader,
            splits: SplitWatermarks::new(now),
            mode,
            rows_max,
            pace: usize::MAX,
            interval: timing.interval,
            next_watermark: now.plus(timing.interval),
            idleness: timing.idleness,
            next_report: timing.alignment.as_ref().map_or(now, |a| now.plus(a.update_interval)),
            alignment: timing.alignment,
            limit: Watermark::MAX,
            held: false,
            dry: false,
            ended: false,
            queue: VecDeque::new(),
            env,
        }
    }

    pub(crate) fn add_splits(&mut self, splits: Vec<SplitBytes>) -> Result<()> {
        let now = self.env.now();
        for split in &splits {
            self.splits.add(&split.id, now);
        }
        self.reader.add_splits(splits)
    }

    pub(crate) fn no_more_splits(&mut self) {
        self.reader.no_more_splits();
    }

    pub(crate) fn snapshot(&mut self) -> Result<Vec<SplitBytes>> {
        if self.ended { Ok(Vec::new()) } else { self.reader.snapshot() }
    }

    /// So many rows at a time are enough.
    pub(crate) fn set_pace(&mut self, rows: usize) {
        self.pace = rows;
    }

    pub(crate) fn on_checkpoint_complete(&mut self, checkpoint: flott_core::CheckpointId) -> Result<()> {
        self.reader.on_checkpoint_complete(checkpoint)
    }

    /// Alignment lets event time come this far.
    pub(crate) fn align(&mut self, limit: Watermark) {
        self.limit = limit;
        self.apply_limit();
    }

    /// The task was held back for `time`, which does not count as idleness.
    pub(crate) fn held_back(&mut self, time: Duration) {
        self.splits.held_back(time);
    }

    /// When the source wants to be called although nothing has come.
    pub(crate) fn next_wakeup(&self) -> Option<ProcessingTime> {
        if self.ended || self.mode == RuntimeMode::Batch {
            return None;
        }
        let periodic = (!self.interval.is_zero()).then_some(self.next_watermark);
        let idle = self.idleness.filter(|_| self.dry).and_then(|after| self.splits.next_idle(after));
        let report = self.alignment.as_ref().map(|_| self.next_report);
        [periodic, idle, report].into_iter().flatten().min()
    }

    /// The time that was asked for has come.
    pub(crate) fn on_time(&mut self, now: ProcessingTime) {
        if self.ended || self.mode == RuntimeMode::Batch {
            return;
        }
        if !self.interval.is_zero() && now >= self.next_watermark {
            self.next_watermark = now.plus(self.interval);
            self.periodic();
        }
        if self.dry
            && let Some(after) = self.idleness
        {
            let said = self.splits.go_idle(now, after);
            self.say(said);
        }
        if let Some(alignment) = &self.alignment
            && now >= self.next_report
        {
            self.next_report = now.plus(alignment.update_interval);
            self.queue.push_back(InputEvent::SourceWatermark(self.splits.reported()));
        }
    }

    /// What the reader has given and the task has not taken yet.
    pub(crate) fn take_queued(&mut self) -> Option<InputEvent> {
        self.queue.pop_front()
    }

    /// The next thing that the source has for its task.
    pub(crate) fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Result<InputEvent>> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Poll::Ready(Ok(event));
            }
            if self.ended || self.held {
                return Poll::Pending;
            }
            let emitted = match self.reader.poll_next(task, self.pace.min(self.rows_max.get())) {
                Poll::Ready(Ok(emitted)) => emitted,
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e.in_context(format!("operator `{}`", self.name)))),
                Poll::Pending => {
                    self.dry = true;
                    return Poll::Pending;
                }
            };
            self.dry = false;
            match emitted {
                Emitted::Rows { split, mut batch, watermarks } => {
                    self.metrics.records_in.add(batch.len() as u64);
                    self.metrics.records_out.add(batch.len() as u64);
                    if self.mode == RuntimeMode::Batch {
                        return Poll::Ready(Ok(InputEvent::Batch(0, batch)));
                    }
                    self.splits.on_rows(&split, self.env.now());
                    let mut taken = 0;
                    for (row, watermark) in watermarks {
                        let rest = batch.split_off(row - taken);
                        taken = row;
                        self.queue.push_back(InputEvent::Batch(0, std::mem::replace(&mut batch, rest)));
                        let said = self.splits.on_watermark(&split, watermark);
                        self.say(said);
                    }
                    self.queue.push_back(InputEvent::Batch(0, batch));
                    if self.interval.is_zero() {
                        self.periodic();
                    }
                }
                Emitted::SplitFinished(split) => {
                    let said = self.splits.finish(&split);
                    self.say(said);
                }
                Emitted::RequestSplit => return Poll::Ready(Ok(InputEvent::RequestSplit)),
                Emitted::End => {
                    self.ended = true;
                    if self.alignment.is_some() {
                        // A source that has ended holds the others of its group back no more.
                        self.queue.push_back(InputEvent::SourceWatermark(Watermark::MAX));
                    }
                    self.queue.push_back(InputEvent::Watermark(Watermark::MAX));
                    self.queue.push_back(InputEvent::EndInput(0));
                    self.queue.push_back(InputEvent::End);
                }
            }
        }
    }

    fn periodic(&mut self) {
        let splits = &mut self.splits;
        let mut said = Vec::new();
        self.reader.periodic_watermarks(&mut |split, watermark| said.extend(splits.on_watermark(split, watermark)));
        // Only the last word counts: what came between was never seen by anyone.
        let last = said.pop();
        self.say(last);
        self.apply_limit();
    }

    fn say(&mut self, event: Option<splits::Said>) {
        if self.mode == RuntimeMode::Batch {
            return;
        }
        self.queue.extend(event.map(|said| match said {
            splits::Said::Watermark(watermark) => InputEvent::Watermark(watermark),
            splits::Said::Idle => InputEvent::Idle,
        }));
    }

    fn apply_limit(&mut self) {
        if self.alignment.is_none() {
            return;
        }
        let limit = self.limit;
        let mut held = false;
        for (split, watermark) in self.splits.watermarks() {
            let past = watermark > limit;
            if !self.reader.set_paused(split, past) {
                held |= past;
            }
        }
        self.held = held;
        self.splits.pause(self.env.now(), |watermark| held || watermark > limit);
    }
}
