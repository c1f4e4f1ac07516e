//! From columns to rows.

use arrow_array::RecordBatch;
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Result};

/// Replaces each record batch by the rows that the closure makes of it.
pub(super) struct ColumnsRows<F>(pub(super) F);

impl<T: Data, F: FnMut(&RecordBatch) -> Vec<T> + Clone + Send + Sync + 'static> OperatorFactory for ColumnsRows<F> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(ColumnsRowsOperator(self.0.clone())))
    }
}

struct ColumnsRowsOperator<F>(F);

impl<T: Data, F: FnMut(&RecordBatch) -> Vec<T> + Send> Operator for ColumnsRowsOperator<F> {
    fn process(&mut self, _: usize, batch: Batch, _: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (columns, _) = batch.into_columns()?;
        out.emit(Batch::of((self.0)(&columns.batch)))
    }
}
