//! The cases of `engine`: one file each, one line here.

mod checkpoint;
mod columns;
pub(crate) mod keycount;
mod latency;
mod mapfilter;
pub(crate) mod numbers;
mod restore;
mod start;
mod text;
mod timely_count;
mod window;
mod wordcount;

use crate::bench::Case;

/// Every case, in the order in which they run.
pub(crate) const CASES: &[Case] = &[
    mapfilter::CASE,
    keycount::ONE_SLOT,
    keycount::TWO_SLOTS,
    columns::CASE,
    window::CASE,
    wordcount::CASE,
    checkpoint::CASE,
    latency::CASE,
    restore::CASE,
    start::CASE,
    start::IDLE,
];

/// The unit of throughput.
pub(crate) const RECORDS_PER_CPU_SECOND: &str = "M records per CPU-second";
