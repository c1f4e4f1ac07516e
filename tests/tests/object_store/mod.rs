//! Checkpoints on servers that speak the protocols of S3, Google Cloud Storage and Azure Blob Storage, behind a proxy that
//! refuses, hangs and loses answers.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "real processes and connections are what is tested"
)]

mod jobs;
mod kind;
mod proxy;
mod savepoints;
mod server;
mod storage;

use flott_core::Configuration;
use kind::Kind;

/// Options with which `s3://` means the server at this port.
fn config(port: u16) -> Configuration {
    Kind::S3.config(port)
}
