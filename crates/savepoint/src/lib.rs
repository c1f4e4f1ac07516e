//! Canonical savepoints: the state of a job as a folder of Parquet tables with a manifest.
//!
//! A [`TableWriter`] turns rows of encoded bytes into a Parquet file and a [`TableReader`] turns it back into the same
//! bytes. What a table holds stands in its [`TableSchema`]; what a savepoint holds stands in its [`Manifest`]. Nothing
//! here knows state backends or jobs: bytes come in as [`Chunk`]s and go out through `std::io::Write`.
//!
//! Programs that look into a savepoint or make one use [`Savepoint`] and [`SavepointWriter`], which are about typed rows.

mod checkpoint;
mod column;
mod folder;
mod layout;
mod manifest;
mod processor;
#[cfg(feature = "query")]
mod query;
mod reader;
mod row;
mod writer;

#[cfg(test)]
mod tests;

pub use checkpoint::{file_name, list_table, operator_folder};
pub use flott_state::canonical::{Chunk, Row, TableKind, TableSchema};
pub use folder::Folder;
pub use manifest::{Manifest, OperatorEntry, StateEntry, TableFile};
pub use processor::{
    IntoRow, NewState, OperatorWriter, Rows, Savepoint, SavepointOperator, SavepointWriter, Snapshot, StateRow,
};
#[cfg(feature = "query")]
pub use query::{AnswerFormat, Query, QueryLimits};
pub use reader::TableReader;
pub use writer::{TableWriter, WrittenTable};

/// The examples of the book.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../docs/migrating-state.md")]
    struct MigratingState;

    #[doc = include_str!("../../../docs/repairing-state.md")]
    struct RepairingState;

    #[doc = include_str!("../../../docs/savepoints.md")]
    struct Savepoints;
}
