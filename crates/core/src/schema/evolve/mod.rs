//! Schema evolution: whether a type can read what another version of it has written ([`compare`]), and reading it
//! ([`decoder`]).
//!
//! What may change: named fields are added (with `#[serde(default)]`, or as an `Option`), removed, reordered and renamed
//! (with `#[serde(alias = "...")]`); numbers are widened where every value fits; a value becomes an `Option` of it;
//! variants are added, removed, reordered and renamed. serde's own derive does the rest, because fields are shown to it
//! by name.

mod compare;
mod decoder;
mod plan;
mod read;
mod same;
mod skip;
mod skipper;

pub use compare::Compatibility;
pub use decoder::Decoder;
pub use skipper::Skipper;
