//! What users write: the traits of functions that operators run, what those functions are given, and where their
//! results go.
//!
//! Functions without memory are closures. All others are structs that implement one of the traits here: `Clone`, so
//! that each subtask gets its own; opened once, when they register their state; then called with one value at a
//! time. Names are Flink's.

pub mod aggregations;
pub mod asynchronous;
pub mod broadcast;
pub mod co_process;
pub mod collector;
pub mod context;
pub mod join;
pub mod keyed;
pub mod open;
pub mod position;
pub mod process;
pub mod side;
pub mod window;

pub use aggregations::{Aggregation, ReduceFunction};
pub use asynchronous::{AsyncFunction, AsyncRetryStrategy};
pub use broadcast::{
    BroadcastContext, BroadcastProcessFunction, KeyedBroadcastContext, KeyedBroadcastProcessFunction,
    KeyedReadOnlyContext, ReadOnlyContext,
};
pub use co_process::{CoProcessFunction, KeyedCoProcessFunction};
pub use collector::Collector;
pub use context::ProcessContext;
pub use join::{JoinContext, ProcessJoinFunction};
pub use keyed::{KeyedContext, KeyedProcessFunction, TimerIds, TimerService};
pub use open::{KeyedOpenContext, OpenContext, Opened};
pub use process::ProcessFunction;
pub use side::{OutputTag, SideOutputs};
pub use window::{
    AllWindows, AssignContext, Elements, EvictTimes, Evictor, GlobalWindow, ProcessAllWindowFunction,
    ProcessWindowFunction, TimeWindow, TimerRequest, Trigger, TriggerContext, TriggerResult, Window, WindowAssigner,
    WindowContext, WindowState, WindowTimers,
};

pub use flott_state::AggregateFunction;

use flott_core::{EventTime, ProcessingTime};

/// A timer that fires, with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The watermark has reached this time.
    EventTime(EventTime),
    /// The clock has reached this time.
    ProcessingTime(ProcessingTime),
}

impl Timer {
    /// The time for which the timer was registered, in milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        match self {
            Timer::EventTime(time) => time.0,
            Timer::ProcessingTime(time) => time.0,
        }
    }
}
