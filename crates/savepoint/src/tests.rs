//! Tests of tables and manifests.

mod folder;
mod manifest;
#[cfg(feature = "query")]
mod query;
mod random;
mod tables;
