//! Tests of the whole product: see `tests/README.md`. The tests are in `tests/tests`; here is what they share with the
//! programs that they start.

pub mod fixture;
pub mod large;

/// A figure of the memory of a process, in KiB: `VmRSS:` is what it has, `VmHWM:` the most that it has had.
#[expect(clippy::disallowed_methods, reason = "the system says how much memory a process has")]
pub fn memory_of(process: &str, figure: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

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
