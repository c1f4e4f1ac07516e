//! What a function is given when it opens: where it registers its state and finds its metrics.

use crate::metrics::{Counter, Gauge, Histogram, Meter};
use crate::{OperatorContext, RuntimeMode, TaskInfo};
use flott_core::{Configuration, Key, ProcessingTime, Result};
use flott_state::{KeyedState, OperatorState, StateAccess};
use std::ops::{Deref, DerefMut};

/// Given to [`open`](crate::function::ProcessFunction::open) of functions without a key.
pub struct OpenContext<'a> {
    info: &'a TaskInfo,
    now: ProcessingTime,
    mode: RuntimeMode,
    config: &'a Configuration,
    metrics: &'a crate::metrics::OperatorMetrics,
    restored: bool,
    state: &'a mut OperatorState,
}

impl<'a> OpenContext<'a> {
    /// The surroundings made from the operator's; for operators.
    pub fn new(cx: &'a mut OperatorContext) -> Self {
        let OperatorContext { info, env, mode, config, metrics, restored, state, .. } = cx;
        OpenContext { info, now: env.now(), mode: *mode, config, metrics, restored: *restored, state }
    }

    /// The operator's non-keyed state: lists and broadcast maps are registered here.
    pub fn operator_state(&mut self) -> &mut OperatorState {
        self.state
    }

    /// Whether the operator starts from a checkpoint.
    pub fn is_restored(&self) -> bool {
        self.restored
    }

    /// A counter of one's own, reported with the operator's metrics.
    pub fn counter(&self, name: &str) -> Counter {
        self.metrics.counter(name)
    }

    /// A gauge of one's own, reported with the operator's metrics.
    pub fn gauge(&self, name: &str) -> Gauge {
        self.metrics.gauge(name)
    }

    /// A histogram of one's own, reported with the operator's metrics as quantiles of its latest values.
    pub fn histogram(&self, name: &str) -> Histogram {
        self.metrics.histogram(name)
    }

    /// A meter of one's own, reported with the operator's metrics as events per second.
    pub fn meter(&self, name: &str) -> Meter {
        self.metrics.meter(name)
    }

    /// What the user has set.
    pub fn configuration(&self) -> &Configuration {
        self.config
    }

    /// The clock.
    pub fn current_processing_time(&self) -> ProcessingTime {
        self.now
    }

    /// Which operator, in which subtask, of which run.
    pub fn task_info(&self) -> &TaskInfo {
        self.info
    }

    /// Which of the parallel instances this is, from 0.
    pub fn subtask_index(&self) -> u32 {
        self.info.subtask.0
    }

    /// How many parallel instances there are.
    pub fn parallelism(&self) -> u32 {
        self.info.parallelism
    }

    /// Streaming or batch.
    pub fn runtime_mode(&self) -> RuntimeMode {
        self.mode
    }
}

/// Given to `open` of keyed functions: [`OpenContext`], and the keyed state in which states are registered.
///
/// ```
/// use flott_api::function::KeyedOpenContext;
/// use flott_core::Result;
/// use flott_state::{StateAccess, ValueState};
///
/// fn open(cx: &mut KeyedOpenContext<'_, u64>) -> Result<ValueState<String>> {
///     ValueState::register(cx.keyed_state(), "last seen", None)
/// }
/// ```
pub struct KeyedOpenContext<'a, K> {
    base: OpenContext<'a>,
    keyed: &'a mut KeyedState<K>,
}

impl<'a, K: Key> KeyedOpenContext<'a, K> {
    /// The surroundings made from the operator's; for operators.
    ///
    /// # Errors
    /// `Internal` when the operator has no keyed state, or its keys are of another type.
    pub fn new(cx: &'a mut OperatorContext) -> Result<Self> {
        let OperatorContext { info, env, mode, config, metrics, restored, state, keyed, .. } = cx;
        let base = OpenContext { info, now: env.now(), mode: *mode, config, metrics, restored: *restored, state };
        Ok(KeyedOpenContext { base, keyed: crate::context::keyed_of(keyed)? })
    }
}

impl<K: Key> StateAccess for KeyedOpenContext<'_, K> {
    type Key = K;
    fn keyed_state(&mut self) -> &mut KeyedState<K> {
        self.keyed
    }
}

impl<'a, K> Deref for KeyedOpenContext<'a, K> {
    type Target = OpenContext<'a>;
    fn deref(&self) -> &OpenContext<'a> {
        &self.base
    }
}

impl<K> DerefMut for KeyedOpenContext<'_, K> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.base
    }
}

/// A handle of operator state in a function: empty until the function has opened. A clone is empty again, for it
/// belongs to another subtask. Kinds of keyed state need no such wrapping; theirs can be made empty.
///
/// ```
/// use flott_api::function::{OpenContext, Opened};
/// use flott_core::Result;
/// use flott_state::{OperatorListState, Redistribution};
///
/// #[derive(Clone, Default)]
/// struct Seen {
///     words: Opened<OperatorListState<String>>,
/// }
///
/// impl Seen {
///     fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
///         self.words = cx.operator_state().list("words", Redistribution::Split)?.into();
///         Ok(())
///     }
/// }
/// ```
pub struct Opened<S>(Option<S>);

impl<S> Default for Opened<S> {
    fn default() -> Self {
        Opened(None)
    }
}

impl<S> Clone for Opened<S> {
    fn clone(&self) -> Self {
        Opened(None)
    }
}

impl<S> From<S> for Opened<S> {
    fn from(handle: S) -> Self {
        Opened(Some(handle))
    }
}

impl<S> Deref for Opened<S> {
    type Target = S;
    #[inline]
    fn deref(&self) -> &S {
        match &self.0 {
            Some(handle) => handle,
            None => unreachable!("a state is used before the function's `open` has registered it"),
        }
    }
}
