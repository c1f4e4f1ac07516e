//! What a row of a file source is: a good record, or any record.

use flott_api::format::{BadRecord, Records};
use flott_core::Data;

/// What becomes of decoded records.
pub trait RowMode<T>: Send + Sync + 'static {
    /// A row.
    type Item: Data;
    /// Whether bad records become rows.
    const GIVES_BAD_RECORDS: bool;
    /// The rows.
    fn rows(records: Records<T>) -> Vec<Self::Item>;
}

/// Rows are good records; bad ones fail the job or are passed over.
pub enum GoodRows {}

/// Rows are all records, good and bad, in the order of the file.
pub enum AllRows {}

impl<T: Data> RowMode<T> for GoodRows {
    type Item = T;
    const GIVES_BAD_RECORDS: bool = false;

    fn rows(records: Records<T>) -> Vec<T> {
        records.rows
    }
}

impl<T: Data> RowMode<T> for AllRows {
    type Item = Result<T, BadRecord>;
    const GIVES_BAD_RECORDS: bool = true;

    fn rows(records: Records<T>) -> Vec<Self::Item> {
        records.into_results()
    }
}
