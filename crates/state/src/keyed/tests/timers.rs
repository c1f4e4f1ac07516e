//! Timers: unique, in order of time, part of snapshots.

use super::*;

fn pop_all(state: &mut KeyedState<u32>, id: TimersId<u32>, up_to: i64) -> Vec<(i64, u32, u32)> {
    let mut popped = Vec::new();
    while let Some((time, namespace)) = state.pop_timer(id, up_to).unwrap() {
        popped.push((time, *state.key().unwrap(), namespace));
    }
    popped
}

#[test]
fn timers_fire_once_in_order_of_time_up_to_and_including_the_watermark() {
    let mut state = single::<u32>();
    let id = state.register_timers::<u32>(TimerKind::EventTime, "user").unwrap();
    for (key, time) in [(1, 30), (2, 10), (3, 20), (1, 10)] {
        state.set_key(&key);
        assert!(state.register_timer(id, &0, time).unwrap());
        assert!(!state.register_timer(id, &0, time).unwrap(), "the same timer twice is one");
    }
    let mut popped = pop_all(&mut state, id, 20);
    popped[..2].sort();
    assert_eq!(popped, [(10, 1, 0), (10, 2, 0), (20, 3, 0)]);
    assert_eq!(pop_all(&mut state, id, 29), []);
    assert_eq!(pop_all(&mut state, id, 30), [(30, 1, 0)]);
}

#[test]
fn a_timer_that_is_due_may_register_another_that_is_due() {
    let mut state = single::<u32>();
    let id = state.register_timers::<u32>(TimerKind::EventTime, "user").unwrap();
    state.set_key(&1);
    state.register_timer(id, &0, 1).unwrap();
    let mut fired = Vec::new();
    while let Some((time, _)) = state.pop_timer(id, 3).unwrap() {
        fired.push(time);
        state.register_timer(id, &0, time + 1).unwrap();
    }
    assert_eq!(fired, [1, 2, 3]);
}

#[test]
fn namespaces_and_kinds_keep_timers_apart() {
    let mut state = single::<u32>();
    let event = state.register_timers::<u32>(TimerKind::EventTime, "user").unwrap();
    let processing = state.register_timers::<u32>(TimerKind::ProcessingTime, "user").unwrap();
    state.set_key(&1);
    state.register_timer(event, &1, 5).unwrap();
    state.register_timer(event, &2, 5).unwrap();
    state.register_timer(processing, &1, 7).unwrap();
    assert_eq!(state.next_processing_timer(), Some(ProcessingTime(7)));
    state.delete_timer(event, &1, 5).unwrap();
    assert_eq!(pop_all(&mut state, event, 9), [(5, 1, 2)]);
    assert_eq!(pop_all(&mut state, processing, 9), [(7, 1, 1)]);
    assert_eq!(state.next_processing_timer(), None);
}

#[test]
fn a_deleted_timer_does_not_fire_and_a_new_one_at_its_time_fires_once() {
    let mut state = single::<u32>();
    let id = state.register_timers::<u32>(TimerKind::EventTime, "user").unwrap();
    state.set_key(&1);
    state.register_timer(id, &0, 5).unwrap();
    state.delete_timer(id, &0, 5).unwrap();
    state.delete_timer(id, &0, 6).unwrap();
    assert!(state.register_timer(id, &0, 5).unwrap());
    assert_eq!(pop_all(&mut state, id, 9), [(5, 1, 0)]);
}

#[test]
fn many_deleted_timers_are_forgotten() {
    let mut state = single::<u32>();
    let id = state.register_timers::<u32>(TimerKind::EventTime, "user").unwrap();
    for key in 0..20_000 {
        state.set_key(&key);
        state.register_timer(id, &0, i64::from(key)).unwrap();
        if key % 10 != 0 {
            state.delete_timer(id, &0, i64::from(key)).unwrap();
        }
    }
    let left = pop_all(&mut state, id, i64::MAX);
    assert_eq!(left.len(), 2000);
    assert!(left.is_sorted());
}

#[test]
fn timers_are_restored_with_the_state() {
    let mut state = single::<u32>();
    let id = state.register_timers::<u32>(TimerKind::ProcessingTime, "user").unwrap();
    for key in 0..100 {
        state.set_key(&key);
        state.register_timer(id, &key, i64::from(100 - key)).unwrap();
    }
    let mut state = restored(&mut state);
    let id = state.register_timers::<u32>(TimerKind::ProcessingTime, "user").unwrap();
    assert_eq!(state.next_processing_timer(), Some(ProcessingTime(1)));
    let popped = pop_all(&mut state, id, i64::MAX);
    assert_eq!(popped, (0..100).rev().map(|k| (i64::from(100 - k), k, k)).collect::<Vec<_>>());
}

#[test]
fn quiesced_state_takes_no_timers_until_it_is_cleared_and_then_has_nothing() {
    let mut state = single::<u32>();
    let id = state.register_timers::<u32>(TimerKind::EventTime, "user").unwrap();
    let table = state.register::<(), u32>("value").unwrap();
    let any: &mut dyn AnyKeyedState = &mut state;
    any.quiesce_timers();
    let state = any.of::<u32>().unwrap();
    state.set_key(&1);
    assert!(!state.register_timer(id, &0, 1).unwrap());
    assert_eq!(state.pop_timer(id, i64::MAX).unwrap(), None);
    for key in 0..5000 {
        let slot = state.slot(&key);
        state.table(table).insert(slot, &key, &(), key).unwrap();
    }
    let any: &mut dyn AnyKeyedState = state;
    any.clear();
    assert_eq!((any.entry_count(), any.next_processing_timer()), (0, None));
    let state = any.of::<u32>().unwrap();
    assert!(state.key().is_err());
    state.set_key(&1);
    assert!(state.register_timer(id, &0, 1).unwrap());
    assert_eq!(pop_all(state, id, 1), [(1, 1, 0)]);
}
