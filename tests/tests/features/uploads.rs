//! The two parts of a checkpoint: state is handed over between two records, and written while records go on.

use super::lab;
use flott::prelude::*;
use flott_env::Env;
use flott_sim::cluster;
use flott_sim::faults::StoreFaults;
use flott_sim::store::SimStore;
use flott_state::checkpoint::CheckpointStorage;
use std::sync::{Arc, Mutex};

#[test]
fn records_go_on_while_a_checkpoint_is_written() {
    let options = [
        ("execution.checkpointing.interval", "100 ms"),
        ("execution.checkpointing.data-inline-threshold", "0 b"),
        ("execution.checkpointing.timeout", "1 h"),
    ];
    let world = lab::world(4);
    let during = Env::run_simulation(8, |env| async move {
        let slow = StoreFaults { latency_max: Duration::from_secs(2), ..StoreFaults::default() };
        let store = SimStore::new(world.disk().clone(), env.clone(), slow, world.trace().clone());
        let storage = CheckpointStorage::with_store(&env, Arc::new(store), "");
        let times: Arc<Mutex<Vec<ProcessingTime>>> = Arc::default();
        let (noted, clock) = (times.clone(), env.clone());
        let job = cluster::start(&env, &storage, &options, |stream_env| {
            let numbers = world.replay(vec![(0..5000u64).collect()]);
            let numbers = stream_env.from_source(numbers, WatermarkStrategy::no_watermarks(), "numbers");
            let counts = numbers.key_by(|n| *n).map_with_state(|n, seen: &mut Option<u64>| *seen.insert(n));
            counts.for_each(move |_| noted.lock().unwrap().push(clock.now()));
        });
        let job = job.await.unwrap();
        let mut view = job.handle.watch();
        view.wait_for(|view| view.checkpoints.counts.completed == 1).await.unwrap();
        let stats = job.handle.checkpoint_stats();
        let first = stats.latest.completed.as_ref().unwrap();
        assert!(first.end_to_end_duration > Duration::from_millis(500), "{first:?}");
        let end = first.trigger_timestamp.plus(first.end_to_end_duration);
        let times = times.lock().unwrap();
        times.iter().filter(|time| (first.trigger_timestamp..end).contains(time)).count()
    });
    // A record every 2 ms or so.
    assert!(during.unwrap() > 100);
}
