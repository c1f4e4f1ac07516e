//! What Flink promises, line by line, where it takes a whole job to see it. What a machine or an operator can show alone is
//! tested there; `tests/FEATURES.md` says where each line is.

mod alignment;
mod batch;
mod batch_keys;
mod busy;
mod checkpoints;
mod damage;
mod ending;
mod failures;
mod hot_keys;
mod idleness;
mod lab;
mod metrics;
mod modes;
mod restoring;
mod sources;
mod streams;
mod time;
mod unaligned;
mod uploads;
