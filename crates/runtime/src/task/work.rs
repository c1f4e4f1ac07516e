//! What a task has begun: done in slices, so that what comes of one can be sent before the next, and so that a barrier
//! may overtake in between.

use super::{Task, TaskInput, portion};
use crate::chain::Exit;
use flott_api::Progress;
use flott_api::control::TaskEvent;
use flott_core::{Batch, ProcessingTime, Result, Watermark};

/// Something that has been begun.
pub(super) enum Work {
    /// What is left of a batch for an input.
    Batch(usize, Batch),
    /// Event time moves on: the head's timers fire, then the watermark goes through the chain.
    Watermark(Watermark),
    /// An operator is called because of the clock.
    Timers(usize, ProcessingTime),
    /// In batch mode: for some keys time has come to its end.
    EndKeys,
    /// The input has ended: operators emit what is left, each after those before it. Whether this one has begun.
    Finish(usize, bool),
    /// The end has been emitted and is being sent.
    End,
}

impl Task {
    /// Begins something: nothing else is under way.
    pub(super) async fn begin(&mut self, work: Work) -> Result<()> {
        self.work = Some(work);
        self.go_on().await
    }

    /// Does a slice of what was begun.
    pub(super) async fn go_on(&mut self) -> Result<()> {
        self.work = match self.work.take() {
            None => None,
            Some(Work::Batch(input, batch)) => self.process(input, batch)?.map(|rest| Work::Batch(input, rest)),
            Some(Work::Watermark(watermark)) => match self.chain.advance_head(watermark)? {
                Progress::More => Some(Work::Watermark(watermark)),
                Progress::Done => {
                    self.watermark = watermark;
                    self.chain.pass_watermark(watermark)?;
                    None
                }
            },
            Some(Work::Timers(n, now)) => {
                let progress = self.chain.with(n, |operator, cx, out| {
                    if let Some(keyed) = &mut cx.keyed {
                        keyed.set_now(now);
                    }
                    operator.advance_processing_time(now, cx, out)
                })?;
                (progress == Progress::More).then_some(Work::Timers(n, now))
            }
            Some(Work::EndKeys) => match self.chain.advance_head(Watermark::MAX)? {
                Progress::More => Some(Work::EndKeys),
                Progress::Done => {
                    self.chain.forget_keys();
                    None
                }
            },
            Some(Work::Finish(n, _)) if n >= self.chain.nodes.len() => return self.end(),
            Some(Work::Finish(n, has_begun)) => {
                if n > 0 && !has_begun {
                    self.chain.with(n, |operator, cx, out| operator.end_input(0, cx, out))?;
                }
                match self.chain.with(n, |operator, cx, out| operator.finish(cx, out))? {
                    Progress::More => Some(Work::Finish(n, true)),
                    Progress::Done => Some(Work::Finish(n + 1, false)),
                }
            }
            Some(Work::End) => return self.ended().await,
        };
        Ok(())
    }

    /// Works on a portion of a batch and returns the rest.
    fn process(&mut self, input: usize, mut batch: Batch) -> Result<Option<Batch>> {
        let (rest, before) = (self.portion.cut(&mut batch, self.chain.batch_rows()), self.chain.rows_emitted());
        let (rows, looked_up) = (batch.len(), self.chain.looked_up());
        self.chain.process(input, batch)?;
        self.portion.learn(rows, self.chain.rows_emitted() - before);
        let looked_up = self.chain.looked_up() - looked_up;
        match &mut self.input {
            TaskInput::Source(source) => source.set_pace(self.portion.to_read()),
            TaskInput::Channels(channels) => channels.gather(portion::is_better_gathered(rows, looked_up)),
            TaskInput::Sorted(_) => {}
        }
        Ok(rest)
    }

    /// The end has been sent.
    async fn ended(&mut self) -> Result<()> {
        for exit in &mut self.chain.exits {
            if let Exit::Sink(sink) = exit {
                sink.end_input().await?;
            }
        }
        self.ended = true;
        self.measure();
        self.report(TaskEvent::Ended).await;
        match self.requested {
            Some(barrier) => self.checkpoint(barrier, false).await,
            None => Ok(()),
        }
    }
}
