//! The loop of a task: commands, time, input, in that order, one at a time.

mod build;
mod next;
mod portion;

use crate::chain::Chain;
use crate::chain::Exit;
use crate::deploy::TaskSpec;
use crate::input::{Input, InputEvent};
use crate::metrics::TaskMetrics;
use crate::snapshot::{self, OpenSnapshot, SnapshotWriter, since};
use crate::sort::SortedInput;
use crate::source_task::SourceTask;
use flott_api::control::{CheckpointTimes, TaskCommand, TaskEvent, TaskId};
use flott_api::{Progress, Readiness, RuntimeMode};
use flott_core::{Barrier, Batch, CheckpointId, Element, Error, ProcessingTime, Result, Watermark};
use flott_env::{CatchPanic, Env};
use next::{Alarm, Next};
use portion::Portion;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;

/// After so many batches a task lets the others of its slot have a turn, even if it could go on.
const TURN_EVENTS: u32 = 8;
/// Rows that are not a full batch go out after this long, even while input keeps coming.
const LINGER: Duration = Duration::from_millis(2);

/// Runs a task to its end and reports how it ended. Ends when the job master releases or cancels it or has gone.
pub async fn run(spec: TaskSpec) {
    let (id, events) = (spec.id, spec.events.clone());
    let place = format!(
        "subtask {} of {}",
        spec.id.subtask.0 + 1,
        spec.graph.vertices.get(spec.id.vertex.0 as usize).map_or(0, |v| v.parallelism)
    );
    let running = Rc::new(Running::default());
    let task = CatchPanic::new(Task::run(spec, running.clone()));
    let event = match task.await {
        Ok(()) => TaskEvent::Gone,
        Err(error) => {
            let error = running.locate(error).in_context(place);
            tracing::warn!(task = %id, "task failed: {error}");
            TaskEvent::Failed(error)
        }
    };
    // A job master that is gone needs no report.
    let _ = events.send((id, event)).await;
}

/// Which operator's code runs, kept outside of the task so that a panic can be told where it happened.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) node: Rc<Cell<usize>>,
    pub(crate) names: Cell<Vec<Arc<str>>>,
}

impl Running {
    fn locate(&self, error: Error) -> Error {
        let names = self.names.take();
        let known = error.context().iter().any(|c| c.starts_with("operator `"));
        let position = flott_api::function::position::take();
        let error = match position {
            Some(place) if !known => error.in_context(place.to_string()),
            _ => error,
        };
        match names.get(self.node.get()) {
            Some(name) if !known => error.in_context(format!("operator `{name}`")),
            _ => error,
        }
    }
}

/// Where a task's records come from.
pub(crate) enum TaskInput {
    Source(SourceTask),
    Channels(Input),
    /// In batch mode, of a keyed operator.
    Sorted(Box<SortedInput>),
}

/// A task under way.
pub(crate) struct Task {
    id: TaskId,
    env: Env,
    mode: RuntimeMode,
    chain: Chain,
    input: TaskInput,
    commands: mpsc::Receiver<TaskCommand>,
    events: mpsc::Sender<(TaskId, TaskEvent)>,
    snapshots: SnapshotWriter,
    metrics: TaskMetrics,
    portion: Portion,
    /// Event time as the head has seen it.
    watermark: Watermark,
    /// All of it had been done before the checkpoint that it was restored from: only the end has to be said again.
    finished: bool,
    /// The input has ended and everything has been emitted.
    ended: bool,
    /// A checkpoint was asked for and not taken yet.
    requested: Option<Barrier>,
    /// A snapshot of which not all has been taken.
    snapshot: Option<OpenSnapshot>,
    /// The newest checkpoint that was taken.
    taken: Option<CheckpointId>,
    alignment_start: Option<Duration>,
    /// Since when rows wait to become a batch.
    open_since: Option<Duration>,
    alarm: Option<Alarm>,
}

impl Task {
    async fn run(spec: TaskSpec, running: Rc<Running>) -> Result<()> {
        let nodes = spec.graph.vertices.get(spec.id.vertex.0 as usize).map_or(&[][..], |v| &v.nodes);
        let finished = nodes.iter().all(|n| spec.restore.get(&n.id).is_some_and(|r| r.finished));
        let mut task = build::build(spec, &running).await?;
        task.report(TaskEvent::Running).await;
        task.finished = finished;
        if finished && matches!(task.input, TaskInput::Source(_)) {
            task.end_again().await?;
        }
        task.work().await
    }

    async fn report(&self, event: TaskEvent) {
        // A job master that is gone is noticed by the closed command channel.
        let _ = self.events.send((self.id, event)).await;
    }

    async fn work(&mut self) -> Result<()> {
        let mut turn = 0;
        loop {
            let next = self.next().await?;
            let started = self.env.elapsed();
            self.metrics.begin_step();
            match next {
                Next::Command(TaskCommand::Cancel) | Next::Abandoned => return Ok(()),
                Next::Command(TaskCommand::Release) => return self.release().await,
                Next::Command(command) => self.on_command(command).await?,
                Next::Time(now) => self.on_time(now).await?,
                Next::Input(event) => self.on_input(event).await?,
                Next::Dry => self.chain.seal()?,
                Next::Snapshot => {}
            }
            self.continue_snapshot()?;
            self.chain.settle()?;
            let now = self.env.elapsed();
            self.linger(now)?;
            self.metrics.worked(now.saturating_sub(started));
            if self.chain.has_sealed() {
                self.flush().await?;
            }
            if self.metrics.roll(now, self.env.now()) {
                self.measure();
            }
            turn += 1;
            if turn == TURN_EVENTS {
                turn = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends rows that have waited too long to become a full batch.
    fn linger(&mut self, now: Duration) -> Result<()> {
        if !self.chain.has_open() {
            self.open_since = None;
        } else {
            let since = *self.open_since.get_or_insert(now);
            if now.saturating_sub(since) >= LINGER {
                self.open_since = None;
                self.chain.seal()?;
            }
        }
        Ok(())
    }

    async fn on_command(&mut self, command: TaskCommand) -> Result<()> {
        match command {
            TaskCommand::Trigger(barrier) => {
                self.requested = Some(barrier);
                let mut is_source = false;
                // What the reader has given belongs before the barrier: its position is behind it already.
                while let TaskInput::Source(source) = &mut self.input {
                    is_source = true;
                    match source.take_queued() {
                        Some(event) => self.on_input(event).await?,
                        None => break,
                    }
                }
                if is_source || self.ended {
                    self.checkpoint(barrier).await?;
                }
            }
            TaskCommand::Complete(checkpoint) => self.complete(checkpoint).await?,
            TaskCommand::Abort(checkpoint) => {
                if let TaskInput::Channels(input) = &mut self.input {
                    input.abort(checkpoint);
                }
                if self.requested.is_some_and(|b| b.checkpoint <= checkpoint) {
                    self.requested = None;
                }
            }
            TaskCommand::AddSplits { splits, .. } => self.source()?.add_splits(splits)?,
            TaskCommand::NoMoreSplits { .. } => self.source()?.no_more_splits(),
            TaskCommand::AlignWatermark { limit, .. } => self.source()?.align(limit),
            // Both are handled by the loop.
            TaskCommand::Release | TaskCommand::Cancel => {}
        }
        Ok(())
    }

    fn source(&mut self) -> Result<&mut SourceTask> {
        match &mut self.input {
            TaskInput::Source(source) => Ok(source),
            TaskInput::Channels(_) | TaskInput::Sorted(_) => {
                Err(Error::internal("splits were sent to a task that is not a source"))
            }
        }
    }

    async fn on_time(&mut self, now: ProcessingTime) -> Result<()> {
        if let TaskInput::Source(source) = &mut self.input {
            source.on_time(now);
        }
        if self.mode == RuntimeMode::Batch || self.ended || self.finished {
            return Ok(());
        }
        for n in 0..self.chain.nodes.len() {
            if self.chain.nodes[n].cx.next_wakeup().is_some_and(|time| time <= now) {
                self.chain.nodes[n].cx.clear_wakeup();
                while self.chain.with(n, |operator, cx, out| {
                    if let Some(keyed) = &mut cx.keyed {
                        keyed.set_now(now);
                    }
                    operator.advance_processing_time(now, cx, out)
                })? == Progress::More
                {
                    self.flush().await?;
                }
            }
        }
        for exit in &mut self.chain.exits {
            if let Exit::Sink(sink) = exit {
                sink.on_time(now).await?;
            }
        }
        Ok(())
    }

    async fn on_input(&mut self, event: InputEvent) -> Result<()> {
        if self.finished {
            return match event {
                InputEvent::End => self.end_again().await,
                InputEvent::Batch(..) => {
                    Err(Error::internal("records came to a task whose input had ended before the checkpoint"))
                }
                _ => Ok(()),
            };
        }
        match event {
            InputEvent::Batch(input, batch) => {
                if let TaskInput::Channels(_) = self.input {
                    self.metrics.bytes_in.add(batch.byte_count() as u64);
                }
                self.process(input, batch).await
            }
            InputEvent::Unsorted(input, batch) => match &mut self.input {
                TaskInput::Sorted(sorted) => sorted.add(input, &batch),
                _ => Err(Error::internal("records came to be sorted where nothing is")),
            },
            InputEvent::EndKeys => self.end_keys().await,
            InputEvent::Watermark(watermark) => self.advance(watermark).await,
            InputEvent::Idle if self.mode == RuntimeMode::Batch => Ok(()),
            InputEvent::Idle => self.chain.idle(),
            InputEvent::Barrier(barrier) => self.checkpoint(barrier).await,
            InputEvent::EndInput(input) => self.chain.end_input(input),
            InputEvent::End => self.finish().await,
            InputEvent::RequestSplit => {
                let operator = self.source()?.operator;
                self.report(TaskEvent::RequestSplit { operator }).await;
                Ok(())
            }
            InputEvent::SourceWatermark(watermark) => {
                let operator = self.source()?.operator;
                self.report(TaskEvent::SourceWatermark { operator, watermark }).await;
                Ok(())
            }
        }
    }

    /// Works on a batch, in portions, and sends what came of each but the last.
    async fn process(&mut self, input: usize, mut batch: Batch) -> Result<()> {
        loop {
            let (rest, before) = (self.portion.cut(&mut batch), self.chain.rows_emitted());
            let rows = batch.len();
            self.chain.process(input, batch)?;
            self.portion.learn(rows, self.chain.rows_emitted() - before);
            if let TaskInput::Source(source) = &mut self.input {
                source.set_pace(self.portion.to_read());
            }
            let Some(next) = rest else { return Ok(()) };
            self.flush().await?;
            batch = next;
        }
    }

    /// Moves event time on: the head's timers fire a slice at a time, so that what they emit can be sent in between.
    async fn advance(&mut self, watermark: Watermark) -> Result<()> {
        if watermark <= self.watermark || (self.mode == RuntimeMode::Batch && watermark != Watermark::MAX) {
            return Ok(());
        }
        self.watermark = watermark;
        self.metrics.watermark.set(watermark.0);
        if let TaskInput::Source(source) = &self.input {
            source.metrics.output_watermark.set(watermark.0);
        }
        while self.chain.advance_head(watermark)? == Progress::More {
            self.flush().await?;
        }
        self.chain.pass_watermark(watermark)
    }

    /// In batch mode: for some keys time has come to its end.
    async fn end_keys(&mut self) -> Result<()> {
        while self.chain.advance_head(Watermark::MAX)? == Progress::More {
            self.flush().await?;
        }
        self.chain.forget_keys();
        Ok(())
    }

    /// The input has ended: operators emit what is left, each after those before it.
    async fn finish(&mut self) -> Result<()> {
        for n in 0..self.chain.nodes.len() {
            if n > 0 {
                self.chain.with(n, |operator, cx, out| operator.end_input(0, cx, out))?;
            }
            while self.chain.with(n, |operator, cx, out| operator.finish(cx, out))? == Progress::More {
                self.flush().await?;
                self.settle().await?;
            }
        }
        self.end().await
    }

    /// Waits until no operator waits for something outside.
    async fn settle(&mut self) -> Result<()> {
        std::future::poll_fn(|task| match self.chain.poll_ready(task) {
            Ok(Readiness::Ready) => Poll::Ready(Ok(())),
            Ok(Readiness::Busy) => Poll::Pending,
            Err(e) => Poll::Ready(Err(e)),
        })
        .await
    }

    async fn end_again(&mut self) -> Result<()> {
        self.chain.broadcast(&Element::Watermark(Watermark::MAX))?;
        self.end().await
    }

    async fn end(&mut self) -> Result<()> {
        self.chain.broadcast(&Element::End)?;
        self.flush().await?;
        for exit in &mut self.chain.exits {
            if let Exit::Sink(sink) = exit {
                sink.end_input().await?;
            }
        }
        self.ended = true;
        self.measure();
        self.report(TaskEvent::Ended).await;
        match self.requested {
            Some(barrier) => self.checkpoint(barrier).await,
            None => Ok(()),
        }
    }

    /// Takes part in a checkpoint: the walk is at the head of `snapshot`.
    async fn checkpoint(&mut self, barrier: Barrier) -> Result<()> {
        if self.taken.is_some_and(|t| barrier.checkpoint <= t) {
            return Ok(());
        }
        self.taken = Some(barrier.checkpoint);
        self.requested = None;
        self.finish_snapshot()?;
        let started = self.env.elapsed();
        if !self.ended {
            for n in 0..self.chain.nodes.len() {
                self.chain.with(n, |operator, cx, out| operator.before_barrier(cx, out))?;
            }
            self.chain.broadcast(&Element::Barrier(barrier))?;
            self.flush().await?;
        }
        let source = match &mut self.input {
            TaskInput::Source(source) => Some(source),
            TaskInput::Channels(_) | TaskInput::Sorted(_) => None,
        };
        let parts = snapshot::open(&mut self.chain, source, barrier, &self.snapshots, self.ended).await?;
        let times = CheckpointTimes {
            alignment: self.alignment_start.take().map_or(Duration::ZERO, |start| started.saturating_sub(start)),
            sync: since(&self.env, started),
            asynchronous: Duration::ZERO,
        };
        self.snapshot = Some(OpenSnapshot { parts, barrier, times });
        Ok(())
    }

    /// Takes some more of the snapshot that is open, if one is.
    fn continue_snapshot(&mut self) -> Result<()> {
        let Some(open) = &mut self.snapshot else { return Ok(()) };
        if snapshot::go_on(&mut self.chain, &mut open.parts, &self.snapshots)?
            && let Some(open) = self.snapshot.take()
        {
            snapshot::write(&self.env, open, self.snapshots.clone(), self.id, self.events.clone());
        }
        Ok(())
    }

    /// Takes all that is left of the snapshot that is open: another one follows.
    fn finish_snapshot(&mut self) -> Result<()> {
        while self.snapshot.is_some() {
            self.continue_snapshot()?;
        }
        Ok(())
    }

    async fn complete(&mut self, checkpoint: CheckpointId) -> Result<()> {
        if self.taken.is_none_or(|t| t < checkpoint) {
            return Ok(());
        }
        if let TaskInput::Source(source) = &mut self.input {
            source.on_checkpoint_complete(checkpoint)?;
        }
        for n in 0..self.chain.nodes.len() {
            self.chain.with(n, |operator, cx, _| operator.on_checkpoint_complete(checkpoint, cx))?;
        }
        for exit in &mut self.chain.exits {
            if let Exit::Sink(sink) = exit {
                sink.commit(checkpoint).await?;
            }
        }
        Ok(())
    }

    /// The job has ended: what no checkpoint has committed is committed now.
    async fn release(&mut self) -> Result<()> {
        for exit in &mut self.chain.exits {
            if let Exit::Sink(sink) = exit {
                sink.prepare(CheckpointId(u64::MAX - 1)).await?;
                sink.commit_all().await?;
            }
        }
        Ok(())
    }

    /// Sends what is sealed, waiting for room where there is none.
    async fn flush(&mut self) -> Result<()> {
        if std::future::poll_fn(|task| Poll::Ready(self.chain.try_flush(task))).await.is_ready()
            && !self.chain.has_sealed()
        {
            return Ok(());
        }
        let (flushed, held_back) = self.metrics.hold_back(&self.env, self.chain.flush()).await;
        flushed?;
        if let TaskInput::Source(source) = &mut self.input {
            source.held_back(held_back);
        }
        Ok(())
    }

    fn measure(&mut self) {
        let keyed = self.chain.nodes.iter().filter_map(|n| n.cx.keyed.as_ref());
        let (bytes, entries) = keyed.fold((0, 0), |(b, e), k| (b + k.byte_count(), e + k.entry_count()));
        self.metrics.state_bytes.set(bytes as i64);
        self.metrics.state_entries.set(entries as i64);
        if let TaskInput::Sorted(sorted) = &self.input {
            self.metrics.sort_bytes.set(sorted.taken.memory_bytes as i64);
            self.metrics.spilled_bytes.set(sorted.taken.spilled_bytes as i64);
        }
    }
}
