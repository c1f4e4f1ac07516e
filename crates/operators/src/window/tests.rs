//! Tests of window operators, rule by rule. Rows are (key, number) with a time; results tell key, window and content.

mod assigning;
mod evicting;
mod functions;
mod joining;
mod lateness;
mod naive;
mod restoring;
mod sessions;
mod triggers;

use crate::harness::{Harness, by};
use crate::window::{Apply, Windowed};
use flott_api::OperatorFactory;
use flott_api::function::{Collector, ProcessWindowFunction, TimeWindow, Trigger, Window, WindowAssigner};
use flott_env::Env;
use std::time::Duration;

type Row = (String, u32);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Windows over rows by their key.
fn windowed<A: WindowAssigner<Row>>(assigner: A) -> Windowed<String, Row, A, A::DefaultTrigger> {
    Windowed::new(by(|row: &Row| row.0.clone()), assigner)
}

/// Gives `key [start, end) numbers` when a window fires.
fn tell<A, Tr>(windowed: Windowed<String, Row, A, Tr>) -> impl OperatorFactory
where
    A: WindowAssigner<Row, Window = TimeWindow>,
    Tr: Trigger<Row, TimeWindow>,
{
    windowed.process(telling(|window: TimeWindow| window.to_string()))
}

/// Gives `key numbers` when a window of any kind fires.
fn tell_numbers<A: WindowAssigner<Row>, Tr: Trigger<Row, A::Window>>(
    windowed: Windowed<String, Row, A, Tr>,
) -> impl OperatorFactory {
    windowed.process(telling(|_: A::Window| String::new()))
}

fn telling<W: Window>(
    name: impl Fn(W) -> String + Clone + Send + Sync + 'static,
) -> impl ProcessWindowFunction<Key = String, Window = W, In = Row, Out = String> {
    Apply::new(move |key: &String, window: W, rows: &[Row], out: &mut Collector<String>| {
        let numbers: Vec<String> = rows.iter().map(|row| row.1.to_string()).collect();
        let parts = [key.clone(), name(window), numbers.join("+")];
        out.collect(parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" "));
    })
}

fn rows(list: &[(&str, u32, i64)]) -> Vec<(Row, i64)> {
    list.iter().map(|(key, n, time)| (((*key).to_owned(), *n), *time)).collect()
}

fn simulate<F: Future<Output = ()>>(body: impl FnOnce(Env) -> F) {
    Env::run_simulation(7, body).unwrap();
}

impl Harness {
    /// Sends rows `(key, number, time)`.
    fn rows(&mut self, list: &[(&str, u32, i64)]) {
        self.process_timed(rows(list)).unwrap();
    }

    /// Moves event time on and returns what fired, sorted, for keys come in no particular order.
    fn fired(&mut self, watermark: i64) -> Vec<String> {
        self.watermark(watermark).unwrap();
        self.told()
    }

    /// What fired meanwhile, sorted.
    fn told(&mut self) -> Vec<String> {
        let mut told = self.take::<String>();
        told.sort();
        told
    }

    fn late(&self) -> u64 {
        self.cx.metrics.late_records_dropped.get()
    }
}
