//! Rows of columns as keys and values of keyed state: what SQL keeps.
//!
//! Keys come as a whole batch of rows ([`KeyRows`]), and a state of any kind whose values are [`BinaryRow`]s is asked for all
//! of them at once ([`super::ValueState::update_all`], [`super::MapState::update_all`]). What the columns of rows are is said
//! when a state is registered ([`super::ValueState::register_rows`]), and stands in snapshots. This folder knows neither SQL nor operators.

mod binary_row;
mod codec;
mod columns;
mod key_rows;

pub use binary_row::BinaryRow;
pub use codec::RowCodec;
pub(super) use columns::Columns;
pub use key_rows::KeyRows;
