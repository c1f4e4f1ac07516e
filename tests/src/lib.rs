//! Tests of the whole product: see `tests/README.md`. The tests are in `tests/tests`; here is what they share with the
//! programs that they start.

pub mod fixture;
pub mod large;

/// Keys of the resumable job.
pub const KEYS: u64 = 40;

/// The n-th record that the resumable job generates.
pub fn generated(n: u64) -> String {
    format!("generated {n} {}", "-".repeat(n as usize % 50))
}

/// The key of a record of the resumable job.
pub fn key_of(record: &str) -> u64 {
    record.bytes().fold(7, |sum: u64, byte| sum * 31 % 1_000_003 + u64::from(byte)) % KEYS
}
