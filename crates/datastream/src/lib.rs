//! The typed builder of stream graphs: Flink's DataStream API in Rust.

pub mod executor;
