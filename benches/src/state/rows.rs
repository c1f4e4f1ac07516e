//! Batches of keys that are rows, as SQL has them, in a table on the heap: a count and a sum for each key are read and
//! written as the bytes of a row. The peer has the same keys and values as types of Rust.

use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::engine::RECORDS_PER_CPU_SECOND;
use crate::engine::numbers::mix;
use crate::report::{Bar, Line, throughput};
use flott_core::{KeyHash, MaxParallelism};
use flott_state::{BinaryRow, KeyRows, KeySlot, KeyedState, ValueState};

pub(crate) const CASE: Case = Case {
    name: "rows",
    about: "count by rows of one number, 2 M keys on the heap; at least half of what the same with types of Rust does",
    measure,
    child,
};

const KEYS: u64 = 2_000_000;
const RECORDS: u64 = 40_000_000;
const BATCH: u64 = 1024;
const BAR: f64 = 0.5;
/// A number as a row: not absent, then its bytes with the sign flipped.
const ROW_BYTES: usize = 9;

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let run =
        |engine| Run::new(CASE.name, engine).with("keys", bench.records(KEYS)).with("records", bench.records(RECORDS));
    let [rows, typed] = bench.in_turns([run("rows"), run("typed")])?;
    let bar = BAR * throughput(&typed);
    Ok(Line::new(throughput(&rows), RECORDS_PER_CPU_SECOND, Bar::AtLeast(bar)).with_peer("typed", throughput(&typed)))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let (keys, records) = (run.number("keys")?, run.number("records")?);
    if run.engine == "rows" { rows(keys, records) } else { typed(keys, records) }
}

fn row(number: i64) -> [u8; ROW_BYTES] {
    let mut row = [1; ROW_BYTES];
    row[1..].copy_from_slice(&(number ^ i64::MIN).to_be_bytes());
    row
}

fn number(row: &[u8]) -> i64 {
    row.get(1..).and_then(|bytes| bytes.try_into().ok()).map_or(0, |bytes| i64::from_be_bytes(bytes) ^ i64::MIN)
}

fn rows(keys: u64, records: u64) -> Result<Sample, Failure> {
    let max = MaxParallelism::new(128)?;
    let mut state = KeyedState::<BinaryRow>::new(max, max.all());
    let count = ValueState::<BinaryRow>::register(&mut state, "count", None)?;
    let (mut batch, mut encoded) = (KeyRows::new(), Vec::new());
    let mut work = |from: u64, to: u64| -> Result<(), Failure> {
        for start in (from..to).step_by(BATCH as usize) {
            encoded.clear();
            encoded.extend((start..to.min(start + BATCH)).map(|n| row((mix(n) % keys).cast_signed())));
            batch.fill(&state, encoded.iter().map(|row| (KeyHash::of_bytes(row), &row[..])));
            count.update_all(&mut state, batch.keys(), batch.slots(), |_, mut entry| {
                let counted = entry.get()?.map_or(0, |row| number(row.bytes()));
                entry.update(BinaryRow::default, |value| value.set(&row(counted + 1)))
            })?;
        }
        Ok(())
    };
    work(0, 2 * keys)?;
    child::measure(|| {
        work(2 * keys, 2 * keys + records)?;
        Ok(records)
    })
}

fn typed(keys: u64, records: u64) -> Result<Sample, Failure> {
    let max = MaxParallelism::new(128)?;
    let mut state = KeyedState::<i64>::new(max, max.all());
    let count = state.register::<(), i64>("count")?;
    let (mut batch, mut slots): (Vec<i64>, Vec<KeySlot>) = (Vec::new(), Vec::new());
    let mut work = |from: u64, to: u64| -> Result<(), Failure> {
        for start in (from..to).step_by(BATCH as usize) {
            batch.clear();
            slots.clear();
            batch.extend((start..to.min(start + BATCH)).map(|n| (mix(n) % keys).cast_signed()));
            slots.extend(batch.iter().map(|key| state.slot(key)));
            state.table(count).update_all(
                &batch,
                &slots,
                &(),
                || 0,
                |counted| {
                    *counted += 1;
                    Ok(true)
                },
            )?;
        }
        Ok(())
    };
    work(0, 2 * keys)?;
    child::measure(|| {
        work(2 * keys, 2 * keys + records)?;
        Ok(records)
    })
}
