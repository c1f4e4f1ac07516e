//! Tests of tables and manifests.

mod folder;
mod manifest;
mod random;
mod tables;
