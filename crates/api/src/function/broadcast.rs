//! Functions of a stream and a broadcast stream: rules and the like, which every subtask knows, applied to records.
//!
//! Broadcast state is changed by broadcast records only, which all subtasks see alike; the other side may only read
//! it. That is why the two sides have contexts of different types.

use crate::OperatorContext;
use crate::function::{Collector, KeyedContext, KeyedOpenContext, OpenContext, OutputTag, ProcessContext, SideOutputs};
use crate::function::{Timer, TimerIds, TimerService};
use flott_core::{Data, Key, Result};
use flott_state::{KeyedState, OperatorState, StateAccess};
use std::ops::{Deref, DerefMut};

/// A function of a stream without key and a broadcast stream.
///
/// ```
/// use flott_api::function::{BroadcastContext, BroadcastProcessFunction, Collector, OpenContext, Opened, ReadOnlyContext};
/// use flott_core::Result;
/// use flott_state::BroadcastState;
///
/// /// Lets those words through that are on the list.
/// #[derive(Clone, Default)]
/// struct Allow {
///     words: Opened<BroadcastState<String, ()>>,
/// }
///
/// impl BroadcastProcessFunction for Allow {
///     type In = String;
///     type Broadcast = String;
///     type Out = String;
///
///     fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
///         self.words = cx.operator_state().broadcast("words")?.into();
///         Ok(())
///     }
///
///     fn process(&mut self, word: String, cx: &mut ReadOnlyContext<'_>, out: &mut Collector<String>) -> Result<()> {
///         if self.words.contains(cx.broadcast_state(), &word) {
///             out.collect(word);
///         }
///         Ok(())
///     }
///
///     fn process_broadcast(&mut self, word: String, cx: &mut BroadcastContext<'_>, _: &mut Collector<String>) -> Result<()> {
///         self.words.put(cx.broadcast_state(), word, ());
///         Ok(())
///     }
/// }
/// ```
pub trait BroadcastProcessFunction: Clone + Send + Sync + 'static {
    /// What comes in on the stream.
    type In: Data;
    /// What comes in on the broadcast stream.
    type Broadcast: Data;
    /// What goes out.
    type Out: Data;

    /// Registers the broadcast state and gets ready.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut OpenContext<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes a record of the stream.
    ///
    /// # Errors
    /// Fails the task.
    fn process(&mut self, value: Self::In, cx: &mut ReadOnlyContext<'_>, out: &mut Collector<Self::Out>) -> Result<()>;

    /// Takes a broadcast record. It must change the broadcast state in the same way in every subtask.
    ///
    /// # Errors
    /// Fails the task.
    fn process_broadcast(
        &mut self,
        value: Self::Broadcast,
        cx: &mut BroadcastContext<'_>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()>;
}

/// A function of a keyed stream and a broadcast stream.
pub trait KeyedBroadcastProcessFunction: Clone + Send + Sync + 'static {
    /// The key of the stream.
    type Key: Key;
    /// What comes in on the stream.
    type In: Data;
    /// What comes in on the broadcast stream.
    type Broadcast: Data;
    /// What goes out.
    type Out: Data;

    /// Registers the states and gets ready.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut KeyedOpenContext<'_, Self::Key>) -> Result<()> {
        Ok(())
    }

    /// Takes a record of the stream; state and timers are those of its key.
    ///
    /// # Errors
    /// Fails the task.
    fn process(
        &mut self,
        value: Self::In,
        cx: &mut KeyedReadOnlyContext<'_, Self::Key>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()>;

    /// Takes a broadcast record. It must change the broadcast state in the same way in every subtask.
    ///
    /// # Errors
    /// Fails the task.
    fn process_broadcast(
        &mut self,
        value: Self::Broadcast,
        cx: &mut KeyedBroadcastContext<'_, Self::Key>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()>;

    /// A timer fires; as [`crate::function::KeyedProcessFunction::on_timer`].
    ///
    /// # Errors
    /// Fails the task.
    fn on_timer(
        &mut self,
        _timer: Timer,
        _cx: &mut KeyedReadOnlyContext<'_, Self::Key>,
        _out: &mut Collector<Self::Out>,
    ) -> Result<()> {
        Ok(())
    }
}

/// The surroundings of a record of the stream: [`ProcessContext`], in which broadcast state can be read.
pub struct ReadOnlyContext<'a>(ProcessContext<'a>);

impl<'a> ReadOnlyContext<'a> {
    /// The surroundings made from those of both sides; for operators.
    pub fn new(base: ProcessContext<'a>) -> Self {
        ReadOnlyContext(base)
    }

    /// The broadcast state, to be read.
    #[inline]
    pub fn broadcast_state(&self) -> &OperatorState {
        self.0.operator_state_ref()
    }

    /// Gives `value` to the side output `tag`, with the time of the record being processed.
    #[inline]
    pub fn output<T: Data>(&mut self, tag: &OutputTag<T>, value: T) {
        self.0.output(tag, value);
    }

    /// The surroundings of both sides; for operators.
    #[inline]
    pub fn base_mut(&mut self) -> &mut ProcessContext<'a> {
        &mut self.0
    }
}

impl<'a> Deref for ReadOnlyContext<'a> {
    type Target = ProcessContext<'a>;
    #[inline]
    fn deref(&self) -> &ProcessContext<'a> {
        &self.0
    }
}

/// The surroundings of a broadcast record: [`ProcessContext`], in which broadcast state can be changed.
pub struct BroadcastContext<'a>(ProcessContext<'a>);

impl<'a> BroadcastContext<'a> {
    /// The surroundings made from those of both sides; for operators.
    pub fn new(base: ProcessContext<'a>) -> Self {
        BroadcastContext(base)
    }

    /// The broadcast state.
    pub fn broadcast_state(&mut self) -> &mut OperatorState {
        self.0.operator_state()
    }
}

impl<'a> Deref for BroadcastContext<'a> {
    type Target = ProcessContext<'a>;
    fn deref(&self) -> &ProcessContext<'a> {
        &self.0
    }
}

impl DerefMut for BroadcastContext<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// The surroundings of a record of the keyed stream, or of a timer: its key, state and timers, and broadcast state
/// that can be read.
pub struct KeyedReadOnlyContext<'a, K>(KeyedContext<'a, K>);

impl<'a, K: Key> KeyedReadOnlyContext<'a, K> {
    /// The surroundings for one batch, made from the operator's; for operators.
    ///
    /// # Errors
    /// As [`KeyedContext::new`].
    pub fn new(cx: &'a mut OperatorContext, timers: TimerIds, side: &'a mut SideOutputs) -> Result<Self> {
        KeyedContext::new(cx, timers, side).map(KeyedReadOnlyContext)
    }

    /// The broadcast state, to be read.
    #[inline]
    pub fn broadcast_state(&self) -> &OperatorState {
        self.0.operator_state_ref()
    }

    /// Gives `value` to the side output `tag`, with the time of the record being processed.
    #[inline]
    pub fn output<T: Data>(&mut self, tag: &OutputTag<T>, value: T) {
        self.0.output(tag, value);
    }

    /// The clock and the timers of the current key.
    #[inline]
    pub fn timer_service(&mut self) -> TimerService<'_, 'a, K> {
        self.0.timer_service()
    }

    /// The surroundings of a keyed function; for operators.
    #[inline]
    pub fn base_mut(&mut self) -> &mut KeyedContext<'a, K> {
        &mut self.0
    }
}

impl<K: Key> StateAccess for KeyedReadOnlyContext<'_, K> {
    type Key = K;
    #[inline]
    fn keyed_state(&mut self) -> &mut KeyedState<K> {
        self.0.keyed_state()
    }
}

impl<'a, K> Deref for KeyedReadOnlyContext<'a, K> {
    type Target = KeyedContext<'a, K>;
    #[inline]
    fn deref(&self) -> &KeyedContext<'a, K> {
        &self.0
    }
}

/// The surroundings of a broadcast record beside a keyed stream: broadcast state that can be changed, and the state
/// of all keys. There is no current key.
pub struct KeyedBroadcastContext<'a, K>(KeyedContext<'a, K>);

impl<'a, K: Key> KeyedBroadcastContext<'a, K> {
    /// The surroundings for one batch, made from the operator's; for operators.
    ///
    /// # Errors
    /// As [`KeyedContext::new`].
    pub fn new(cx: &'a mut OperatorContext, timers: TimerIds, side: &'a mut SideOutputs) -> Result<Self> {
        let mut base = KeyedContext::new(cx, timers, side)?;
        base.clear_key();
        Ok(KeyedBroadcastContext(base))
    }

    /// The broadcast state.
    pub fn broadcast_state(&mut self) -> &mut OperatorState {
        self.0.operator_state()
    }

    /// Calls `change` for each of the keys that `keys` lists, with the key current: usually those that have
    /// something in a state.
    ///
    /// ```
    /// # use flott_api::function::KeyedBroadcastContext;
    /// # use flott_core::Result;
    /// # use flott_state::ValueState;
    /// # fn double(cx: &mut KeyedBroadcastContext<'_, u32>, count: &ValueState<u64>) -> Result<()> {
    /// cx.apply_to_keyed_state(|state| count.keys(state), |_key, state| count.update(state, || 0, |n| *n *= 2))
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of `keys` and `change`.
    pub fn apply_to_keyed_state(
        &mut self,
        keys: impl FnOnce(&mut KeyedState<K>) -> Result<Vec<K>>,
        mut change: impl FnMut(&K, &mut KeyedState<K>) -> Result<()>,
    ) -> Result<()> {
        let keyed = self.0.keyed_state();
        for key in keys(keyed)? {
            keyed.set_key(&key);
            change(&key, keyed)?;
        }
        keyed.clear_key();
        Ok(())
    }
}

impl<'a, K> Deref for KeyedBroadcastContext<'a, K> {
    type Target = ProcessContext<'a>;
    fn deref(&self) -> &ProcessContext<'a> {
        &self.0
    }
}

impl<K> DerefMut for KeyedBroadcastContext<'_, K> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
