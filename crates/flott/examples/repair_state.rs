//! State is made without a job: a savepoint from a CSV file. Then a value that is wrong is put right, in another
//! savepoint, and what that holds is printed.
//!
//! ```sh
//! cargo run --release -p flott --example repair_state
//! cargo run --release -p flott --example repair_state -- --balances balances.csv --output savepoints
//! ```
//!
//! A job whose operator has the uid `accounts` and a value state `balance` of this type starts from such a savepoint.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example reads a file and shows a result")]

use flott::prelude::*;
use flott::savepoint::{Savepoint, SavepointWriter};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

const USAGE: &str = "\
Makes a savepoint from balances, and another one in which no balance is negative.

Options:
  --balances FILE   lines of account,cents; an example when not given
  --output DIR      where the savepoints `before` and `after` are written; removed when not given";

const BALANCES: &str = "\
ada,1200
bob,-350
eve,80
";

/// What the job remembers of an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Balance {
    cents: i64,
    /// Whether somebody has to look at it.
    #[serde(default)]
    suspicious: bool,
}

fn main() -> Result<()> {
    let args = ParameterTool::from_args(std::env::args().skip(1))?;
    if args.has("help") {
        println!("{USAGE}");
        return Ok(());
    }
    let text = match args.get("balances") {
        Some(file) => std::fs::read_to_string(file).map_err(|e| Error::io(file, e))?,
        None => BALANCES.to_owned(),
    };
    let output = match args.get("output") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir().join(format!("flott-repair-state-{}", std::process::id())),
    };
    let [before, after] = ["before", "after"].map(|name| output.join(name).display().to_string());
    let config = Configuration::new();

    // Lines may fail, and the first that does ends it. They need not be in any order.
    let balances = text.lines().zip(1..).map(|(line, number)| {
        let wrong = || Error::data(format!("line {number} is not account,cents: `{line}`"));
        let (account, cents) = line.split_once(',').ok_or_else(wrong)?;
        let cents = cents.trim().parse().map_err(|_| wrong())?;
        Ok((account.to_owned(), Balance { cents, suspicious: false }))
    });
    let mut writer = SavepointWriter::create(&before, &config, "bank")?;
    writer.add_operator("accounts", flott::core::MaxParallelism::new(128)?)?.value("balance", balances)?;
    let savepoint = writer.finish()?;

    // A savepoint is never changed: what is changed goes into another one, with all that is not.
    let mut writer = SavepointWriter::from_existing(&savepoint, &after, &config)?;
    writer.operator("accounts")?.update_values("balance", |_: &String, balance: Balance| {
        Ok(Some(Balance { cents: balance.cents.max(0), suspicious: balance.cents < 0 }))
    })?;
    writer.finish()?;

    let savepoint = Savepoint::open(&after, &config)?;
    let rows = savepoint.operator("accounts")?.values::<String, Balance>("balance")?;
    let mut rows = rows.collect::<Result<Vec<_>>>()?;
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    for (account, Balance { cents, suspicious }) in rows {
        println!("{account:<5} {cents:>6}{}", if suspicious { "  to be looked at" } else { "" });
    }
    if args.has("output") {
        println!("written to {}", output.display());
        return Ok(());
    }
    std::fs::remove_dir_all(&output).map_err(|e| Error::io(output.display(), e))
}
