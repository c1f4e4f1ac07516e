//! Every job on real threads: straight, and stopped twice and restored at other parallelisms.

use crate::jobs::ALL;
use flott_sim::threads::run;

#[test]
fn every_job_gives_its_output_on_real_threads() {
    for job in ALL {
        run(job, 5, &[2], 0, &[]).unwrap_or_else(|e| panic!("`{}`: {e}", job.name));
    }
}

#[test]
fn every_job_gives_its_output_on_real_threads_when_stopped_and_restored() {
    let mut stopped = 0;
    for job in ALL {
        stopped += run(job, 6, &[2, 3, 1], 2, &[]).unwrap_or_else(|e| panic!("`{}`: {e}", job.name));
    }
    assert!(stopped > ALL.len(), "{stopped} runs were stopped before their end");
}

#[test]
fn every_job_gives_its_output_on_real_threads_when_barriers_overtake() {
    let options = [
        ("execution.checkpointing.unaligned.enabled", "true"),
        ("flott.exchange.batch-rows", "2"),
        ("flott.exchange.channel-batches", "1"),
    ];
    let mut stopped = 0;
    for (n, job) in ALL.iter().enumerate() {
        let after = if n % 2 == 0 { "0 ms" } else { "2 ms" };
        let options = [&options[..], &[("execution.checkpointing.aligned-checkpoint-timeout", after)]].concat();
        stopped += run(job, 7, &[3, 2, 3], 2, &options).unwrap_or_else(|e| panic!("`{}`: {e}", job.name));
    }
    assert!(stopped > ALL.len(), "{stopped} runs were stopped before their end");
}

#[test]
fn every_job_gives_its_output_on_rocksdb_when_stopped_and_restored() {
    // Nearly nothing of the state is kept in memory.
    let options = [("state.backend.type", "rocksdb"), ("flott.state.working-set.size", "2 kb")];
    let mut stopped = 0;
    for job in ALL {
        stopped += run(job, 8, &[2, 3, 1], 1, &options).unwrap_or_else(|e| panic!("`{}`: {e}", job.name));
    }
    assert!(stopped > ALL.len() / 2, "{stopped} runs were stopped before their end");
}
