//! Tests of the whole product, in one binary: see `tests/README.md` for what stands where.

#![cfg(test)]

#[path = "../jobs/mod.rs"]
mod jobs;

mod backpressure;
mod bad_input;
mod features;
mod fixtures;
mod large_heap;
mod memory;
mod object_store;
mod process;
mod queries;
mod recovery;
mod savepoints;
mod simulated;
mod state_processor;
mod threads;
