//! Jobs with one expected output each, which must come from a straight run, from a run that is killed and restored, at
//! every parallelism, and under every seed of the simulator.
//!
//! A job's input is made from the world's seed, and what it must give is found here by plain loops, not by Flott. Where
//! the order of records between channels could show, the job is written so that it does not: what depends on order
//! is kept within one partition, and no record is late unless its lateness is part of the input.

mod asynchronous;
mod broadcast;
mod connect;
mod count_windows;
mod events;
mod files;
mod interval_join;
mod keyed_state;
mod late;
mod operator_state;
mod partitioning;
mod process_timers;
mod reduce;
mod session_windows;
mod side_outputs;
mod sliding_windows;
mod tumbling_windows;
mod window_join;

use flott_sim::Job;

/// Every job.
pub const ALL: &[Job] = &[
    asynchronous::ORDERED,
    asynchronous::UNORDERED,
    broadcast::KEYED,
    broadcast::PLAIN,
    connect::JOB,
    count_windows::SLIDING,
    count_windows::TUMBLING,
    files::JOB,
    interval_join::JOB,
    keyed_state::JOB,
    late::JOB,
    operator_state::LIST,
    operator_state::UNION,
    partitioning::JOB,
    process_timers::JOB,
    reduce::JOB,
    session_windows::DYNAMIC,
    session_windows::STATIC,
    side_outputs::JOB,
    sliding_windows::JOB,
    tumbling_windows::JOB,
    window_join::CO_GROUP,
    window_join::JOIN,
];
