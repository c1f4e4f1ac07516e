//! The keyed count on Arrow columns: four of them, of which a filter keeps half of the rows; an exchange by key over two
//! slots; a running count per key.
//!
//! What counts is the rows that the filter keeps. The bar is the typed count of `keycount_2`, which filters nothing. The
//! same job on typed rows of the same four fields is another peer.

use super::RECORDS_PER_CPU_SECOND;
use super::keycount::{self, KEYS};
use super::numbers::{environment, key};
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::report::{Bar, Line, median, throughput};
use arrow_array::{Array, BooleanArray, Int64Array, RecordBatch, UInt64Array};
use arrow_ord::cmp;
use arrow_schema::{DataType, Field, Schema};
use flott::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(crate) const CASE: Case = Case {
    name: "columns",
    about: "filter and running count on Arrow columns in two slots, per row kept; at least the typed count",
    measure,
    child,
};

/// Rows that the filter keeps.
const RECORDS: u64 = 100_000_000;
const SLOTS: u64 = 2;
const BATCH_ROWS: u64 = 4096;

#[derive(Clone, Serialize, Deserialize)]
struct Row {
    key: u64,
    status: u64,
    amount: i64,
    time: i64,
}

impl Row {
    fn new(n: u64) -> Self {
        Row { key: key(n, KEYS), status: n % 4, amount: (n % 1024) as i64, time: n as i64 }
    }
}

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let run = |engine| Run::new("columns", engine).with("records", bench.records(RECORDS));
    let [columns, count, rows] = bench.in_turns([run("columns"), run("count"), run("rows")])?;
    let ratio = median(columns.iter().zip(&count).map(|(a, b)| a.mega_per_cpu_second() / b.mega_per_cpu_second()));
    let value = throughput(&columns);
    Ok(Line::new(value, RECORDS_PER_CPU_SECOND, Bar::AtLeast(value / ratio))
        .with_peer("typed count", throughput(&count))
        .with_peer("typed rows", throughput(&rows)))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let kept = run.number("records")?;
    let env = environment(SLOTS)?;
    match run.engine.as_str() {
        "columns" => build_columns(&env, 2 * kept),
        "rows" => build_rows(&env, 2 * kept),
        _ => keycount::build(&env, kept),
    }
    let mut seen = 0;
    let sample = child::measure(|| {
        seen = env.execute("columns")?.operator_metric("Sink: Blackhole", "numRecordsIn");
        Ok(kept)
    })?;
    // Whole batches are made, so there may be a few more.
    if !(kept..kept + BATCH_ROWS).contains(&u64::try_from(seen)?) {
        return Err(format!("{seen} rows came out of the filter and not {kept}").into());
    }
    Ok(sample)
}

fn build_columns(env: &StreamExecutionEnvironment, rows: u64) {
    let fields = [
        ("key", DataType::UInt64),
        ("status", DataType::UInt64),
        ("amount", DataType::Int64),
        ("time", DataType::Int64),
    ];
    let fields: Vec<Field> = fields.into_iter().map(|(name, kind)| Field::new(name, kind, false)).collect();
    let schema = Arc::new(Schema::new(fields));
    let empty = RecordBatch::new_empty(schema.clone());
    let of_schema = schema.clone();
    let generate = move |batch: u64| {
        let numbers = || batch * BATCH_ROWS..(batch + 1) * BATCH_ROWS;
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(UInt64Array::from(numbers().map(|n| key(n, KEYS)).collect::<Vec<_>>())),
            Arc::new(UInt64Array::from(numbers().map(|n| n % 4).collect::<Vec<_>>())),
            Arc::new(Int64Array::from(numbers().map(|n| (n % 1024) as i64).collect::<Vec<_>>())),
            Arc::new(Int64Array::from(numbers().map(|n| n as i64).collect::<Vec<_>>())),
        ];
        // The columns are those of the schema.
        RecordBatch::try_new(of_schema.clone(), columns).unwrap_or_else(|_| empty.clone())
    };
    let limit = UInt64Array::new_scalar(2);
    env.datagen_columns(schema, generate, DataGenOptions::new().with_count(rows.div_ceil(BATCH_ROWS)))
        .try_filter(move |batch| cmp::lt(batch.column(1), &limit) as Result<BooleanArray, _>)
        .key_by(&["key"])
        .count()
        .blackhole();
}

fn build_rows(env: &StreamExecutionEnvironment, rows: u64) {
    env.datagen(Row::new, DataGenOptions::new().with_count(rows))
        .filter(|row| row.status < 2)
        .key_by(|row| row.key)
        .map_with_state(|row, count: &mut Option<u64>| {
            let count = count.get_or_insert(0);
            *count += 1;
            (row.key, *count)
        })
        .blackhole();
}
