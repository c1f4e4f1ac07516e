//! Columns: what a schema is in Arrow ([`shape`]), bytes into arrays ([`build`]) and back ([`restore`]).

mod build;
mod restore;
mod shape;

pub(crate) use build::Builder;
pub(crate) use restore::Column;
pub(crate) use shape::{Names, Shape};
