//! Windows: finite parts of a keyed stream.
//!
//! An *assigner* says which windows a record is in, *contents* what is kept of it there, a *trigger* when a window
//! fires, an *evictor* what is taken out before, and a *function* what it says. [`Windowed`] puts them together.
//! Semantics are those of Flink's `WindowOperator` and `EvictingWindowOperator`.

mod apply;
mod assigned;
mod assigners;
mod builder;
mod contents;
mod core;
mod evictors;
mod firing;
mod join;
mod merging;
mod operator;
mod pane;
mod results;
mod triggers;

pub use apply::{Apply, ApplyFunction, CoGroupFunction};
pub use assigners::{
    EventTimeSessionWindows, GlobalWindows, ProcessingTimeSessionWindows, SessionGap, SlidingEventTimeWindows,
    SlidingProcessingTimeWindows, StaticGap, TumblingEventTimeWindows, TumblingProcessingTimeWindows, WindowStagger,
};
pub use builder::{EvictingWindowed, Windowed};
pub use contents::WindowContents;
pub use evictors::{CountEvictor, DeltaEvictor, TimeEvictor};
pub use join::{JoinWindowed, Tagged};
pub use operator::WindowFactory;
pub use results::WindowResults;
pub use triggers::{
    ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountTrigger, DeltaTrigger, EventTimeTrigger,
    NeverTrigger, ProcessingTimeTrigger, ProcessingTimeoutTrigger, PurgingTrigger,
};

#[cfg(test)]
mod tests;
