//! Tests of tables and manifests, and of reading and writing whole savepoints.

mod folder;
mod manifest;
mod processor;
#[cfg(feature = "query")]
mod query;
mod random;
mod rows;
mod tables;
