//! What a task does next: a command of the job master, then what a clock asks for, then input.

use super::{Task, TaskInput};
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
    Time(ProcessingTime),
    Input(InputEvent),
    /// The input has run dry while rows wait to become a batch.
    Dry,
    /// Nothing else is to be done, and a snapshot has not been taken in full.
    Snapshot,
}

impl Task {
    pub(super) async fn next(&mut self) -> Result<Next> {
        std::future::poll_fn(|task| self.poll_next(task)).await
    }

    fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Result<Next>> {
        match self.commands.try_recv() {
            Ok(command) => return Poll::Ready(Ok(Next::Command(command))),
            Err(mpsc::error::TryRecvError::Disconnected) => return Poll::Ready(Ok(Next::Abandoned)),
            Err(mpsc::error::TryRecvError::Empty) => {}
        }
        if let Some(time) = self.next_wakeup() {
            let now = self.env.now();
            if time <= now {
                return Poll::Ready(Ok(Next::Time(now)));
            }
        }
        if !self.ended {
            if self.chain.poll_ready(task)? == Readiness::Ready {
                let polled = match &mut self.input {
                    TaskInput::Source(source) => source.poll_next(task),
                    TaskInput::Channels(input) => {
                        let polled = input.poll_next(task).map(Ok);
                        if self.alignment_start.is_none() && input.is_aligning() {
                            self.alignment_start = Some(self.env.elapsed());
                        }
                        polled
                    }
                    TaskInput::Sorted(input) => input.poll_next(task),
                };
                if let Poll::Ready(event) = polled {
                    return Poll::Ready(event.map(Next::Input));
                }
            }
            // An operator that waits for something may have emitted while it was asked.
            if self.chain.has_open() || self.chain.has_sealed() {
                return Poll::Ready(Ok(Next::Dry));
            }
        }
        if self.snapshot.is_some() {
            return Poll::Ready(Ok(Next::Snapshot));
        }
        match self.commands.poll_recv(task) {
            Poll::Ready(Some(command)) => return Poll::Ready(Ok(Next::Command(command))),
            Poll::Ready(None) => return Poll::Ready(Ok(Next::Abandoned)),
            Poll::Pending => {}
        }
        self.poll_alarm(task).map(|now| Ok(Next::Time(now)))
    }

    fn next_wakeup(&self) -> Option<ProcessingTime> {
        let source = match &self.input {
            TaskInput::Source(source) => source.next_wakeup(),
            TaskInput::Channels(_) | TaskInput::Sorted(_) => None,
        };
        let chain = if self.mode == RuntimeMode::Batch || self.ended || self.finished {
            None
        } else {
            self.chain.next_wakeup()
        };
        [source, chain, self.metrics.next_wakeup()].into_iter().flatten().min()
    }

    fn poll_alarm(&mut self, task: &mut Context<'_>) -> Poll<ProcessingTime> {
        let Some(time) = self.next_wakeup() else {
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
