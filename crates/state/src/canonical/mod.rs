//! State in a form that is no backend's own: rows of encoded values, and a description of what they are.
//!
//! Every snapshot carries the descriptions ([`StateDescription`]), so that a later version of a type can be compared
//! with what was written before anything is read. Canonical savepoints hold the rows as tables.

mod chunk;
mod description;
mod entries;
mod table;

pub use chunk::{Chunk, Part, Row};
pub(crate) use description::EntrySchema;
pub use description::StateDescription;
pub use entries::{Entries, Joiner, Positions};
pub use table::{TableKind, TableSchema};

#[cfg(test)]
mod tests;
