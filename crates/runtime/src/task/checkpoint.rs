//! What a task does for a checkpoint: the walk is at the head of `snapshot.rs`.

use super::{Task, TaskInput, Work};
use crate::chain::Exit;
use crate::input::InputEvent;
use crate::snapshot::{self, Ahead, OpenSnapshot, Recorded, since};
use flott_api::control::CheckpointTimes;
use flott_core::{AfterSavepoint, Barrier, CheckpointId, Element, Result, Watermark};
use std::task::{Context, Waker};

impl Task {
    /// Takes the checkpoint that was asked for, if it does not have to wait for barriers.
    pub(super) async fn answer_trigger(&mut self) -> Result<()> {
        // What was in flight comes before the barrier.
        let Some(barrier) = self.requested.filter(|_| self.replays.is_empty()) else { return Ok(()) };
        let mut is_source = false;
        // What the reader has given belongs before the barrier: its position is behind it already.
        while let TaskInput::Source(source) = &mut self.input {
            is_source = true;
            match &self.work {
                Some(Work::Finish(..) | Work::End) => return Ok(()),
                Some(_) => self.go_on().await?,
                None => match source.take_queued() {
                    Some(event) => self.on_input(event).await?,
                    None => break,
                },
            }
        }
        if is_source && !self.ended && barrier.then == AfterSavepoint::Drain && self.watermark != Watermark::MAX {
            self.on_input(InputEvent::Watermark(Watermark::MAX)).await?;
            while self.work.is_some() {
                self.go_on().await?;
            }
        }
        if is_source || self.ended { self.checkpoint(barrier, false).await } else { Ok(()) }
    }

    /// Takes part in a checkpoint: the walk is at the head of `snapshot`. `overtakes`: barriers have not come on all
    /// channels.
    pub(super) async fn checkpoint(&mut self, barrier: Barrier, overtakes: bool) -> Result<()> {
        if self.taken.is_some_and(|t| barrier.checkpoint <= t.checkpoint) {
            return Ok(());
        }
        self.taken = Some(barrier);
        self.stopping_for = (barrier.then != AfterSavepoint::GoOn).then_some(barrier.checkpoint);
        self.requested = None;
        self.finish_snapshot()?;
        let started = self.env.elapsed();
        let start_delay = barrier.triggered.until(self.env.now());
        if !self.ended {
            for n in 0..self.chain.nodes.len() {
                self.chain.with(n, |operator, cx, out| operator.before_barrier(cx, out))?;
            }
            self.chain.broadcast(&Element::Barrier(barrier))?;
            if self.rule.overtakes_at(barrier).is_some_and(|at| at <= self.env.now()) {
                self.chain.overtake();
            }
        }
        let (aligning, bytes_before) = self.alignment_start.take().unwrap_or((started, self.metrics.bytes_in.get()));
        let recorded = self.record(barrier, overtakes)?.map(|in_flight| Recorded {
            operator: self.head,
            in_flight,
            aligning,
            bytes_in: self.metrics.bytes_in.clone(),
            bytes_before,
        });
        let source = match &mut self.input {
            TaskInput::Source(source) => Some(source),
            TaskInput::Channels(_) | TaskInput::Sorted(_) => None,
        };
        let parts = snapshot::open(&mut self.chain, source, barrier, &self.snapshots, self.ended).await?;
        let times = CheckpointTimes {
            start_delay: start_delay.saturating_sub(started.saturating_sub(aligning)),
            alignment: started.saturating_sub(aligning),
            sync: since(&self.env, started),
            ..CheckpointTimes::default()
        };
        self.metrics.on_checkpoint(&times);
        self.snapshot = Some(OpenSnapshot { parts, ahead: Ahead::default(), recorded, barrier, times });
        Ok(())
    }

    /// Takes some more of the snapshot that is open, if one is, unless much of it waits to be written.
    pub(super) fn continue_snapshot(&mut self) -> Result<()> {
        let Some(open) = &mut self.snapshot else { return Ok(()) };
        // Whoever waits for it is woken by `next`.
        if open.ahead.poll_room(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Ok(());
        }
        self.take_slice()
    }

    fn take_slice(&mut self) -> Result<()> {
        let Some(open) = &mut self.snapshot else { return Ok(()) };
        if snapshot::go_on(&mut self.chain, open, &self.snapshots)?
            && let Some(open) = self.snapshot.take()
        {
            snapshot::write(&self.env, open, self.snapshots.clone(), self.id, self.events.clone());
        }
        Ok(())
    }

    /// Takes all that is left of the snapshot that is open: another one follows.
    pub(super) fn finish_snapshot(&mut self) -> Result<()> {
        while self.snapshot.is_some() {
            self.take_slice()?;
        }
        Ok(())
    }

    /// What belongs to the checkpoint of what is in front of the operators.
    pub(super) fn record(&mut self, barrier: Barrier, overtakes: bool) -> Result<Option<snapshot::InFlightParts>> {
        let TaskInput::Channels(input) = &mut self.input else { return Ok(None) };
        if self.ended || self.finished || !input.keeps_times(barrier) {
            return Ok(None);
        }
        let (firing, rest) = match &self.work {
            Some(Work::Watermark(watermark)) => (Some(*watermark), None),
            Some(Work::Batch(_, rest)) => (None, Some(rest)),
            _ => (None, None),
        };
        let parts = input.record(barrier, overtakes, self.watermark, firing, rest)?;
        Ok(Some(snapshot::InFlightParts { dealing: input.dealing(), parts }))
    }

    pub(super) async fn complete(&mut self, checkpoint: CheckpointId) -> Result<()> {
        if self.taken.is_none_or(|t| t.checkpoint < checkpoint) {
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

    /// The job has ended: what no checkpoint has committed is committed now. Of a job that stops with a savepoint that is
    /// nothing: what belongs to the savepoint has been committed, and what came of it since will come again.
    pub(super) async fn release(&mut self) -> Result<()> {
        if self.stopping_for.is_some() {
            return Ok(());
        }
        for exit in &mut self.chain.exits {
            if let Exit::Sink(sink) = exit {
                sink.prepare(CheckpointId(u64::MAX - 1)).await?;
                sink.commit_all().await?;
            }
        }
        Ok(())
    }
}
