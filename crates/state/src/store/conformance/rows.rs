//! Whether states of rows are what maps would be, on a backend's stores or on the heap: batches of keys are looked at and
//! changed at once, while snapshots are taken bit by bit and time passes; then all goes on at another parallelism, from
//! files or from rows of a savepoint.

mod job;
mod model;

use super::super::StateBackend;
use flott_core::Result;
use job::Job;
use std::path::Path;

/// Runs so many random operations, always the same ones for one `seed`, on stores in new folders below `folder`; without a
/// backend on the heap.
///
/// # Errors
/// `Internal` when the state is something else than it should be, saying what and after how many operations; and those of
/// the state.
pub fn run_rows(backend: Option<&dyn StateBackend>, folder: &Path, seed: u64, operations: usize) -> Result<()> {
    let mut job = Job::start(backend, folder, seed)?;
    for n in 0..operations {
        step(&mut job).map_err(|e| e.in_context(format!("operation {n} of seed {seed}")))?;
    }
    job.restore(2)?;
    job.compare()
}

fn step(job: &mut Job<'_>) -> Result<()> {
    match job.chance.u32(0..1000) {
        0..250 => job.change_values(),
        250..400 => job.change_timed(),
        400..550 => job.change_maps(),
        550..650 => job.visit_maps(),
        650..700 => job.pass_time(),
        700..750 => job.settle(),
        750..800 => job.open_snapshot(),
        800..930 => job.continue_snapshot(),
        930..960 => job.store_snapshot(),
        960..980 => job.compare(),
        980..990 => job.move_as_rows(),
        _ => {
            let parallelism = job.chance.u32(1..5);
            job.restore(parallelism)
        }
    }
}
