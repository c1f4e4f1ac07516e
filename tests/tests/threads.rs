//! Every job on real threads: straight, and stopped twice and restored at other parallelisms.

use crate::jobs::ALL;
use flott_sim::threads::run;

#[test]
fn every_job_gives_its_output_on_real_threads() {
    for job in ALL {
        run(job, 5, &[2], 0).unwrap_or_else(|e| panic!("`{}`: {e}", job.name));
    }
}

#[test]
fn every_job_gives_its_output_on_real_threads_when_stopped_and_restored() {
    let mut stopped = 0;
    for job in ALL {
        stopped += run(job, 6, &[2, 3, 1], 2).unwrap_or_else(|e| panic!("`{}`: {e}", job.name));
    }
    assert!(stopped > ALL.len(), "{stopped} runs were stopped before their end");
}
