//! **Flott**: Apache Flink, rebuilt in Rust. This crate is what a job depends on, and the one binary.
//!
//! ```
//! use flott::prelude::*;
//!
//! fn main() -> flott::Result<()> {
//!     let env = StreamExecutionEnvironment::get_execution_environment()?;
//!     let mut squares = env.from_sequence(1, 5).map(|n| n * n).execute_and_collect("squares")?;
//!     squares.sort();
//!     assert_eq!(squares, [1, 4, 9, 16, 25]);
//!     Ok(())
//! }
//! ```

mod allocator;
#[cfg(doctest)]
mod book;
pub mod cli;
mod local;
mod logging;
pub mod minicluster;
mod progress;
mod prometheus;
#[cfg(feature = "query")]
mod sql;
mod state_backends;

pub use cli::ParameterTool;
pub use flott_api as api;
pub use flott_connectors as connectors;
pub use flott_core as core;
pub use flott_core::{Configuration, Error, ErrorKind, Result};
pub use flott_datastream as datastream;
pub use flott_env as env;
pub use flott_formats as formats;
pub use flott_operators as operators;
pub use flott_savepoint as savepoint;
pub use flott_state as state;
pub use local::GetExecutionEnvironment;

/// Everything that a job usually needs: `use flott::prelude::*;`.
pub mod prelude {
    pub use crate::cli::ParameterTool;
    pub use crate::local::GetExecutionEnvironment;
    pub use flott_api::function::{
        Aggregation, AssignContext, AsyncFunction, AsyncRetryStrategy, BroadcastContext, BroadcastProcessFunction,
        CoProcessFunction, Collector, Elements, Evictor, GlobalWindow, JoinContext, KeyedBroadcastContext,
        KeyedBroadcastProcessFunction, KeyedCoProcessFunction, KeyedContext, KeyedOpenContext, KeyedProcessFunction,
        KeyedReadOnlyContext, OpenContext, OutputTag, ProcessAllWindowFunction, ProcessContext, ProcessFunction,
        ProcessJoinFunction, ProcessWindowFunction, ReadOnlyContext, ReduceFunction, TimeWindow, Timer, TimerService,
        Trigger, TriggerContext, TriggerResult, Window, WindowAssigner, WindowContext, WindowState,
    };
    pub use flott_api::metrics::{Counter, Gauge, Histogram, Meter};
    pub use flott_api::{JobStatus, WatermarkGenerator, WatermarkStrategy};
    pub use flott_core::{
        Configuration, Error, ErrorKind, EventTime, ProcessingTime, Result, SavepointFormat, Watermark,
    };
    pub use flott_datastream::*;
    pub use flott_state::{
        AggregateFunction, AggregatingState, BroadcastState, ListState, MapState, ReducingState, StateTtl, TtlUpdate,
        TtlVisibility, ValueState,
    };
    pub use std::time::Duration;
}
