//! The cases of `state`: one file each, one line here.

mod accounts;
mod incremental;
mod keycount;
mod pause;
mod restore;
mod rows;
mod unaligned;
mod update;

use crate::bench::Case;

/// Every case, in the order in which they run.
pub(crate) const CASES: &[Case] =
    &[keycount::CASE, rows::CASE, update::CASE, incremental::CASE, pause::CASE, restore::CASE, unaligned::CASE];
