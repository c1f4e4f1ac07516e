//! Savepoints from outside a job: read, bootstrapped, changed. (Flink: the State Processor API.)
//!
//! Reading: [`Savepoint`] opens the manifest ([`open`]), finds an operator ([`operator`]) and gives its rows, decoded
//! ([`rows`], [`lists`]), from files that are fetched one by one ([`fetch`]).
//!
//! Writing: [`SavepointWriter`] ([`writer`]) starts from nothing or from another savepoint. Rows go through
//! [`bootstrap`] or [`update`] into files ([`files`]). What was not touched is copied ([`copy`]), and the manifest is
//! written last.
//!
//! All of it is for programs of their own and blocks its thread: never call it in asynchronous code.

mod bootstrap;
mod copy;
pub(crate) mod fetch;
mod files;
mod lists;
mod open;
mod operator;
mod rows;
mod update;
mod writer;

pub use bootstrap::{IntoRow, NewState};
pub use open::{Savepoint, Snapshot};
pub use operator::SavepointOperator;
pub use rows::{Rows, StateRow};
pub use writer::{OperatorWriter, SavepointWriter};
