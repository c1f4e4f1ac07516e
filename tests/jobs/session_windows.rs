//! Session windows, which merge: with one gap for all, and with a gap that each event brings.

use crate::jobs::events::{self, Event};
use flott::operators::window::EventTimeSessionWindows;
use flott::prelude::*;
use flott_sim::{Job, Rows, World};
use std::collections::BTreeMap;

pub const STATIC: Job = Job::new("session_windows", build_static, |world| expected(world, |_| GAP_MS));
pub const DYNAMIC: Job = Job::new("dynamic_sessions", build_dynamic, |world| expected(world, gap_ms));
const GAP_MS: i64 = 25;

fn gap_ms(event: &Event) -> i64 {
    5 + event.value.abs() % 40
}

/// Key, start, end, number of events, sum of values.
type Session = (u32, i64, i64, u64, i64);

fn session(key: &u32, window: TimeWindow, events: &[Event], out: &mut Collector<Session>) {
    let sum = events.iter().map(|event| event.value).sum();
    out.collect((*key, window.start.0, window.end.0, events.len() as u64, sum));
}

fn build_static(world: &World, env: &StreamExecutionEnvironment) {
    events::stream(world, env)
        .key_by(|event| event.key)
        .window(EventTimeSessionWindows::with_gap(Duration::from_millis(GAP_MS as u64)))
        .apply(session)
        .sink_to(world.ledger("sessions"));
}

fn build_dynamic(world: &World, env: &StreamExecutionEnvironment) {
    events::stream(world, env)
        .key_by(|event| event.key)
        .window(EventTimeSessionWindows::with_dynamic_gap(|event: &Event| Duration::from_millis(gap_ms(event) as u64)))
        .apply(session)
        .sink_to(world.ledger("sessions"));
}

fn expected(world: &World, gap_ms: fn(&Event) -> i64) -> Rows {
    let mut by_key: BTreeMap<u32, Vec<Event>> = BTreeMap::new();
    for event in events::all(world) {
        by_key.entry(event.key).or_default().push(event);
    }
    let mut rows = Rows::new();
    for (key, mut events) in by_key {
        events.sort_by_key(|event| event.time);
        let mut sessions: Vec<Session> = Vec::new();
        for event in &events {
            let end = event.time + gap_ms(event);
            match sessions.last_mut() {
                // Windows that overlap or touch are one.
                Some(last) if event.time <= last.2 => {
                    *last = (key, last.1, last.2.max(end), last.3 + 1, last.4 + event.value);
                }
                _ => sessions.push((key, event.time, end, 1, event.value)),
            }
        }
        rows.extend("sessions", sessions);
    }
    rows
}
