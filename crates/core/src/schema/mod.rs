//! What values look like in bytes, and reading what an older version of a type has written.
//!
//! The codec ([`crate::codec`]) writes no names, so a [`Schema`] is stored beside the bytes. It is found from the type
//! alone ([`Schema::of`]). When the type has changed since, [`Schema::can_read`] says what that means before anything
//! is read, and a [`Decoder`] reads it.

mod columns;
mod evolve;
mod print;
mod trace;
mod types;
pub mod wire;

pub use columns::{Column, ColumnType, ROW_VERSION, Unit};
pub use evolve::{Compatibility, Decoder, Skipper};
pub use print::side_by_side;
pub use types::{Content, Field, Schema, Scope, Variant};
