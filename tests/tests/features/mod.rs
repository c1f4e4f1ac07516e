//! What Flink promises, line by line, where it takes a whole job to see it. What a machine or an operator can show alone is
//! tested there; `tests/README.md` says where each line is.

mod batch;
mod batch_keys;
mod checkpoints;
mod ending;
mod metrics;
mod modes;
mod sources;
mod time;
