//! What a task does next: a command of the job master, room for what it has emitted, what it has begun, what a clock asks
//! for, then input. What cannot wait for room comes before it.

use super::{Task, TaskInput, Work};
use crate::chain::Target;
use crate::input::InputEvent;
use flott_api::control::TaskCommand;
use flott_api::{Readiness, RuntimeMode};
use flott_core::{ProcessingTime, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// A time that was asked for, and what waits for it.
pub(super) type Alarm = (ProcessingTime, Pin<Box<dyn Future<Output = ()>>>);

pub(super) enum Next {
    Command(TaskCommand),
    /// The job master is gone.
    Abandoned,
    /// A barrier that waits to be sent may overtake now.
    Overtake,
    Time(ProcessingTime),
    Input(InputEvent),
    /// Something that was in flight, for an operator within the chain.
    Replay(Target, InputEvent),
    /// Nothing is left of what was in flight for an operator.
    Replayed,
    /// What has been begun goes on.
    Work,
    /// The input has run dry while rows wait to become a batch.
    Dry,
    /// Memory is to be made free, and nothing else is to be done.
    Settle,
    /// Nothing else is to be done, and a snapshot has not been taken in full.
    Snapshot,
}

impl Task {
    pub(super) async fn next(&mut self) -> Result<Next> {
        let started = self.env.elapsed();
        let mut was_held = false;
        let next = std::future::poll_fn(|task| {
            self.metrics.was_held_up(self.env.elapsed(), self.env.now());
            self.measure_if_due();
            let is_held = self.chain.try_flush(task).is_pending() | self.chain.poll_room(task).is_pending();
            let next = self.poll_next(task, is_held);
            self.metrics.set_held_up(is_held && next.is_pending(), self.env.elapsed());
            was_held |= is_held;
            next
        });
        let next = next.await;
        if let (true, TaskInput::Source(source)) = (was_held, &mut self.input) {
            source.held_back(self.env.elapsed().saturating_sub(started));
        }
        next
    }

    /// The next thing to do. `is_held`: what has been emitted finds no room, or there is no memory for more.
    fn poll_next(&mut self, task: &mut Context<'_>, is_held: bool) -> Poll<Result<Next>> {
        match self.commands.try_recv() {
            Ok(command) => return Poll::Ready(Ok(Next::Command(command))),
            Err(mpsc::error::TryRecvError::Disconnected) => return Poll::Ready(Ok(Next::Abandoned)),
            Err(mpsc::error::TryRecvError::Empty) => {}
        }
        if let Poll::Ready(next) = self.poll_urgent(task) {
            return Poll::Ready(next);
        }
        if is_held {
            return self.poll_rest(task, true);
        }
        if self.work.is_some() && self.may_go_on(task)? {
            return Poll::Ready(Ok(Next::Work));
        }
        if self.work.is_none()
            && let Poll::Ready(next) = self.poll_more(task)
        {
            return Poll::Ready(next);
        }
        // An operator that waits for something may have emitted while it was asked.
        if !self.ended && (self.chain.has_open() || self.chain.has_sealed() || self.chain.has_pending()) {
            return Poll::Ready(Ok(Next::Dry));
        }
        self.poll_rest(task, false)
    }

    /// What a checkpoint asks for that does not wait.
    fn poll_urgent(&mut self, task: &mut Context<'_>) -> Poll<Result<Next>> {
        let now = self.env.now();
        if self.overtakes_at().is_some_and(|at| at <= now) {
            return Poll::Ready(Ok(Next::Overtake));
        }
        let answered = self.requested.filter(|_| self.answers_at().is_some_and(|at| at <= now));
        if let (true, TaskInput::Channels(input)) = (self.can_be_interrupted(), &mut self.input) {
            if let Some(barrier) = answered {
                input.trigger(barrier)?;
            }
            return input.poll_urgent(task, || now).map(|event| event.map(Next::Input));
        }
        Poll::Pending
    }

    /// Whether a snapshot may be taken before what was begun is done.
    fn can_be_interrupted(&self) -> bool {
        match self.work {
            _ if self.finished => false,
            None | Some(Work::Batch(..) | Work::Timers(..)) => true,
            Some(Work::Watermark(_)) => self.rule.interrupts_timers,
            Some(Work::EndKeys | Work::Finish(..) | Work::End) => false,
        }
    }

    /// Something new: what a clock asks for, what was in flight, then input.
    fn poll_more(&mut self, task: &mut Context<'_>) -> Poll<Result<Next>> {
        if self.stopping_for.is_some() {
            return Poll::Pending;
        }
        let now = self.env.now();
        if self.next_wakeup(false).is_some_and(|time| time <= now) {
            return Poll::Ready(Ok(Next::Time(now)));
        }
        if self.ended || self.chain.poll_ready(task)? != Readiness::Ready {
            return Poll::Pending;
        }
        if let Some((target, replay)) = self.replays.front_mut() {
            let is_head = self.chain.is_head(*target);
            return Poll::Ready(replay.next().map(|event| match event {
                Some(event) if is_head => Next::Input(event),
                Some(event) => Next::Replay(*target, event),
                None => Next::Replayed,
            }));
        }
        let polled = match &mut self.input {
            TaskInput::Source(source) => source.poll_next(task),
            TaskInput::Channels(input) => {
                let polled = input.poll_next(task, || self.env.now());
                if self.alignment_start.is_none() && input.is_aligning() {
                    self.alignment_start = Some((self.env.elapsed(), self.metrics.bytes_in.get()));
                }
                polled
            }
            TaskInput::Sorted(input) => input.poll_next(task),
        };
        polled.map(|event| event.map(Next::Input))
    }

    /// What wakes a task up that has nothing to do, or is held up.
    fn poll_rest(&mut self, task: &mut Context<'_>, is_held: bool) -> Poll<Result<Next>> {
        if self.snapshot.as_mut().is_some_and(|open| open.ahead.poll_room(task).is_ready()) {
            return Poll::Ready(Ok(Next::Snapshot));
        }
        if self.chain.is_to_settle() {
            return Poll::Ready(Ok(Next::Settle));
        }
        match self.commands.poll_recv(task) {
            Poll::Ready(Some(command)) => return Poll::Ready(Ok(Next::Command(command))),
            Poll::Ready(None) => return Poll::Ready(Ok(Next::Abandoned)),
            Poll::Pending => {}
        }
        match self.poll_alarm(task, is_held || self.work.is_some()) {
            Poll::Ready(now) if !is_held && self.work.is_none() => Poll::Ready(Ok(Next::Time(now))),
            Poll::Ready(_) if !is_held => Poll::Ready(Ok(Next::Dry)),
            Poll::Ready(_) => {
                // It was for metrics, or for a barrier that may overtake now: both are looked at first the next time.
                task.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether the next slice of what was begun can be done now. At the end operators may wait for something outside.
    fn may_go_on(&mut self, task: &mut Context<'_>) -> Result<bool> {
        match self.work {
            Some(Work::Finish(..)) => Ok(self.chain.poll_ready(task)? == Readiness::Ready),
            _ => Ok(true),
        }
    }

    /// When a barrier, or the end before one, may overtake that waits to be sent.
    fn overtakes_at(&self) -> Option<ProcessingTime> {
        let barrier = if matches!(self.work, Some(Work::End)) { self.requested } else { self.taken };
        barrier.and_then(|barrier| self.rule.overtakes_at(barrier)).filter(|_| self.chain.can_overtake())
    }

    /// When a checkpoint that was asked for may be taken for which no barrier will come.
    fn answers_at(&self) -> Option<ProcessingTime> {
        let TaskInput::Channels(input) = &self.input else { return None };
        let may = self.can_be_interrupted() && !self.ended && self.replays.is_empty();
        self.requested.filter(|_| may).and_then(|barrier| input.answers_at(barrier))
    }

    fn next_wakeup(&self, is_held: bool) -> Option<ProcessingTime> {
        let is_held = is_held || self.stopping_for.is_some();
        let input = match &self.input {
            TaskInput::Source(source) if !is_held => source.next_wakeup(),
            TaskInput::Channels(input) if self.can_be_interrupted() => input.next_wakeup(),
            TaskInput::Source(_) | TaskInput::Channels(_) | TaskInput::Sorted(_) => None,
        };
        let chain = if is_held || self.mode == RuntimeMode::Batch || self.ended || self.finished {
            None
        } else {
            self.chain.next_wakeup()
        };
        let times = [input, chain, self.overtakes_at(), self.answers_at(), self.metrics.next_wakeup()];
        times.into_iter().flatten().min()
    }

    fn poll_alarm(&mut self, task: &mut Context<'_>, is_held: bool) -> Poll<ProcessingTime> {
        let Some(time) = self.next_wakeup(is_held) else {
            self.alarm = None;
            return Poll::Pending;
        };
        if self.alarm.as_ref().is_none_or(|(set, _)| *set != time) {
            let env = self.env.clone();
            self.alarm = Some((time, Box::pin(async move { env.sleep_until(time).await })));
        }
        match &mut self.alarm {
            Some((_, alarm)) => alarm.as_mut().poll(task).map(|()| {
                self.alarm = None;
                self.env.now()
            }),
            None => Poll::Pending,
        }
    }
}
