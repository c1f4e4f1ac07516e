//! Tests of tables and manifests.

mod manifest;
mod random;
mod tables;
