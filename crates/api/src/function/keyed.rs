//! The function of a keyed stream: state and timers of the current key.

use crate::OperatorContext;
use crate::function::{Collector, KeyedOpenContext, ProcessContext, SideOutputs, Timer};
use flott_core::{Data, EventTime, Key, ProcessingTime, Result, Watermark};
use flott_state::keyed::TimersId;
use flott_state::{KeySlot, KeyedState, StateAccess, TimerKind};
use std::ops::{Deref, DerefMut};

/// A function with state and timers per key.
///
/// ```
/// use flott_api::function::{Collector, KeyedContext, KeyedOpenContext, KeyedProcessFunction, Timer};
/// use flott_core::Result;
/// use flott_state::{StateAccess, ValueState};
///
/// /// Counts the records of a key and says how many there were a minute after the last one.
/// #[derive(Clone, Default)]
/// struct CountThenSay {
///     count: ValueState<u64>,
/// }
///
/// impl KeyedProcessFunction for CountThenSay {
///     type Key = String;
///     type In = String;
///     type Out = (String, u64);
///
///     fn open(&mut self, cx: &mut KeyedOpenContext<'_, String>) -> Result<()> {
///         self.count = ValueState::register(cx.keyed_state(), "count", None)?;
///         Ok(())
///     }
///
///     fn process(&mut self, _: String, cx: &mut KeyedContext<'_, String>, _: &mut Collector<(String, u64)>) -> Result<()> {
///         let count = self.count.get(cx)?.copied().unwrap_or(0);
///         self.count.set(cx, count + 1)?;
///         if let Some(time) = cx.timestamp() {
///             cx.timer_service().register_event_time_timer(time.saturating_add(60_000))?;
///         }
///         Ok(())
///     }
///
///     fn on_timer(&mut self, _: Timer, cx: &mut KeyedContext<'_, String>, out: &mut Collector<(String, u64)>) -> Result<()> {
///         let count = self.count.get(cx)?.copied().unwrap_or(0);
///         out.collect((cx.current_key()?.clone(), count));
///         Ok(())
///     }
/// }
/// ```
pub trait KeyedProcessFunction: Clone + Send + Sync + 'static {
    /// The key.
    type Key: Key;
    /// What comes in.
    type In: Data;
    /// What goes out.
    type Out: Data;

    /// Registers state and gets ready.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut KeyedOpenContext<'_, Self::Key>) -> Result<()> {
        Ok(())
    }

    /// Takes a record; state and timers are those of its key.
    ///
    /// # Errors
    /// Fails the task.
    fn process(
        &mut self,
        value: Self::In,
        cx: &mut KeyedContext<'_, Self::Key>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()>;

    /// A timer fires; state and timers are those of its key. Results have the time of an event timer, and none
    /// when it is a processing-time timer.
    ///
    /// # Errors
    /// Fails the task.
    fn on_timer(
        &mut self,
        _timer: Timer,
        _cx: &mut KeyedContext<'_, Self::Key>,
        _out: &mut Collector<Self::Out>,
    ) -> Result<()> {
        Ok(())
    }

    /// The input has ended and event timers have fired. There is no current key.
    ///
    /// # Errors
    /// Fails the task.
    fn finish(&mut self, _cx: &mut KeyedContext<'_, Self::Key>, _out: &mut Collector<Self::Out>) -> Result<()> {
        Ok(())
    }
}

/// The timers of a keyed function, registered when its operator opens; for operators.
#[derive(Clone, Copy)]
pub struct TimerIds {
    event: TimersId<()>,
    processing: TimersId<()>,
}

impl TimerIds {
    /// Registers the timers of user functions.
    ///
    /// # Errors
    /// `Corrupt` when the checkpoint's timers cannot be read.
    pub fn register<K: Key>(keyed: &mut KeyedState<K>) -> Result<Self> {
        Ok(TimerIds {
            event: keyed.register_timers(TimerKind::EventTime, "user")?,
            processing: keyed.register_timers(TimerKind::ProcessingTime, "user")?,
        })
    }
}

/// The surroundings of a keyed function: [`ProcessContext`], the current key, its state and its timers.
pub struct KeyedContext<'a, K> {
    base: ProcessContext<'a>,
    keyed: &'a mut KeyedState<K>,
    timers: TimerIds,
}

impl<'a, K: Key> KeyedContext<'a, K> {
    /// The surroundings for one batch, made from the operator's; for operators.
    ///
    /// # Errors
    /// `Internal` when the operator has no keyed state, or its keys are of another type.
    pub fn new(cx: &'a mut OperatorContext, timers: TimerIds, side: &'a mut SideOutputs) -> Result<Self> {
        let (base, keyed) = ProcessContext::split(cx, side);
        Ok(KeyedContext { base, keyed: crate::context::keyed_of(keyed)?, timers })
    }

    /// Makes `key`, whose place is `slot`, the current key; for operators.
    #[inline]
    pub fn set_key_at(&mut self, key: &K, slot: KeySlot) {
        self.keyed.set_key_at(key, slot);
    }

    /// Makes no key current; for operators.
    pub fn clear_key(&mut self) {
        self.keyed.clear_key();
    }

    /// Takes the first event timer that is due at `watermark` and makes its key current; for operators.
    ///
    /// # Errors
    /// Those of the state's store, where there is one.
    #[inline]
    pub fn pop_event_timer(&mut self, watermark: Watermark) -> Result<Option<Timer>> {
        let Some((time, ())) = self.keyed.pop_timer(self.timers.event, watermark.0)? else { return Ok(None) };
        self.base.set_time(Some(EventTime(time)));
        Ok(Some(Timer::EventTime(EventTime(time))))
    }

    /// Takes the first processing-time timer that is due at `now` and makes its key current; for operators.
    ///
    /// # Errors
    /// As [`KeyedContext::pop_event_timer`].
    #[inline]
    pub fn pop_processing_timer(&mut self, now: ProcessingTime) -> Result<Option<Timer>> {
        let Some((time, ())) = self.keyed.pop_timer(self.timers.processing, now.0)? else { return Ok(None) };
        self.base.set_time(None);
        Ok(Some(Timer::ProcessingTime(ProcessingTime(time))))
    }

    /// The key of the record or timer being processed.
    ///
    /// # Errors
    /// `Invalid` where there is none: in `open` and `finish`.
    #[inline]
    pub fn current_key(&self) -> Result<&K> {
        self.keyed.key()
    }

    /// The clock and the timers of the current key.
    #[inline]
    pub fn timer_service(&mut self) -> TimerService<'_, 'a, K> {
        TimerService(self)
    }
}

impl<K: Key> StateAccess for KeyedContext<'_, K> {
    type Key = K;
    #[inline]
    fn keyed_state(&mut self) -> &mut KeyedState<K> {
        self.keyed
    }
}

impl<'a, K> Deref for KeyedContext<'a, K> {
    type Target = ProcessContext<'a>;
    #[inline]
    fn deref(&self) -> &ProcessContext<'a> {
        &self.base
    }
}

impl<K> DerefMut for KeyedContext<'_, K> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.base
    }
}

/// The times that a keyed function goes by, and the timers of the current key. The same timer registered twice is
/// one timer.
pub struct TimerService<'c, 'a, K>(&'c mut KeyedContext<'a, K>);

impl<K: Key> TimerService<'_, '_, K> {
    /// The operator's event time.
    pub fn current_watermark(&self) -> Watermark {
        self.0.base.current_watermark()
    }

    /// The clock.
    pub fn current_processing_time(&self) -> ProcessingTime {
        self.0.base.current_processing_time()
    }

    /// Fires when the watermark reaches `time`; if it has already, then with the next watermark.
    ///
    /// # Errors
    /// `Invalid` when there is no current key.
    #[inline]
    pub fn register_event_time_timer(&mut self, time: EventTime) -> Result<()> {
        self.0.keyed.register_timer(self.0.timers.event, &(), time.0).map(drop)
    }

    /// Fires when the clock reaches `time`; if it has already, then at once.
    ///
    /// # Errors
    /// `Invalid` when there is no current key.
    #[inline]
    pub fn register_processing_time_timer(&mut self, time: ProcessingTime) -> Result<()> {
        self.0.keyed.register_timer(self.0.timers.processing, &(), time.0).map(drop)
    }

    /// Removes an event timer; nothing happens if there is none at `time`.
    ///
    /// # Errors
    /// `Invalid` when there is no current key.
    #[inline]
    pub fn delete_event_time_timer(&mut self, time: EventTime) -> Result<()> {
        self.0.keyed.delete_timer(self.0.timers.event, &(), time.0)
    }

    /// Removes a processing-time timer; nothing happens if there is none at `time`.
    ///
    /// # Errors
    /// `Invalid` when there is no current key.
    #[inline]
    pub fn delete_processing_time_timer(&mut self, time: ProcessingTime) -> Result<()> {
        self.0.keyed.delete_timer(self.0.timers.processing, &(), time.0)
    }
}
