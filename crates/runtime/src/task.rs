//! The loop of a task: commands, time, input, in that order, one at a time.
//!
//! What takes long is done in slices (`task/work.rs`), and what has been emitted is sent between them. A task whose output
//! is full waits in `task/next.rs` for room, and only there: so there is always a moment, between two slices, at which
//! the barriers of an unaligned checkpoint can overtake.

mod build;
mod checkpoint;
mod next;
mod portion;
mod work;

use crate::chain::{Chain, Exit, Target};
use crate::deploy::TaskSpec;
use crate::in_flight::replay::Replay;
use crate::input::{BarrierRule, Input, InputEvent};
use crate::metrics::TaskMetrics;
use crate::snapshot::{self, OpenSnapshot, SnapshotWriter};
use crate::sort::SortedInput;
use crate::source_task::SourceTask;
use flott_api::RuntimeMode;
use flott_api::control::{OperatorQuery, TaskCommand, TaskEvent, TaskId};
use flott_core::{Barrier, CheckpointId, Element, Error, OperatorId, ProcessingTime, Result, Watermark};
use flott_env::{CatchPanic, Env};
use flott_state::keyed::{StateAnswer, StateQuery};
use next::{Alarm, Next};
use portion::Portion;
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use work::Work;

/// After so many batches a task lets the others of its slot have a turn, even if it could go on.
const TURN_EVENTS: u32 = 8;
/// So does one that has worked for so long.
const TURN: Duration = Duration::from_millis(1);
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
    /// The operator that the task's state in flight is bound to.
    head: OperatorId,
    input: TaskInput,
    /// What was in flight when the checkpoint was taken that the task was restored from, and which operator it is for.
    replays: VecDeque<(Target, Replay)>,
    rule: BarrierRule,
    commands: mpsc::Receiver<TaskCommand>,
    events: mpsc::Sender<(TaskId, TaskEvent)>,
    snapshots: SnapshotWriter,
    /// Tells those who write snapshots where a savepoint goes.
    targets: watch::Sender<snapshot::Target>,
    /// The savepoint behind which nothing is to be read.
    stopping_for: Option<CheckpointId>,
    metrics: TaskMetrics,
    portion: Portion,
    /// What has been begun and goes on before anything else is taken.
    work: Option<Work>,
    /// Event time as the head has seen it: the newest watermark whose timers have all fired.
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
    taken: Option<Barrier>,
    /// When the first barrier came, and how many bytes had come until then.
    alignment_start: Option<(Duration, u64)>,
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
            task.end_again()?;
        } else {
            task.say_again()?;
        }
        task.work().await
    }

    /// Of a task that takes over records in flight: says again how far event time had come, for those behind it that
    /// did not know yet.
    fn say_again(&mut self) -> Result<()> {
        for (target, replay) in &self.replays {
            let (watermark, is_idle) = (replay.watermark(), replay.is_idle());
            if self.chain.is_head(*target) {
                self.watermark = watermark;
                self.metrics.watermark.set(watermark.0);
            }
            self.chain.say_again(*target, watermark, is_idle)?;
        }
        if let (false, TaskInput::Channels(input)) = (self.replays.is_empty(), &mut self.input) {
            input.hold();
        }
        Ok(())
    }

    async fn report(&self, event: TaskEvent) {
        // A job master that is gone is noticed by the closed command channel.
        let _ = self.events.send((self.id, event)).await;
    }

    async fn work(&mut self) -> Result<()> {
        let (mut turn, mut turn_start) = (0, self.env.elapsed());
        loop {
            let next = self.next().await?;
            let started = self.env.elapsed();
            let before = self.portion.rows_begun();
            match next {
                Next::Command(TaskCommand::Cancel) | Next::Abandoned => return Ok(()),
                Next::Command(TaskCommand::Release) => return self.release().await,
                Next::Command(command) => self.on_command(command).await?,
                Next::Overtake => self.chain.overtake(),
                Next::Time(now) => self.on_time(now).await?,
                Next::Input(event) => self.on_input(event).await?,
                Next::Replay(target, event) => self.on_replayed(target, event)?,
                Next::Replayed => self.replayed().await?,
                Next::Work => self.go_on().await?,
                Next::Dry => self.chain.seal()?,
                // Both are done after everything.
                Next::Settle | Next::Snapshot => {}
            }
            self.continue_snapshot()?;
            self.chain.settle()?;
            let worked = self.env.elapsed();
            self.linger(worked)?;
            self.metrics.worked(worked.saturating_sub(started));
            self.write_to_sinks().await?;
            let now = self.env.elapsed();
            self.portion.took(before, now.saturating_sub(started));
            self.metrics.roll(now, self.env.now());
            self.measure_if_due();
            turn += 1;
            if turn == TURN_EVENTS || now.saturating_sub(turn_start) >= TURN {
                tokio::task::yield_now().await;
                (turn, turn_start) = (0, self.env.elapsed());
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
            TaskCommand::Trigger(barrier, savepoint) => {
                if let Some(target) = savepoint {
                    self.targets.send_replace(Some((barrier.checkpoint, target)));
                }
                // It may be said twice.
                if self.taken.is_none_or(|t| barrier.checkpoint > t.checkpoint) {
                    self.requested = Some(barrier);
                    self.answer_trigger().await?;
                }
            }
            TaskCommand::Complete(checkpoint) => self.complete(checkpoint).await?,
            TaskCommand::Abort(checkpoint) => {
                if let TaskInput::Channels(input) = &mut self.input {
                    input.abort(checkpoint);
                    self.alignment_start.take_if(|_| !input.is_aligning());
                }
                if self.requested.is_some_and(|b| b.checkpoint <= checkpoint) {
                    self.requested = None;
                }
                self.stopping_for.take_if(|stopping| *stopping <= checkpoint);
            }
            TaskCommand::AddSplits { splits, .. } => self.source()?.add_splits(splits)?,
            TaskCommand::NoMoreSplits { .. } => self.source()?.no_more_splits(),
            TaskCommand::AlignWatermark { limit, .. } => self.source()?.align(limit),
            TaskCommand::Query(OperatorQuery { operator, query, answer }) => {
                // Who asked may have gone.
                let _ = answer.send(self.query(operator, &query));
            }
            // Both are handled by the loop.
            TaskCommand::Release | TaskCommand::Cancel => {}
        }
        Ok(())
    }

    fn query(&mut self, operator: OperatorId, query: &StateQuery) -> Result<StateAnswer> {
        let node = self.chain.nodes.iter_mut().find(|node| node.cx.info.operator == operator);
        let keyed = node.and_then(|node| node.cx.keyed.as_mut());
        let keyed =
            keyed.ok_or_else(|| Error::invalid("the operator has no keyed state; ask one behind a `key_by`"))?;
        keyed.set_now(self.env.now());
        keyed.query(query)
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
        if self.mode == RuntimeMode::Batch || self.ended || self.finished || self.stopping_for.is_some() {
            return Ok(());
        }
        for exit in &mut self.chain.exits {
            if let Exit::Sink(sink) = exit {
                sink.on_time(now).await?;
            }
        }
        let is_due = |n: &usize| self.chain.nodes[*n].cx.next_wakeup().is_some_and(|time| time <= now);
        if let Some(n) = (0..self.chain.nodes.len()).find(is_due) {
            self.chain.nodes[n].cx.clear_wakeup();
            self.begin(Work::Timers(n, now)).await?;
        }
        Ok(())
    }

    async fn on_input(&mut self, event: InputEvent) -> Result<()> {
        if self.finished {
            return match event {
                InputEvent::End => self.end_again(),
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
                self.begin(Work::Batch(input, batch)).await
            }
            InputEvent::Unsorted(input, batch) => match &mut self.input {
                TaskInput::Sorted(sorted) => sorted.add(input, &batch),
                _ => Err(Error::internal("records came to be sorted where nothing is")),
            },
            InputEvent::EndKeys => self.begin(Work::EndKeys).await,
            InputEvent::Watermark(watermark) => {
                let is_news = watermark > self.watermark;
                if !is_news || (self.mode == RuntimeMode::Batch && watermark != Watermark::MAX) {
                    return Ok(());
                }
                self.metrics.watermark.set(watermark.0);
                if let TaskInput::Source(source) = &self.input {
                    source.metrics.output_watermark.set(watermark.0);
                }
                self.begin(Work::Watermark(watermark)).await
            }
            InputEvent::Idle if self.mode == RuntimeMode::Batch => Ok(()),
            InputEvent::Idle => self.chain.idle(),
            InputEvent::Barrier(barrier) => self.checkpoint(barrier, false).await,
            InputEvent::Overtake(barrier) => self.checkpoint(barrier, true).await,
            InputEvent::EndInput(input) => self.chain.end_input(input),
            InputEvent::End => self.begin(Work::Finish(0, false)).await,
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

    /// What was in flight for an operator within the chain.
    fn on_replayed(&mut self, target: Target, event: InputEvent) -> Result<()> {
        match event {
            InputEvent::Batch(input, batch) => self.chain.deliver(target, input, batch),
            InputEvent::Watermark(watermark) => self.chain.advance_at(target, watermark),
            _ => Ok(()),
        }
    }

    /// Nothing is left of what was in flight for an operator: what is alive is read now.
    async fn replayed(&mut self) -> Result<()> {
        let Some((target, replay)) = self.replays.pop_front() else { return Ok(()) };
        if let (true, TaskInput::Channels(input)) = (self.replays.is_empty(), &mut self.input) {
            // The head's comes last. What was in flight for an operator within the chain was not for these channels.
            input.go_on(if self.chain.is_head(target) { replay.finish() } else { Vec::new() })?;
        }
        self.answer_trigger().await
    }

    fn end_again(&mut self) -> Result<()> {
        self.chain.broadcast(&Element::Watermark(Watermark::MAX))?;
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.chain.broadcast(&Element::End)?;
        self.work = Some(Work::End);
        Ok(())
    }

    /// Hands the sinks of the chain what they are to write.
    async fn write_to_sinks(&mut self) -> Result<()> {
        if !self.chain.has_pending() {
            return Ok(());
        }
        let (written, held_back) = self.metrics.hold_back(&self.env, self.chain.write_pending()).await;
        if let TaskInput::Source(source) = &mut self.input {
            source.held_back(held_back);
        }
        written
    }

    /// Once in a period.
    fn measure_if_due(&mut self) {
        if self.metrics.take_unmeasured() {
            self.measure();
        }
    }

    /// Looks at how much state there is, and which keys are hot.
    fn measure(&mut self) {
        let keyed = self.chain.nodes.iter().filter_map(|n| n.cx.keyed.as_ref());
        let (bytes, entries) = keyed.fold((0, 0), |(b, e), k| (b + k.byte_count(), e + k.entry_count()));
        self.metrics.state_bytes.set(bytes as i64);
        self.metrics.state_entries.set(entries as i64);
        self.metrics.shows_hot_keys = self.chain.show_hot_keys(self.env.now());
        if let TaskInput::Sorted(sorted) = &self.input {
            self.metrics.sort_bytes.set(sorted.taken.memory_bytes as i64);
            self.metrics.spilled_bytes.set(sorted.taken.spilled_bytes as i64);
        }
    }
}
