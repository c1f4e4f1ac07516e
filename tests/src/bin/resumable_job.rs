//! A job that tests kill and start again: files and generated records in, exactly-once files out.
//!
//! ```text
//! resumable-job --in DIR --out DIR --count N --rate N --name NAME --other true [Flott's own options]
//! ```
//!
//! A line `progress N` on standard output every hundred records, and `done` at the end, tell the test how far it is.
//! With `--other` its operators have other uids, which makes it another job.

#![expect(clippy::print_stdout, reason = "progress goes to the test that watches")]

use flott::prelude::*;
use flott_tests::{generated, key_of};

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args("A job that tests kill and start again")?;
    let (input, output) = (args.get_required("in")?, args.get_required("out")?);
    let uid = |name: &str| if args.has("other") { format!("other {name}") } else { name.to_owned() };
    let options = DataGenOptions::new().with_count(args.get_or("count", 1000)?);
    let options = match args.get_or("rate", 0.0)? {
        0.0 => options,
        rate => options.with_rate_per_second(rate),
    };
    let generator = env.datagen(generated, options).uid(&uid("generated"));
    let lines = (*env.read_text(input)).clone().uid(&uid("lines"));
    let mut seen = 0u64;
    let records = lines.union([&generator]).map(move |record: String| {
        seen += 1;
        if seen % 100 == 1 {
            println!("progress {seen}");
        }
        record
    });
    let rolling = RollingPolicy::default().with_part_bytes(20_000);
    records.write_text(format!("{output}/records")).with_rolling_policy(rolling).uid(&uid("records"));

    // A count per key, which shows a record that is lost or counted twice in every count after it.
    let counts = records
        .key_by(|record: &String| key_of(record))
        .map_with_state(|record: String, count: &mut Option<u64>| {
            let count = count.insert(count.unwrap_or(0) + 1);
            format!("{} {count}", key_of(&record))
        })
        .uid(&uid("count"));
    counts.write_text(format!("{output}/counts")).with_rolling_policy(rolling).uid(&uid("counts"));
    env.execute(args.get("name").unwrap_or("resumable job"))?;
    println!("done");
    Ok(())
}
