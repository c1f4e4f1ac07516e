//! A job whose state is as large as a test wants: numbers in, a piece of text for each key, and a line for each number out.
//!
//! ```text
//! large-state-job --out DIR --keys N --rounds N --value-bytes N [--rate N] [--wide true] [Flott's own options]
//! ```
//!
//! Every key comes once a round, in another order each time. Its state is how often it has come, and `value-bytes` bytes
//! of text, which are checked. With `--wide` the text is in the records too. A line out is `KEY COUNT`. `progress N` on standard output every thousand records and
//! `done KIB` at the end tell the test how far it is, and how much memory the process has had at most.

#![expect(clippy::print_stdout, reason = "progress goes to the test that watches")]

use flott::prelude::*;
use flott_tests::large::{key_in_round, text_of};
use flott_tests::memory_of;

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args("A job whose state is as large as a test wants")?;
    let output = args.get_required("out")?;
    let (keys, rounds): (u64, u64) = (args.get_or("keys", 1000)?, args.get_or("rounds", 2)?);
    let bytes: usize = args.get_or("value-bytes", 1000)?;
    let options = DataGenOptions::new().with_count(keys * rounds);
    let options = match args.get_or("rate", 0.0)? {
        0.0 => options,
        rate => options.with_rate_per_second(rate),
    };
    let is_wide = args.has("wide");
    let mut seen = 0u64;
    let numbers = env.datagen(move |n| key_in_round(n, keys), options).uid("numbers").map(move |key: u64| {
        seen += 1;
        if seen.is_multiple_of(1000) {
            println!("progress {seen}");
        }
        (key, if is_wide { text_of(key, bytes) } else { String::new() })
    });
    let counts = numbers
        .key_by(|record: &(u64, String)| record.0)
        .map_with_state(move |(key, _): (u64, String), state: &mut Option<(u64, String)>| {
            let (count, text) = state.get_or_insert_with(|| (0, text_of(key, bytes)));
            *count += 1;
            let is_right = *text == text_of(key, bytes);
            format!("{key} {}", if is_right { count.to_string() } else { "wrong".to_owned() })
        })
        .name("large state")
        .uid("counts");
    let rolling = RollingPolicy::default().with_part_bytes(1_000_000);
    counts.write_text(output).with_rolling_policy(rolling).uid("lines");
    env.execute("large state job")?;
    println!("done {}", memory_of("self", "VmHWM:").unwrap_or(0));
    Ok(())
}
