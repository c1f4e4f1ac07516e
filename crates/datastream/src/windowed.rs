//! A stream cut into windows: when they fire, and what is late. What is made of their content is in
//! `window_functions.rs`, other ways to windows are in `windows.rs`.

use crate::eviction::{Evicting, Factory, NoEvictor};
use crate::keyed::KeyedStream;
use crate::settings;
use crate::stream::DataStream;
use flott_api::function::{Evictor, OutputTag, Trigger, WindowAssigner};
use flott_core::{Data, Key};
use flott_operators::window::Windowed;
use std::time::Duration;

/// A keyed stream cut into windows, made by [`KeyedStream::window`]: `A` assigns records to windows, `Tr` says when
/// they fire, `E` what is taken out of them then.
///
/// Results have the window's largest time. A window may fire more than once, each time with its whole content.
pub struct WindowedStream<T, K, A, Tr, E = NoEvictor> {
    stream: DataStream<T>,
    windowed: Windowed<K, T, A, Tr>,
    evictor: E,
    /// The operator's name.
    name: String,
    /// Whether the stream has no key, so that there can be one subtask only.
    is_all: bool,
}

/// A stream without keys cut into windows, made by [`DataStream::window_all`]: every record has the key `()`.
pub type AllWindowedStream<T, A, Tr, E = NoEvictor> = WindowedStream<T, (), A, Tr, E>;

impl<T: Data, K: Key, A: WindowAssigner<T>> WindowedStream<T, K, A, A::DefaultTrigger> {
    pub(crate) fn new(keyed: &KeyedStream<T, K>, assigner: A) -> Self {
        WindowedStream {
            stream: (**keyed).clone(),
            windowed: Windowed::new(keyed.selector(), assigner),
            evictor: NoEvictor,
            name: crate::short_type_name::<A>(),
            is_all: false,
        }
    }

    /// The same windows over a stream that has no key.
    pub(crate) fn all(mut self) -> Self {
        self.is_all = true;
        self
    }
}

impl<T, K, A, Tr, E> WindowedStream<T, K, A, Tr, E>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
{
    /// When windows fire, in place of the assigner's own trigger.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let pairs = env
    ///     .from_sequence(1, 5)
    ///     .key_by(|_| ())
    ///     .window(GlobalWindows)
    ///     .trigger(PurgingTrigger::of(CountTrigger::of(2)))
    ///     .sum(|n| n);
    /// assert_eq!(pairs.execute_and_collect("pairs")?, [3, 7]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trigger<Tr2: Trigger<T, A::Window>>(self, trigger: Tr2) -> WindowedStream<T, K, A, Tr2, E> {
        let WindowedStream { stream, windowed, evictor, name, is_all } = self;
        WindowedStream { stream, windowed: windowed.trigger(trigger), evictor, name, is_all }
    }

    /// Takes records out of windows when they fire. Windows then keep all their records.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let last_two = env
    ///     .from_sequence(1, 4)
    ///     .key_by(|_| ())
    ///     .window(GlobalWindows)
    ///     .trigger(CountTrigger::of(1))
    ///     .evictor(CountEvictor::of(2))
    ///     .sum(|n| n);
    /// assert_eq!(last_two.execute_and_collect("sums")?, [1, 3, 5, 7]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn evictor<E2: Evictor<T, A::Window>>(self, evictor: E2) -> WindowedStream<T, K, A, Tr, Evicting<E2>> {
        let WindowedStream { stream, windowed, name, is_all, .. } = self;
        WindowedStream { stream, windowed, evictor: Evicting(evictor), name, is_all }
    }

    /// Keeps windows for so long after their end, to let late records in. Each of those fires its window again.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let by_time = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let sums = env
    ///     .from_elements([1i64, 12, 3])
    ///     .assign_timestamps_and_watermarks(by_time)
    ///     .key_by(|_| ())
    ///     .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .allowed_lateness(Duration::from_secs(60))
    ///     .sum(|n| n);
    /// assert_eq!(sums.execute_and_collect("sums")?.last(), Some(&12));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.windowed = self.windowed.allowed_lateness(lateness);
        self
    }

    /// Gives records that are too late to a side output. Otherwise they are dropped and counted in
    /// `numLateRecordsDropped`. An example is at [`DataStream::get_side_output`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use std::time::Duration;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let by_time = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n));
    /// let late = OutputTag::new("late");
    /// let sums = env
    ///     .from_sequence(1, 5)
    ///     .assign_timestamps_and_watermarks(by_time)
    ///     .key_by(|_| ())
    ///     .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
    ///     .side_output_late_data(&late)
    ///     .sum(|n| n);
    /// assert!(sums.get_side_output(&late).execute_and_collect("nothing is late")?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn side_output_late_data(mut self, tag: &OutputTag<T>) -> Self {
        self.windowed = self.windowed.side_output_late_data(tag);
        self
    }

    /// Adds the operator that `build` makes.
    pub(crate) fn build<U: Data>(self, build: impl FnOnce(E, Windowed<K, T, A, Tr>) -> Factory) -> DataStream<U> {
        let WindowedStream { stream, windowed, evictor, name, is_all } = self;
        let results = stream.checked_operator(&name, build(evictor, windowed), &[stream.outlets()]);
        if is_all && let Some(node) = results.operator_node() {
            let why = "windows over a stream without keys need all records in one place";
            settings::set_single(stream.env(), node, why);
        }
        results
    }
}
