//! Firing the timers of keyed functions, a slice at a time.

use flott_api::function::position::TimerGuard;
use flott_api::function::{Collector, KeyedContext, Timer};
use flott_api::operator::Progress;
use flott_api::{OperatorContext, Output, RuntimeMode};
use flott_core::{Data, Key, ProcessingTime, Result, Watermark};

/// Timers fired in one go, before the runtime may look after other things.
pub(crate) const SLICE: usize = 2048;

/// Which timers are due.
#[derive(Clone, Copy)]
pub(crate) enum Due {
    Event(Watermark),
    Processing(ProcessingTime),
}

/// Event time moves on. In batch mode the clock jumps to its end together with event time, so that processing-time
/// timers fire too, and before the last watermark goes on: what they emit must not be late downstream. Timers that
/// the callbacks register are ignored there, as in Flink.
pub(crate) fn advance_event_time(
    to: Watermark,
    cx: &mut OperatorContext,
    mut fire: impl FnMut(Due, &mut OperatorContext) -> Result<Progress>,
) -> Result<Progress> {
    let is_end = cx.mode == RuntimeMode::Batch && to == Watermark::MAX;
    if is_end && let Some(keyed) = &mut cx.keyed {
        keyed.quiesce_timers();
    }
    if fire(Due::Event(to), cx)? == Progress::More {
        return Ok(Progress::More);
    }
    if !is_end || !has_processing_timers(cx) {
        return Ok(Progress::Done);
    }
    fire(Due::Processing(ProcessingTime::MAX), cx)?;
    // There may be more of them than a slice.
    Ok(Progress::More)
}

fn has_processing_timers(cx: &OperatorContext) -> bool {
    cx.keyed.as_ref().is_some_and(|k| k.next_processing_timer().is_some())
}

/// As [`fire`], for a function that collects results and has side outputs.
pub(crate) fn fire_into<K: Key, U: Data>(
    mut cx: KeyedContext<'_, K>,
    due: Due,
    collector: &mut Collector<U>,
    out: &mut dyn Output,
    mut on_timer: impl FnMut(Timer, &mut KeyedContext<'_, K>, &mut Collector<U>) -> Result<()>,
) -> Result<Progress> {
    let progress = fire(
        &mut cx,
        |cx| cx,
        due,
        |timer, at, cx| {
            collector.set_time(cx.timestamp());
            at.check(on_timer(timer, cx, collector))?;
            collector.flush_if_full(out)?;
            cx.side_outputs().flush_if_full(out)
        },
    )?;
    collector.flush(out)?;
    cx.side_outputs().flush(out)?;
    Ok(progress)
}

/// Calls `on_timer` for timers that are due, earliest first. `C` is the function's context, `base` leads to the
/// keyed context in it. The guard names the timer in errors of user code.
pub(crate) fn fire<'a, K: Key + 'a, C>(
    cx: &mut C,
    base: impl Fn(&mut C) -> &mut KeyedContext<'a, K>,
    due: Due,
    mut on_timer: impl FnMut(Timer, &TimerGuard, &mut C) -> Result<()>,
) -> Result<Progress> {
    for _ in 0..SLICE {
        let timer = match due {
            Due::Event(watermark) => base(cx).pop_event_timer(watermark)?,
            Due::Processing(now) => base(cx).pop_processing_timer(now)?,
        };
        let Some(timer) = timer else { return Ok(Progress::Done) };
        let at = TimerGuard { time: timer.millis() };
        on_timer(timer, &at, cx)?;
    }
    Ok(Progress::More)
}
