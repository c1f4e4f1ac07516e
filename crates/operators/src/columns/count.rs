//! The running count per key of Arrow columns. The state is that of typed rows: one entry per key.

use super::kernel_failed;
use crate::keys::{Slots, keyed_state};
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int64Type, UInt64Type};
use arrow_array::{Array, PrimitiveArray, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use flott_api::context::keyed_of;
use flott_api::{Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Columns, Error, Key, KeyGroupRange, MaxParallelism, Result};
use flott_state::keyed::TableId;
use flott_state::{AnyKeyedState, KeySlot};
use std::marker::PhantomData;
use std::sync::Arc;

/// Types of key columns.
pub trait CountKey: ArrowPrimitiveType<Native: Key + Sync> {}

impl CountKey for Int64Type {}
impl CountKey for UInt64Type {}

/// For each row its key and how many rows with that key there have been: two columns, the key's own and `count`
/// (UInt64). Rows must be inserts.
///
/// ```
/// use arrow_array::types::Int64Type;
/// use flott_operators::columns::ColumnsCount;
///
/// let operator = ColumnsCount::<Int64Type>::new(0);
/// ```
pub struct ColumnsCount<P> {
    column: usize,
    key: PhantomData<fn() -> P>,
}

impl<P: CountKey> ColumnsCount<P> {
    /// Counts by the column at this position.
    pub fn new(column: usize) -> Self {
        ColumnsCount { column, key: PhantomData }
    }
}

impl<P: CountKey> OperatorFactory for ColumnsCount<P> {
    fn create(&self) -> Result<Box<dyn Operator>> {
        Ok(Box::new(ColumnsCountOperator::<P> {
            column: self.column,
            state: None,
            schema: None,
            slots: Vec::new(),
            key: self.key,
        }))
    }

    fn keyed_state(&self, max: MaxParallelism, range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
        keyed_state::<P::Native>(max, range)
    }
}

struct ColumnsCountOperator<P: CountKey> {
    column: usize,
    state: Option<TableId<(), u64>>,
    /// That of the results, for the input's.
    schema: Option<(SchemaRef, SchemaRef)>,
    /// Of the keys of the batch at hand.
    slots: Vec<KeySlot>,
    key: PhantomData<fn() -> P>,
}

impl<P: CountKey> ColumnsCountOperator<P> {
    /// The key column, which has no nulls.
    fn keys<'a>(&self, columns: &'a Columns) -> Result<&'a PrimitiveArray<P>> {
        if columns.kinds.is_some() {
            return Err(Error::invalid("a running count takes inserts only and is given a changelog"));
        }
        let batch = &columns.batch;
        if self.column >= batch.num_columns() {
            return Err(Error::invalid(format!(
                "the key is in column {} and there are {}",
                self.column,
                batch.num_columns()
            )));
        }
        let column = batch.column(self.column);
        let keys = column.as_primitive_opt::<P>().ok_or_else(|| {
            Error::invalid(format!("column {} is of type {} and not {}", self.column, column.data_type(), P::DATA_TYPE))
        })?;
        if keys.null_count() > 0 {
            return Err(Error::data(format!(
                "column {} has a null, which cannot be a key; filter nulls before",
                self.column
            )));
        }
        Ok(keys)
    }

    fn result_schema(&mut self, input: SchemaRef) -> SchemaRef {
        match &self.schema {
            Some((known, schema)) if Arc::ptr_eq(known, &input) => schema.clone(),
            _ => {
                let key = input.field(self.column).clone().with_nullable(false);
                let schema = Arc::new(Schema::new(vec![key, Field::new("count", DataType::UInt64, false)]));
                self.schema = Some((input, schema.clone()));
                schema
            }
        }
    }
}

impl<P: CountKey> Operator for ColumnsCountOperator<P> {
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.state = Some(cx.keyed::<P::Native>()?.register("count")?);
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (columns, times) = batch.into_columns()?;
        let keys = self.keys(&columns)?.clone();
        let state = self.state.ok_or_else(|| Error::internal("a count is used before it was opened"))?;
        let place = Slots::new(cx);
        self.slots.clear();
        self.slots.extend(keys.values().iter().map(|key| place.of(key)));
        let keyed = keyed_of::<P::Native>(&mut cx.keyed)?;
        keyed.note_keys(keys.values(), &self.slots);
        let table = keyed.table(state);
        let mut counts: Vec<u64> = Vec::with_capacity(keys.len());
        table.update_all(
            keys.values(),
            &self.slots,
            &(),
            || 0,
            |count| {
                *count += 1;
                counts.push(*count);
                Ok(true)
            },
        )?;
        let schema = self.result_schema(columns.batch.schema());
        let counted = RecordBatch::try_new(schema, vec![Arc::new(keys), Arc::new(UInt64Array::from(counts))]);
        let counted = counted.map_err(|e| kernel_failed("a running count", e))?;
        out.emit(Batch::columns(Columns::inserts(counted), times))
    }
}
