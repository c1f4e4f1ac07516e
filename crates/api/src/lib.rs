//! The contract for plug-ins: one trait per file.
//!
//! The same shape everywhere: a description (shared, immutable), which makes a worker (owned, one per subtask).
//! Typed traits are what people implement; the `Any...` traits are the same without types, which the runtime holds.
//! A blanket adapter leads from one to the other, so nobody writes the untyped form by hand.

pub mod context;
pub mod control;
pub mod format;
pub mod function;
pub mod key_selector;
pub mod metrics;
pub mod operator;
pub mod partitioner;
pub mod sink;
pub mod source;
pub mod status;
pub mod watermark;

pub use context::{OperatorContext, RuntimeMode, TaskInfo};
pub use key_selector::KeySelector;
pub use operator::{Operator, OperatorFactory, Output, Progress, Readiness};
pub use partitioner::{Partitioning, Router};
pub use sink::{AnySink, Committer, Sink, SinkWriter};
pub use source::{
    AnySource, Boundedness, Discovery, ReaderEvent, Source, SourceReader, Split, SplitAssigner, SplitEnumerator,
};
pub use status::JobStatus;
pub use watermark::{WatermarkGenerator, WatermarkStrategy};
