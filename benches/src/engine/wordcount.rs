//! Running count per word of real text. The peer is what one would write by hand: a loop over the lines of the file and
//! a hash map, on one thread, with final counts only.

use super::RECORDS_PER_CPU_SECOND;
use super::numbers::environment;
use super::text;
use crate::bench::{Bench, Case, Failure};
use crate::child::{self, Run, Sample};
use crate::report::{Bar, Line, median, throughput};
use flott::prelude::*;
use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};

pub(crate) const CASE: Case = Case {
    name: "wordcount",
    about: "running count per word of real text; at least 0.5 x a plain program with a hash map",
    measure,
    child,
};

const BAR_RATIO: f64 = 0.5;
const TEXT_BYTES: u64 = 256 << 20;

fn measure(bench: &Bench) -> Result<Line, Failure> {
    let path = match &bench.text {
        Some(path) => path.clone(),
        None => text::make(bench.records(TEXT_BYTES))?,
    };
    let path = path.to_str().ok_or("the text's path is not UTF-8")?;
    let run = |engine| Run::new("wordcount", engine).with("text", path);
    let [flott, plain] = bench.in_turns([run("flott"), run("plain")])?;
    let flink = bench.flink("wordcount", 1, Some(path), |_| run("flott"))?;
    let ratio = median(flott.iter().zip(&plain).map(|(a, b)| a.mega_per_cpu_second() / b.mega_per_cpu_second()));
    let value = throughput(&flott);
    Ok(Line::new(value, RECORDS_PER_CPU_SECOND, Bar::AtLeast(BAR_RATIO * value / ratio))
        .with_peer("plain", throughput(&plain))
        .with_peer_if("flink", flink))
}

fn child(run: &Run) -> Result<Sample, Failure> {
    let path = run.text("text")?;
    if run.engine == "plain" {
        return child::measure(|| plain(path));
    }
    let env = environment(1)?;
    env.read_text(path)
        .flat_map(|line: String, out: &mut Collector<String>| {
            words(&line).for_each(|word| out.collect(word.to_owned()))
        })
        .name("words")
        .key_by_ref(|word| word)
        .map_with_state(|word, count: &mut Option<u64>| {
            let count = count.get_or_insert(0);
            *count += 1;
            (word, *count)
        })
        .blackhole();
    child::measure(|| {
        let result = env.execute("wordcount")?;
        Ok(u64::try_from(result.operator_metric("words", "numRecordsOut"))?)
    })
}

fn plain(path: &str) -> Result<u64, Failure> {
    let mut text = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut counts: HashMap<String, u64> = HashMap::new();
    let (mut line, mut all) = (String::new(), 0);
    while text.read_line(&mut line)? > 0 {
        for word in words(line.trim_end_matches('\n')) {
            all += 1;
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.to_owned(), 1)),
            }
        }
        line.clear();
    }
    black_box(&counts);
    Ok(all)
}

/// What spaces and tabs separate.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '\t']).filter(|word| !word.is_empty())
}
