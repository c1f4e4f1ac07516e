//! Tests of keyed broadcast functions.

use super::*;
use crate::harness::{Harness, by};
use flott_api::function::{Opened, Timer};
use flott_state::{BroadcastState, ValueState};

type Amount = (String, u64);

/// Sums up amounts per key; tells of a sum over the limit. A new limit of 0 halves all sums.
#[derive(Clone, Default)]
struct Limits {
    limit: Opened<BroadcastState<u8, u64>>,
    sum: ValueState<u64>,
}

impl KeyedBroadcastProcessFunction for Limits {
    type Key = String;
    type In = Amount;
    type Broadcast = u64;
    type Out = String;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, String>) -> Result<()> {
        self.limit = cx.operator_state().broadcast("limit")?.into();
        self.sum = ValueState::register(cx.keyed_state(), "sum", None)?;
        Ok(())
    }

    fn process(
        &mut self,
        amount: Amount,
        cx: &mut KeyedReadOnlyContext<'_, String>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        let limit = self.limit.get(cx.broadcast_state(), &0).copied().unwrap_or(u64::MAX);
        let sum = self.sum.update(
            cx,
            || 0,
            |sum| {
                *sum += amount.1;
                *sum
            },
        )?;
        if sum > limit {
            out.collect(format!("{} {sum} > {limit}", cx.current_key()?));
        }
        let end = cx.timestamp().unwrap().saturating_add(100);
        cx.timer_service().register_event_time_timer(end)
    }

    fn process_broadcast(
        &mut self,
        limit: u64,
        cx: &mut KeyedBroadcastContext<'_, String>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        if limit == 0 {
            let sum = &self.sum;
            let mut seen = Vec::new();
            cx.apply_to_keyed_state(
                |state| sum.keys(state),
                |key, state| {
                    seen.push(key.clone());
                    sum.update(state, || 0, |sum| *sum /= 2)
                },
            )?;
            seen.sort();
            out.collect(format!("halved {}", seen.concat()));
        } else {
            self.limit.put(cx.broadcast_state(), 0, limit);
        }
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: Timer,
        cx: &mut KeyedReadOnlyContext<'_, String>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        let sum = self.sum.get(cx)?.copied();
        let limit = self.limit.get(cx.broadcast_state(), &0);
        out.collect(format!("{} ends with {sum:?} of {limit:?}", cx.current_key()?));
        Ok(())
    }
}

fn amounts(list: &[(&str, u64)]) -> Vec<(Amount, i64)> {
    list.iter().map(|(key, n)| (((*key).to_owned(), *n), 5)).collect()
}

fn limits() -> KeyedBroadcast<Limits> {
    KeyedBroadcast::new(by(|amount: &Amount| amount.0.clone()), Limits::default())
}

#[test]
fn records_read_broadcast_state_and_broadcast_records_reach_all_keys() {
    let mut h = Harness::new(limits());
    h.process_on(0, amounts(&[("a", 10), ("b", 20)])).unwrap();
    h.process_on(1, vec![(15u64, 0)]).unwrap();
    h.process_on(0, amounts(&[("a", 4), ("b", 1)])).unwrap();
    h.process_on(1, vec![(0u64, 0)]).unwrap();
    h.process_on(0, amounts(&[("b", 6)])).unwrap();
    assert_eq!(h.take::<String>(), ["b 21 > 15", "halved ab", "b 16 > 15"]);
    h.watermark(105).unwrap();
    assert_eq!(h.take::<String>(), ["a ends with Some(7) of Some(15)", "b ends with Some(16) of Some(15)"]);
}
