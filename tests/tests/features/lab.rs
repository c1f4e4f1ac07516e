//! A job in a simulation, whose functions note down what they see.

use flott::prelude::*;
use flott_env::Env;
use flott_sim::faults::{Faults, Pace};
use flott_sim::{Trace, World, cluster};
use flott_state::checkpoint::CheckpointStorage;
use std::sync::{Arc, Mutex};

/// What was noted, in order. All clones are the same.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// Adds a line.
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    /// All lines.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// All lines, sorted.
    pub fn sorted(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.sort();
        lines
    }
}

/// A world whose sources give a row at a time, with pauses of up to so many milliseconds between them.
pub fn world(pause_ms: u64) -> World {
    let world = World::new(1, Trace::new());
    let pace = Pace { rows_max: 1, pause_max: Duration::from_millis(pause_ms), stalls: 0.0 };
    world.begin_life(&Faults { pace, ..Faults::default() });
    world
}

/// Event time is what the number says.
pub fn by_value() -> WatermarkStrategy<i64> {
    WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|n: &i64, _| EventTime(*n))
}

/// Runs a job to its end, and returns how it ended beside what was noted.
pub fn run(
    world: &World,
    options: &[(&str, &str)],
    build: impl FnOnce(&StreamExecutionEnvironment, &Notes),
) -> (Result<()>, Notes) {
    let notes = Notes::default();
    let noted = notes.clone();
    let ended = Env::run_simulation(2, |env| async move {
        let storage = CheckpointStorage::with_store(&env, world.disk().objects(), "");
        let job = cluster::start(&env, &storage, options, |stream_env| build(stream_env, &noted)).await?;
        let result = env.timeout(Duration::from_secs(600), job.handle.result()).await;
        result.expect("it does not end by itself within ten minutes of virtual time").map(drop)
    });
    (ended.unwrap(), notes)
}
