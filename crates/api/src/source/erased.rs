//! Sources without their types: what the runtime and the job master hold. One adapter leads there; it also gives
//! rows their event times and runs the watermark generators, which know the rows' type.

use super::{
    Boundedness, Discovery, EnumeratorContext, ReaderContext, ReaderEvent, Source, SourceReader, Split, SplitAssigner,
    SplitEnumerator,
};
use crate::control::SplitBytes;
use crate::watermark::Alignment;
use crate::{WatermarkGenerator, WatermarkStrategy};
use flott_core::{Batch, CheckpointId, Result, SubtaskIndex, Watermark, codec};
use flott_env::Env;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A source without its types.
pub trait AnySource: Send + Sync {
    /// Whether it ends by itself.
    fn boundedness(&self) -> Boundedness;
    /// As [`Source::create_enumerator`], with the checkpoint encoded.
    ///
    /// # Errors
    /// Fails the job.
    fn enumerator(&self, cx: &EnumeratorContext, restored: Option<&[u8]>) -> Result<Box<dyn AnyEnumerator>>;
    /// As [`Source::create_reader`].
    ///
    /// # Errors
    /// Fails the task.
    fn reader(&self, cx: &ReaderContext) -> Result<Box<dyn AnyReader>>;
    /// After how long without data a split is idle.
    fn idleness(&self) -> Option<Duration>;
    /// How the source is aligned with others.
    fn alignment(&self) -> Option<&Alignment>;
}

/// What an enumerator has decided, encoded.
#[derive(Debug, Default)]
pub struct Assigned {
    /// Splits by reader.
    pub splits: Vec<(SubtaskIndex, SplitBytes)>,
    /// Readers that get no more.
    pub no_more: Vec<SubtaskIndex>,
}

/// An enumerator without its types.
pub trait AnyEnumerator: Send {
    /// As [`SplitEnumerator::discover`]; the found splits come back encoded.
    fn discover(&mut self) -> Option<Discovery<SplitBytes>>;
    /// As [`SplitEnumerator::on_discovered`].
    ///
    /// # Errors
    /// Fails the job.
    fn on_discovered(&mut self, splits: Vec<SplitBytes>) -> Result<Assigned>;
    /// As [`SplitEnumerator::on_split_request`].
    ///
    /// # Errors
    /// Fails the job.
    fn on_split_request(&mut self, reader: SubtaskIndex) -> Result<Assigned>;
    /// As [`SplitEnumerator::snapshot`], encoded.
    ///
    /// # Errors
    /// Fails the checkpoint.
    fn snapshot(&self) -> Result<Vec<u8>>;
}

/// What a reader without its types has to give.
pub enum Emitted {
    /// Rows of one split, with their event times; after row `n` (counted from 1) of each pair comes its watermark.
    Rows {
        /// The split.
        split: Arc<str>,
        /// The rows.
        batch: Batch,
        /// Watermarks that the generator made from single rows, in order of rows.
        watermarks: Vec<(usize, Watermark)>,
    },
    /// As [`ReaderEvent::SplitFinished`].
    SplitFinished(Arc<str>),
    /// As [`ReaderEvent::RequestSplit`].
    RequestSplit,
    /// As [`ReaderEvent::End`].
    End,
}

/// A reader without its types.
pub trait AnyReader: Send {
    /// As [`SourceReader::add_splits`].
    ///
    /// # Errors
    /// Fails the task.
    fn add_splits(&mut self, splits: Vec<SplitBytes>) -> Result<()>;
    /// As [`SourceReader::no_more_splits`].
    fn no_more_splits(&mut self);
    /// As [`SourceReader::poll_next`].
    fn poll_next(&mut self, task: &mut Context<'_>, rows_max: usize) -> Poll<Result<Emitted>>;
    /// As [`SourceReader::snapshot`], encoded.
    ///
    /// # Errors
    /// Fails the task.
    fn snapshot(&mut self) -> Result<Vec<SplitBytes>>;
    /// Asks every split's generator for its watermark.
    fn periodic_watermarks(&mut self, each: &mut dyn FnMut(&Arc<str>, Watermark));
    /// As [`SourceReader::on_checkpoint_complete`].
    ///
    /// # Errors
    /// Fails the task.
    fn on_checkpoint_complete(&mut self, checkpoint: CheckpointId) -> Result<()>;
    /// As [`SourceReader::set_paused`].
    fn set_paused(&mut self, split: &str, paused: bool) -> bool;
}

/// A typed source with its watermark strategy, as an [`AnySource`].
pub struct SourceAdapter<S: Source> {
    source: S,
    strategy: WatermarkStrategy<S::Item>,
}

impl<S: Source> SourceAdapter<S> {
    /// `source`, whose rows get event time by `strategy`.
    pub fn new(source: S, strategy: WatermarkStrategy<S::Item>) -> Self {
        SourceAdapter { source, strategy }
    }
}

impl<S: Source> AnySource for SourceAdapter<S> {
    fn boundedness(&self) -> Boundedness {
        self.source.boundedness()
    }

    fn enumerator(&self, cx: &EnumeratorContext, restored: Option<&[u8]>) -> Result<Box<dyn AnyEnumerator>> {
        let restored = restored.map(codec::from_bytes).transpose()?;
        let inner = self.source.create_enumerator(cx, restored)?;
        Ok(Box::new(EnumeratorAdapter { inner, parallelism: cx.parallelism }))
    }

    fn reader(&self, cx: &ReaderContext) -> Result<Box<dyn AnyReader>> {
        Ok(Box::new(ReaderAdapter {
            inner: self.source.create_reader(cx)?,
            strategy: self.strategy.clone(),
            generators: BTreeMap::new(),
            env: cx.env.clone(),
        }))
    }

    fn idleness(&self) -> Option<Duration> {
        self.strategy.idleness
    }

    fn alignment(&self) -> Option<&Alignment> {
        self.strategy.alignment.as_ref()
    }
}

fn encode_split<S: Split>(split: &S) -> Result<SplitBytes> {
    Ok(SplitBytes { id: split.id(), bytes: codec::to_bytes(split)? })
}

fn decode_splits<S: Split>(splits: Vec<SplitBytes>) -> Result<Vec<S>> {
    splits.iter().map(|s| codec::from_bytes(&s.bytes)).collect()
}

struct EnumeratorAdapter<E> {
    inner: E,
    parallelism: u32,
}

impl<E: SplitEnumerator> EnumeratorAdapter<E> {
    fn decide(&mut self, ask: impl FnOnce(&mut E, &mut SplitAssigner<E::Split>) -> Result<()>) -> Result<Assigned> {
        let mut assigner = SplitAssigner::new(self.parallelism);
        ask(&mut self.inner, &mut assigner)?;
        let (splits, no_more) = assigner.into_decisions();
        let splits = splits.iter().map(|(reader, split)| Ok((*reader, encode_split(split)?))).collect::<Result<_>>()?;
        Ok(Assigned { splits, no_more })
    }
}

impl<E: SplitEnumerator> AnyEnumerator for EnumeratorAdapter<E> {
    fn discover(&mut self) -> Option<Discovery<SplitBytes>> {
        let Discovery { delay, find } = self.inner.discover()?;
        let find = Box::new(move || find()?.iter().map(encode_split).collect());
        Some(Discovery { delay, find })
    }

    fn on_discovered(&mut self, splits: Vec<SplitBytes>) -> Result<Assigned> {
        let splits = decode_splits(splits)?;
        self.decide(|inner, assigner| inner.on_discovered(splits, assigner))
    }

    fn on_split_request(&mut self, reader: SubtaskIndex) -> Result<Assigned> {
        self.decide(|inner, assigner| inner.on_split_request(reader, assigner))
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        codec::to_bytes(&self.inner.snapshot()?)
    }
}

struct ReaderAdapter<R: SourceReader> {
    inner: R,
    strategy: WatermarkStrategy<R::Item>,
    /// One per split that has given rows.
    generators: BTreeMap<Arc<str>, Box<dyn WatermarkGenerator<R::Item>>>,
    env: Env,
}

impl<R: SourceReader> ReaderAdapter<R> {
    fn rows(&mut self, split: Arc<str>, rows: Vec<R::Item>, times: Option<Vec<flott_core::EventTime>>) -> Emitted {
        let times = self.strategy.timestamps.assign(&rows, times, self.env.now());
        let mut watermarks = Vec::new();
        if let Some(times) = &times {
            if !self.generators.contains_key(&split) {
                self.generators.insert(split.clone(), self.strategy.generator());
            }
            if let Some(generator) = self.generators.get_mut(&split) {
                crate::watermark::observe(&mut **generator, &rows, times, &mut watermarks);
            }
        }
        Emitted::Rows { split, batch: Batch::timed(rows, times), watermarks }
    }
}

impl<R: SourceReader> AnyReader for ReaderAdapter<R> {
    fn add_splits(&mut self, splits: Vec<SplitBytes>) -> Result<()> {
        self.inner.add_splits(decode_splits(splits)?)
    }

    fn no_more_splits(&mut self) {
        self.inner.no_more_splits();
    }

    fn poll_next(&mut self, task: &mut Context<'_>, rows_max: usize) -> Poll<Result<Emitted>> {
        self.inner.poll_next(task, rows_max).map_ok(|event| match event {
            ReaderEvent::Rows { split, rows, times } => self.rows(split, rows, times),
            ReaderEvent::SplitFinished(split) => {
                self.generators.remove(&split);
                Emitted::SplitFinished(split)
            }
            ReaderEvent::RequestSplit => Emitted::RequestSplit,
            ReaderEvent::End => Emitted::End,
        })
    }

    fn snapshot(&mut self) -> Result<Vec<SplitBytes>> {
        self.inner.snapshot()?.iter().map(encode_split).collect()
    }

    fn periodic_watermarks(&mut self, each: &mut dyn FnMut(&Arc<str>, Watermark)) {
        for (split, generator) in &mut self.generators {
            if let Some(watermark) = generator.on_periodic() {
                each(split, watermark);
            }
        }
    }

    fn on_checkpoint_complete(&mut self, checkpoint: CheckpointId) -> Result<()> {
        self.inner.on_checkpoint_complete(checkpoint)
    }

    fn set_paused(&mut self, split: &str, paused: bool) -> bool {
        self.inner.set_paused(split, paused)
    }
}
