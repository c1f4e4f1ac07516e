//! The same jobs on real threads and the real clock: stopped in the middle and restored, without faults.
//!
//! Here the course of a run is not repeatable; what it must give is the same.

use crate::Job;
use crate::executor::submission;
use crate::faults::{Faults, Pace};
use crate::plan::{Life, Until};
use crate::trace::Trace;
use crate::world::World;
use flott::minicluster::MiniCluster;
use flott_api::JobStatus;
use flott_api::metrics::MetricRegistry;
use flott_core::Result;
use flott_env::Env;
use flott_state::checkpoint::CheckpointStorage;
use flott_state::store::MemoryBackend;
use std::sync::Arc;
use std::time::Duration;

/// Runs `job` at each parallelism in turn, every time from the latest checkpoint, and stops it after so many checkpoints
/// of that run; the last run goes on to the end. `options` hold for all of them. Returns how many runs were stopped before their end.
///
/// # Errors
/// When a run fails, or what was committed is not what is expected.
pub fn run(
    job: &Job,
    data_seed: u64,
    parallelisms: &[u32],
    checkpoints: u64,
    options: &[(&'static str, &str)],
) -> Result<usize, String> {
    let world = World::new(data_seed, Trace::new());
    let mut stopped = 0;
    for (number, parallelism) in parallelisms.iter().enumerate() {
        let until =
            if number + 1 == parallelisms.len() { Until::End } else { Until::Checkpoints(checkpoints, Duration::ZERO) };
        let mut all = vec![("execution.checkpointing.interval", "10 ms".to_owned())];
        all.extend(options.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let life = Life {
            options: all,
            faults: Faults {
                pace: Pace { rows_max: 7, pause_max: Duration::from_millis(4), stalls: 0.0 },
                ..Faults::default()
            },
            ..Life::quiet(*parallelism, until)
        };
        let status = run_once(job, &world, &life, number > 0).map_err(|e| format!("run {number}: {e}"))?;
        stopped += usize::from(status != JobStatus::Finished);
    }
    (job.committed)(&world).check(&(job.expected)(&world))?;
    Ok(stopped)
}

fn run_once(job: &Job, world: &World, life: &Life, is_restored: bool) -> Result<JobStatus> {
    world.begin_life(&life.faults);
    let mut config = life.configuration(None);
    if is_restored {
        config.set("execution.state-recovery.path", "latest");
    }
    let env = Env::real()?;
    let submitted = submission(job.name, config, |stream_env| (job.build)(world, stream_env))?;
    let storage = CheckpointStorage::with_store(&env, world.disk().objects(), "checkpoints");
    let cluster = MiniCluster::new(env.clone(), MetricRegistry::new()).with_backend(Arc::new(MemoryBackend));
    env.block_on(async {
        let handle = cluster.submit_through(submitted, &storage, |gateway, events| (gateway, events)).await?;
        if let Until::Checkpoints(count, _) = life.until {
            let is_enough = |view: &flott_jobmanager::job::JobView| {
                view.status.is_terminal() || view.checkpoints.counts.completed >= count
            };
            // A job master that is gone has come to its result.
            let _ = handle.watch().wait_for(is_enough).await;
            handle.cancel();
        }
        Ok(handle.result().await?.status)
    })
}
