//! `datagen`: records made from their number by a function, as fast as they are taken or at a rate. (Flink:
//! `DataGeneratorSource`, `GeneratorFunction`, `RateLimiterStrategy`.)
//!
//! The numbers are dealt out in phases. A phase is a range of numbers, and its splits are strides through it: with three
//! readers one gets 0, 3, 6 and so on, the next 1, 4, 7. So readers that are equally fast stay close to each other. The
//! next phase is divided by what the parallelism is then, and so new readers get work after a restore.

mod enumerator;
mod rate;
mod reader;

#[cfg(test)]
mod tests;

pub use enumerator::{GeneratorCheckpoint, GeneratorEnumerator, StrideSplit};
pub use rate::RateLimiterStrategy;
pub use reader::GeneratorReader;

use flott_api::source::{EnumeratorContext, ReaderContext};
use flott_api::{Boundedness, Source};
use flott_core::{Data, Error, Result};
use rate::RateLimiter;
use std::marker::PhantomData;
use std::sync::Arc;

/// A function of a record's number as a source. Record n depends on n alone: it is the same in every run, whichever
/// subtask makes it.
///
/// ```
/// use flott_connectors::DataGeneratorSource;
/// use flott_connectors::datagen::RateLimiterStrategy;
///
/// let orders = DataGeneratorSource::new(|n| (n % 100, format!("order {n}")))
///     .with_count(1_000_000)
///     .with_rate_limiter(RateLimiterStrategy::PerSecond(50_000.0));
/// ```
pub struct DataGeneratorSource<T, F> {
    generate: Arc<F>,
    count: Option<u64>,
    rate: RateLimiterStrategy,
    types: PhantomData<fn() -> T>,
}

impl<T: Data, F: Fn(u64) -> T + Send + Sync + 'static> DataGeneratorSource<T, F> {
    /// `generate(0)`, `generate(1)` and so on without end.
    pub fn new(generate: F) -> Self {
        DataGeneratorSource {
            generate: Arc::new(generate),
            count: None,
            rate: RateLimiterStrategy::NoOp,
            types: PhantomData,
        }
    }

    /// Ends after `count` records, which makes the source bounded.
    #[must_use]
    pub fn with_count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Gives records no faster than `rate`, which all readers share.
    #[must_use]
    pub fn with_rate_limiter(mut self, rate: RateLimiterStrategy) -> Self {
        self.rate = rate;
        self
    }
}

impl<T: Data, F: Fn(u64) -> T + Send + Sync + 'static> Source for DataGeneratorSource<T, F> {
    type Item = T;
    type Split = StrideSplit;
    type Checkpoint = GeneratorCheckpoint;
    type Enumerator = GeneratorEnumerator;
    type Reader = GeneratorReader<T, F>;

    fn boundedness(&self) -> Boundedness {
        if self.count.is_some() { Boundedness::Bounded } else { Boundedness::ContinuousUnbounded }
    }

    fn create_enumerator(
        &self,
        cx: &EnumeratorContext,
        restored: Option<GeneratorCheckpoint>,
    ) -> Result<GeneratorEnumerator> {
        self.rate.check().map_err(Error::invalid)?;
        let phase_rows = self.rate.phase_rows(cx.parallelism);
        Ok(GeneratorEnumerator::new(self.count, phase_rows, cx.parallelism, restored))
    }

    fn create_reader(&self, cx: &ReaderContext) -> Result<Self::Reader> {
        let limiter = RateLimiter::new(self.rate, cx.env.clone(), cx.info.subtask.0, cx.info.parallelism);
        Ok(GeneratorReader::new(self.generate.clone(), limiter))
    }
}
