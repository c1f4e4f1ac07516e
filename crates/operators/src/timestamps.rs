//! Event times and watermarks assigned in mid-stream.
//!
//! Whatever watermarks and idleness come from upstream are ignored, but for the last watermark, as in Flink
//! (`TimestampsAndWatermarksOperator`). In batch mode only times are assigned.

use crate::keys::in_turn;
use flott_api::function::position::Position;
use flott_api::operator::Progress;
use flott_api::watermark::{TimestampAssigner, observe};
use flott_api::{
    Operator, OperatorContext, OperatorFactory, Output, RuntimeMode, WatermarkGenerator, WatermarkStrategy,
};
use flott_core::config::AUTO_WATERMARK_INTERVAL;
use flott_core::{Batch, Data, EventTime, ProcessingTime, Result, Watermark};
use std::time::Duration;

/// Runs a [`WatermarkStrategy`] on a stream.
pub struct AssignTimestamps<T>(WatermarkStrategy<T>);

impl<T: Data> AssignTimestamps<T> {
    /// The operator of a strategy.
    pub fn new(strategy: WatermarkStrategy<T>) -> Self {
        AssignTimestamps(strategy)
    }
}

impl<T: Data> OperatorFactory for AssignTimestamps<T> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(AssignTimestampsOperator {
            generator: self.0.generator(),
            strategy: self.0.clone(),
            interval: Duration::ZERO,
            next_periodic: None,
            idleness: self.0.idleness.map(Idleness::new),
            emitted: Watermark::MIN,
            found: Vec::new(),
            position: Position::default(),
        }))
    }
}

struct AssignTimestampsOperator<T> {
    strategy: WatermarkStrategy<T>,
    generator: Box<dyn WatermarkGenerator<T>>,
    interval: Duration,
    next_periodic: Option<ProcessingTime>,
    idleness: Option<Idleness>,
    /// The last watermark that went out.
    emitted: Watermark,
    /// Watermarks made from a batch, each with the number of rows before it.
    found: Vec<(usize, Watermark)>,
    position: Position,
}

/// How long the input has been dry.
///
/// The time is summed up from short steps, of which each counts for a little more than its length at most. When the
/// task could not run, for it was held back or had much to do, then it is one step that was too long.
struct Idleness {
    timeout: Duration,
    step: Duration,
    dry: Duration,
    counted_to: ProcessingTime,
    is_idle: bool,
}

impl Idleness {
    fn new(timeout: Duration) -> Self {
        let step = (timeout / 4).max(Duration::from_millis(1));
        Idleness { timeout, step, dry: Duration::ZERO, counted_to: ProcessingTime(0), is_idle: false }
    }

    /// Data has come in.
    fn start(&mut self, now: ProcessingTime) {
        self.dry = Duration::ZERO;
        self.counted_to = now;
        self.is_idle = false;
    }

    /// Counts the time since the last step. Returns whether the stream has become idle now.
    fn count(&mut self, now: ProcessingTime) -> bool {
        self.dry += self.counted_to.until(now).min(self.step * 2);
        self.counted_to = now;
        let was_idle = std::mem::replace(&mut self.is_idle, self.dry >= self.timeout);
        self.is_idle && !was_idle
    }

    /// When to count next.
    fn next(&self) -> ProcessingTime {
        self.counted_to.plus(self.step.min(self.timeout.saturating_sub(self.dry)).max(Duration::from_millis(1)))
    }
}

impl<T: Data> AssignTimestampsOperator<T> {
    fn assign(&mut self, rows: &[T], given: Option<Vec<EventTime>>, now: ProcessingTime) -> Option<Vec<EventTime>> {
        let TimestampAssigner::FromRecord(assign) = &self.strategy.timestamps else {
            return self.strategy.timestamps.assign(rows, given, now);
        };
        let mut at = self.position.batch(rows.len());
        let mut given = in_turn(given);
        let assign = |row| {
            at.next();
            assign(row, given.next())
        };
        Some(rows.iter().map(assign).collect())
    }

    fn emit_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<()> {
        if watermark <= self.emitted {
            return Ok(());
        }
        self.emitted = watermark;
        out.watermark(watermark)
    }

    fn emit_periodic(&mut self, out: &mut dyn Output) -> Result<()> {
        match self.generator.on_periodic() {
            Some(watermark) => self.emit_watermark(watermark, out),
            None => Ok(()),
        }
    }

    /// Emits the rows, cut where a watermark was made from one.
    fn emit_cut(&mut self, rows: Vec<T>, times: Option<Vec<EventTime>>, out: &mut dyn Output) -> Result<()> {
        let mut found = std::mem::take(&mut self.found);
        let mut rows = rows.into_iter();
        let mut times = times.map(Vec::into_iter);
        let mut done = 0;
        for (before, watermark) in found.drain(..) {
            if watermark <= self.emitted {
                continue;
            }
            let count = before - done;
            let piece: Vec<T> = rows.by_ref().take(count).collect();
            out.emit(Batch::timed(piece, times.as_mut().map(|t| t.by_ref().take(count).collect())))?;
            done = before;
            self.emit_watermark(watermark, out)?;
        }
        self.found = found;
        let (rest, times): (Vec<T>, _) = (rows.collect(), times.map(Iterator::collect));
        if rest.is_empty() { Ok(()) } else { out.emit(Batch::timed(rest, times)) }
    }

    fn schedule(&self, cx: &mut OperatorContext) {
        let count = self.idleness.as_ref().filter(|i| !i.is_idle).map(Idleness::next);
        if let Some(time) = [self.next_periodic, count].into_iter().flatten().min() {
            cx.wake_at(time);
        }
    }
}

impl<T: Data> Operator for AssignTimestampsOperator<T> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        if cx.mode == RuntimeMode::Batch {
            self.idleness = None;
            return Ok(());
        }
        let now = cx.env.now();
        self.interval = cx.config.get(&AUTO_WATERMARK_INTERVAL)?;
        self.next_periodic = (!self.interval.is_zero()).then(|| now.plus(self.interval));
        if let Some(idleness) = &mut self.idleness {
            idleness.start(now);
        }
        self.schedule(cx);
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<T>()?;
        let now = cx.env.now();
        let times = self.assign(&rows, times, now);
        if cx.mode == RuntimeMode::Batch {
            return out.emit(Batch::timed(rows, times));
        }
        if let Some(idleness) = &mut self.idleness {
            idleness.start(now);
            self.schedule(cx);
        }
        match &times {
            Some(times) => observe(&mut *self.generator, &rows, times, &mut self.found),
            // A generator may go by something else than the time.
            None => observe(&mut *self.generator, &rows, &vec![EventTime::MIN; rows.len()], &mut self.found),
        }
        self.emit_cut(rows, times, out)?;
        if self.interval.is_zero() { self.emit_periodic(out) } else { Ok(()) }
    }

    fn advance_processing_time(
        &mut self,
        now: ProcessingTime,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
    ) -> Result<Progress> {
        let became_idle = self.idleness.as_mut().is_some_and(|i| !i.is_idle && i.counted_to < now && i.count(now));
        if became_idle {
            // Nothing more is to come for a while: downstream should know how far event time has come.
            self.emit_periodic(out)?;
            out.idle()?;
        }
        if self.next_periodic.is_some_and(|time| time <= now) {
            self.next_periodic = Some(now.plus(self.interval));
            if !self.idleness.as_ref().is_some_and(|i| i.is_idle) {
                self.emit_periodic(out)?;
            }
        }
        self.schedule(cx);
        Ok(Progress::Done)
    }

    fn on_watermark(&mut self, watermark: Watermark, _: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        if watermark == Watermark::MAX { self.emit_watermark(watermark, out) } else { Ok(()) }
    }

    fn on_idle(&mut self, _: &mut OperatorContext, _: &mut dyn Output) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
