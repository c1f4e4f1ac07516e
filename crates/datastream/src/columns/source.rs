//! A generator of record batches: the typed generator, whose records are the batches' numbers, with each number
//! replaced by its batch.

use crate::sources::DataGenOptions;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use flott_api::control::SplitBytes;
use flott_api::source::{AnyEnumerator, AnyReader, Emitted, EnumeratorContext, ReaderContext, SourceAdapter};
use flott_api::watermark::Alignment;
use flott_api::{AnySource, Boundedness, WatermarkStrategy};
use flott_core::{Batch, CheckpointId, Columns, Error, Result, Watermark};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

type Generate = Arc<dyn Fn(u64) -> RecordBatch + Send + Sync>;

pub(super) struct ColumnsSource {
    numbers: Box<dyn AnySource>,
    schema: SchemaRef,
    generate: Generate,
}

impl ColumnsSource {
    pub(super) fn new(
        schema: SchemaRef,
        generate: impl Fn(u64) -> RecordBatch + Send + Sync + 'static,
        options: DataGenOptions,
    ) -> Self {
        let numbers = SourceAdapter::new(options.source(|n| n), WatermarkStrategy::no_watermarks());
        ColumnsSource { numbers: Box::new(numbers), schema, generate: Arc::new(generate) }
    }
}

impl AnySource for ColumnsSource {
    fn boundedness(&self) -> Boundedness {
        self.numbers.boundedness()
    }

    fn enumerator(&self, cx: &EnumeratorContext, restored: Option<&[u8]>) -> Result<Box<dyn AnyEnumerator>> {
        self.numbers.enumerator(cx, restored)
    }

    fn reader(&self, cx: &ReaderContext) -> Result<Box<dyn AnyReader>> {
        let (numbers, schema) = (self.numbers.reader(cx)?, self.schema.clone());
        Ok(Box::new(ColumnsReader { numbers, schema, generate: self.generate.clone() }))
    }

    fn idleness(&self) -> Option<Duration> {
        None
    }

    fn alignment(&self) -> Option<&Alignment> {
        None
    }
}

struct ColumnsReader {
    numbers: Box<dyn AnyReader>,
    schema: SchemaRef,
    generate: Generate,
}

impl ColumnsReader {
    fn columns(&self, numbers: Batch) -> Result<Batch> {
        let (numbers, _) = numbers.into_rows::<u64>()?;
        let &[number] = numbers.as_slice() else {
            return Err(Error::internal("a generator of columns asks for one number at a time"));
        };
        let batch = (self.generate)(number);
        if batch.schema_ref() != &self.schema {
            return Err(Error::invalid(format!(
                "record batch {number} has the schema {} and not {}; generate batches of the source's schema",
                batch.schema(),
                self.schema
            )));
        }
        Ok(Batch::columns(Columns::inserts(batch), None))
    }
}

impl AnyReader for ColumnsReader {
    fn add_splits(&mut self, splits: Vec<SplitBytes>) -> Result<()> {
        self.numbers.add_splits(splits)
    }

    fn no_more_splits(&mut self) {
        self.numbers.no_more_splits();
    }

    fn poll_next(&mut self, task: &mut Context<'_>, _: usize) -> Poll<Result<Emitted>> {
        self.numbers.poll_next(task, 1).map(|event| match event? {
            Emitted::Rows { split, batch, watermarks } => {
                Ok(Emitted::Rows { split, batch: self.columns(batch)?, watermarks })
            }
            other => Ok(other),
        })
    }

    fn snapshot(&mut self) -> Result<Vec<SplitBytes>> {
        self.numbers.snapshot()
    }

    fn periodic_watermarks(&mut self, each: &mut dyn FnMut(&Arc<str>, Watermark)) {
        self.numbers.periodic_watermarks(each);
    }

    fn on_checkpoint_complete(&mut self, checkpoint: CheckpointId) -> Result<()> {
        self.numbers.on_checkpoint_complete(checkpoint)
    }

    fn set_paused(&mut self, split: &str, paused: bool) -> bool {
        self.numbers.set_paused(split, paused)
    }
}
