//! Checkpoints on a server that speaks S3, behind a proxy that refuses, hangs and loses answers.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "real processes and connections are what is tested"
)]

mod jobs;
mod proxy;
mod savepoints;
mod server;
mod storage;

use flott_core::Configuration;

/// Options with which `s3://` means the server at this port.
fn config(port: u16) -> Configuration {
    let mut config = Configuration::new();
    for (key, value) in settings(port) {
        config.set(key, value);
    }
    config
}

fn settings(port: u16) -> [(&'static str, String); 6] {
    [
        ("s3.endpoint", format!("http://127.0.0.1:{port}")),
        ("s3.access-key", "a-key".into()),
        ("s3.secret-key", "a-hidden-secret".into()),
        ("s3.endpoint.region", "us-east-1".into()),
        ("flott.checkpoint-storage.request-timeout", "2 s".into()),
        ("flott.checkpoint-storage.part-size", "5 mb".into()),
    ]
}
