//! One stream becomes two: even numbers go on, odd ones go to a side output, and each has a file sink of its own.
//!
//! ```sh
//! cargo run --release -p flott --example odd_even
//! cargo run --release -p flott --example odd_even -- --to 1000000 --output numbers
//! ```

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example reads its result back and shows it")]

use flott::prelude::*;
use std::path::{Path, PathBuf};

const USAGE: &str = "\
Splits numbers into even and odd ones and writes each kind to a folder.

Options:
  --to N         the last number, 20 when not given
  --output DIR   where the folders `even` and `odd` are written; shown and removed when not given";

/// Hands even numbers on and gives odd ones to a side output.
#[derive(Clone)]
struct Split {
    odd: OutputTag<i64>,
}

impl ProcessFunction for Split {
    type In = i64;
    type Out = i64;

    fn process(&mut self, n: i64, cx: &mut ProcessContext<'_>, even: &mut Collector<i64>) -> Result<()> {
        if n % 2 == 0 {
            even.collect(n)
        } else {
            cx.output(&self.odd, n)
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;
    let output = match args.get("output") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir().join(format!("flott-odd-even-{}", std::process::id())),
    };

    // The tag names the side output and says of what type its records are.
    let odd = OutputTag::new("odd");
    let even = env.from_sequence(1, args.get_or("to", 20)?).process(Split { odd: odd.clone() });

    // Two sinks in one job. A file has its final name when all that is in it is final.
    even.write_text(output.join("even"));
    even.get_side_output(&odd).write_text(output.join("odd"));
    env.execute("odd and even")?;

    if args.has("output") {
        println!("written to {}", output.display());
        return Ok(());
    }
    for kind in ["even", "odd"] {
        let numbers: Vec<String> = numbers(&output.join(kind))?.iter().map(i64::to_string).collect();
        println!("{kind}: {}", numbers.join(" "));
    }
    std::fs::remove_dir_all(&output).map_err(|e| Error::io(output.display(), e))
}

/// The numbers in the files of a folder, sorted: each subtask has written files of its own.
fn numbers(folder: &Path) -> Result<Vec<i64>> {
    let mut numbers = Vec::new();
    for file in std::fs::read_dir(folder).map_err(|e| Error::io(folder.display(), e))? {
        let path = file.map_err(|e| Error::io(folder.display(), e))?.path();
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(path.display(), e))?;
        numbers.extend(text.lines().filter_map(|line| line.parse::<i64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
