//! The cases of `state`: one file each, one line here.

mod keycount;
mod unaligned;

use crate::bench::Case;

/// Every case, in the order in which they run.
pub(crate) const CASES: &[Case] = &[keycount::CASE, unaligned::CASE];
