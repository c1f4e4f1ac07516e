//! The cases of `state`: one file each, one line here.

mod accounts;
mod heap_checkpoint;
mod held;
mod incremental;
mod keycount;
mod restore;
mod rows;
mod unaligned;
mod update;

use crate::bench::Case;

/// Every case, in the order in which they run.
pub(crate) const CASES: &[Case] = &[
    keycount::CASE,
    rows::CASE,
    update::CASE,
    incremental::CASE,
    heap_checkpoint::CASE,
    restore::CASE,
    unaligned::CASE,
];
