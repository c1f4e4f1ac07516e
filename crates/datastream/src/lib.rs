//! The typed builder of stream graphs: Flink's DataStream API in Rust.
//!
//! ```text
//! StreamExecutionEnvironment   settings, sources, execute           environment.rs, sources.rs, file_stream.rs
//!   -> DataStream<T>             map, filter, process, union, ...     stream.rs, settings.rs, partitioning.rs
//!        -> KeyedStream<T, K>      reduce, process, interval_join, ...  keyed.rs, keyed_state.rs, interval_join.rs
//!             -> WindowedStream      reduce, aggregate, process, ...      windowed.rs, window_functions.rs, windows.rs
//!        -> ConnectedStreams       co-map, broadcast state              connected.rs, broadcast.rs
//!        -> JoinedStreams          window join, co-group                join.rs
//!        -> ColumnStream           Arrow columns                        columns.rs
//!   -> DataStreamSink            print, write_text, sink_to, ...      sinks.rs, file_stream_sink.rs, collect.rs
//! ```
//!
//! Every call adds a node to a draft (`draft.rs`); `execute` turns the draft into a job (`execution.rs`) and hands it
//! to a [`executor::JobExecutor`]. Nothing runs in this crate. Calls do not fail: mistakes are collected, and `execute`
//! returns all of them as one error.

mod asynchronous;
mod broadcast;
mod client;
mod collect;
mod columns;
pub mod connected;
mod draft;
mod environment;
pub mod eviction;
mod execution;
pub mod executor;
mod file_stream;
mod file_stream_sink;
mod interval_join;
pub mod join;
mod keyed;
mod keyed_state;
mod partitioning;
mod queries;
mod settings;
mod sinks;
mod sources;
mod stream;
mod window_functions;
mod windowed;
mod windows;

pub use asynchronous::{AsyncClosure, AsyncStream, async_function};
pub use broadcast::{BroadcastConnectedStream, BroadcastStream, KeyedBroadcastConnectedStream};
pub use client::{JobClient, JobExecutionResult};
pub use collect::ResultIterator;
pub use columns::{ColumnStream, KeyedColumnStream};
pub use connected::{ConnectedStreams, KeyedConnectedStreams};
pub use environment::StreamExecutionEnvironment;
pub use execution::RuntimeExecutionMode;
pub use file_stream::FileStream;
pub use file_stream_sink::FileStreamSink;
pub use interval_join::{IntervalJoin, IntervalJoined};
pub use join::{JoinedStreams, WindowedJoin};
pub use keyed::KeyedStream;
pub use queries::StateOf;
pub use sinks::DataStreamSink;
pub use sources::DataGenOptions;
pub use stream::DataStream;
pub use windowed::{AllWindowedStream, WindowedStream};

// Words of other crates that calls of this one take.
pub use flott_api::format::{BadRecord, OnError};
pub use flott_api::function::Opened;
pub use flott_connectors::datagen::RateLimiterStrategy;
pub use flott_connectors::file_sink::{BucketAssigner, BucketContext, DateTimeBucketAssigner, RollingPolicy};
pub use flott_operators::window::{
    ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountEvictor, CountTrigger, DeltaEvictor,
    DeltaTrigger, EventTimeSessionWindows, EventTimeTrigger, GlobalWindows, NeverTrigger, ProcessingTimeSessionWindows,
    ProcessingTimeTrigger, ProcessingTimeoutTrigger, PurgingTrigger, SlidingEventTimeWindows,
    SlidingProcessingTimeWindows, Tagged, TimeEvictor, TumblingEventTimeWindows, TumblingProcessingTimeWindows,
    WindowStagger,
};
pub use flott_state::StateAccess;

/// The name of a type without its path and its parameters.
fn short_type_name<T>() -> String {
    let name = std::any::type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests;
