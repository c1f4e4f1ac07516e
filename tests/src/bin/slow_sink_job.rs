//! A job that a test holds back: an endless source of large records, and a sink that waits for a line on standard input
//! before every few thousand of them.
//!
//! Each time it says what it has read, what it has written, and how many KiB of memory the process has, as in
//! `12800 10000 23108`. It ends when its standard input does.

#![expect(clippy::print_stdout, reason = "figures go to the test that watches")]

use flott::prelude::*;
use flott_tests::memory_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args("A job that a test holds back")?;
    let every = args.get_or("every", 1000)?;
    let (read, written) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
    let counted = read.clone();
    let record = move |n| {
        counted.fetch_add(1, Ordering::Relaxed);
        format!("{n:0>1000}")
    };
    let wait = move |_| -> Result<()> {
        let written = written.fetch_add(1, Ordering::Relaxed);
        if written % every == 0 {
            println!("{} {written} {}", read.load(Ordering::Relaxed), resident_kib()?);
            if std::io::stdin().read_line(&mut String::new()).map_err(|e| Error::io("standard input", e))? == 0 {
                return Err(Error::invalid("nobody watches"));
            }
        }
        Ok(())
    };
    // The sink has a thread of its own: waiting does not hold the source's thread.
    env.datagen(record, DataGenOptions::new()).rebalance().try_for_each(wait).slot_sharing_group("sink");
    env.execute("slow sink")?;
    Ok(())
}

/// Memory of this process that is in use, in KiB.
fn resident_kib() -> Result<u64> {
    memory_of("self", "VmRSS:").ok_or_else(|| Error::internal("/proc/self/status tells no VmRSS"))
}
