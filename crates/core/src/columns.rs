//! The columnar payload: an Arrow record batch with an optional kind per row.

use arrow_array::RecordBatch;

/// Arrow columns of one batch. `kinds` is absent on insert-only edges; otherwise it has one code
/// ([`crate::RowKind::code`]) per row.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The columns, all of one length.
    pub batch: RecordBatch,
    /// One row-kind code per row, or `None` when every row is an insert.
    pub kinds: Option<Vec<u8>>,
}

impl Columns {
    /// Insert-only columns.
    pub fn inserts(batch: RecordBatch) -> Columns {
        Columns { batch, kinds: None }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
