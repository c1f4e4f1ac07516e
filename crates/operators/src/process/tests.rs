//! Tests of process functions without a key.

use super::*;
use crate::harness::{Harness, Setup};
use flott_api::function::{Opened, OutputTag};
use flott_state::{OperatorListState, Redistribution};

/// Even numbers pass, odd ones go to the side as text, 0 fails; counts what it has seen in operator state.
#[derive(Clone, Default)]
struct Split {
    seen: Opened<OperatorListState<u64>>,
}

impl ProcessFunction for Split {
    type In = u64;
    type Out = u64;

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.seen = cx.operator_state().list("seen", Redistribution::Split)?.into();
        Ok(())
    }

    fn process(&mut self, value: u64, cx: &mut ProcessContext<'_>, out: &mut Collector<u64>) -> Result<()> {
        if value == 0 {
            return Err(flott_core::Error::data("no zeros"));
        }
        self.seen.add(cx.operator_state(), value);
        cx.counter("seen").increment();
        if value.is_multiple_of(2) {
            out.collect(value);
        } else {
            cx.output(&OutputTag::new("odd"), value.to_string());
            cx.output(&OutputTag::new("odd"), value);
        }
        Ok(())
    }

    fn finish(&mut self, cx: &mut ProcessContext<'_>, out: &mut Collector<u64>) -> Result<()> {
        out.collect(self.seen.get(cx.operator_state()).len() as u64);
        Ok(())
    }
}

#[test]
fn side_outputs_go_by_name_and_type() {
    let mut h = Harness::new(Process::new(Split::default()));
    h.process_timed(vec![(1u64, 10), (2, 20), (3, 30)]).unwrap();
    let mut texts = Vec::new();
    let mut numbers = Vec::new();
    for out in h.take_all() {
        match out {
            crate::harness::Out::Side(tag, batch) => {
                assert_eq!(tag, "odd");
                match batch.clone().into_rows::<u64>() {
                    Ok((rows, times)) => numbers.push((rows, times.unwrap()[0].0)),
                    Err(_) => texts.extend(batch.into_rows::<String>().unwrap().0),
                }
            }
            crate::harness::Out::Rows(batch) => assert_eq!(batch.into_rows::<u64>().unwrap().0, [2]),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts, ["1", "3"]);
    assert_eq!(numbers, [(vec![1, 3], 10)]);
}

#[test]
fn operator_state_is_dealt_out_when_the_parallelism_changes() {
    let factory = Process::new(Split::default());
    let mut h = Harness::with(&factory, Setup::default()).unwrap();
    h.process(vec![1u64, 2, 3, 4, 5]).unwrap();
    let snapshot = h.snapshot();
    let counts: Vec<u64> = (0..2)
        .map(|subtask| {
            let setup = Setup { subtask, parallelism: 2, restore: vec![snapshot.clone()], ..Setup::default() };
            let mut h = Harness::with(&factory, setup).unwrap();
            h.finish().unwrap();
            h.take::<u64>()[0]
        })
        .collect();
    assert_eq!(counts, [3, 2]);
}

#[test]
fn an_error_names_the_record() {
    let mut h = Harness::new(Process::new(Split::default()));
    h.process(vec![1u64, 2]).unwrap();
    let error = h.process(vec![3u64, 0, 4]).unwrap_err();
    assert_eq!(error.to_string(), "no zeros (in record 4 of its input)");
    assert_eq!(h.cx.metrics.counter("seen").get(), 3);
}
