//! Some of the rows of Arrow columns.

use super::kernel_failed;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_select::filter::{filter_record_batch, prep_null_mask_filter};
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Columns, Error, Result};

/// Keeps the rows for which a predicate over whole columns is true; null is not true. Times and row kinds are kept
/// with their rows.
pub struct ColumnsFilter<F>(F);

impl<F: FnMut(&RecordBatch) -> Result<BooleanArray> + Clone + Send + Sync + 'static> ColumnsFilter<F> {
    /// The operator of a predicate, which gives one value per row.
    pub fn new(predicate: F) -> Self {
        ColumnsFilter(predicate)
    }
}

impl<F> OperatorFactory for ColumnsFilter<F>
where
    F: FnMut(&RecordBatch) -> Result<BooleanArray> + Clone + Send + Sync + 'static,
{
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(ColumnsFilterOperator(self.0.clone())))
    }
}

struct ColumnsFilterOperator<F>(F);

impl<F: FnMut(&RecordBatch) -> Result<BooleanArray> + Send> Operator for ColumnsFilterOperator<F> {
    fn process(&mut self, _: usize, batch: Batch, _: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (columns, times) = batch.into_columns()?;
        let mask = (self.0)(&columns.batch)?;
        if mask.len() != columns.len() {
            return Err(Error::invalid(format!(
                "a predicate over columns gave {} values for {} rows; it must give one per row",
                mask.len(),
                columns.len()
            )));
        }
        match mask.true_count() {
            0 => return Ok(()),
            all if all == columns.len() => return out.emit(Batch::columns(columns, times)),
            _ => {}
        }
        let kept = filter_record_batch(&columns.batch, &mask).map_err(|e| kernel_failed("filter", e))?;
        let kinds = columns.kinds.map(|kinds| keep(kinds, &mask));
        let times = times.map(|times| keep(times, &mask));
        out.emit(Batch::columns(Columns { batch: kept, kinds }, times))
    }
}

/// The values where `mask` is true.
fn keep<T: Copy>(mut values: Vec<T>, mask: &BooleanArray) -> Vec<T> {
    let mask = if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() };
    let mut kept = 0;
    for n in mask.values().set_indices() {
        values[kept] = values[n];
        kept += 1;
    }
    values.truncate(kept);
    values
}
