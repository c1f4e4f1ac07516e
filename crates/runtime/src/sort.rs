//! The input of a keyed operator in batch mode: everything is collected and sorted by key and time before the
//! operator is given any of it, as in Flink.
//!
//! ```text
//! input -> Unsorted -> the task -> `add` -> sorter: memory, runs in temporary files
//!   End ------------------------------------> merged -> chunk: rows of whole keys -> Batch ..., EndKeys
//!                                                                          at last -> Watermark::MAX, EndInput, End
//! ```
//!
//! An operator is so given one key after the other, and what it keeps of a key need not be kept longer than its rows
//! come. Keys are not ended one at a time but some at once, as many as make a batch: all of their rows, then
//! [`InputEvent::EndKeys`]. A key with more rows than a batch comes in several. Of two inputs the rows of these keys
//! are put together to few batches, each key's in their order; batches of one row would take three times as long.
//!
//! An input that is not keyed, the broadcast one, is passed on as it comes, and so before the others. What may block
//! runs on the blocking pool: sorting, writing, reading. The next chunk is made while the task works on this one.

mod merge;
mod record;
mod sorter;

use crate::input::{Input, InputEvent};
use flott_api::keyed_rows::{EncodedRows, KeyedRows};
use flott_core::config::{EXCHANGE_BATCH_ROWS, IO_TMP_DIRS, SORTED_INPUTS_MEMORY};
use flott_core::{Batch, Configuration, Error, ProcessingTime, Result, Watermark};
use flott_env::{Blocking, Env, TempFolder};
use merge::{Chunk, Sorted};
use sorter::{Limits, Sorter};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs of one level that are merged at once.
const FAN: usize = 64;

/// The inputs of a task, sorted.
pub(crate) struct SortedInput {
    env: Env,
    input: Input,
    /// One per input; `None` for one that is passed on as it comes.
    rows: Vec<Option<Box<dyn KeyedRows>>>,
    stage: Stage,
    /// What is passed on next.
    chunk: Chunk,
    /// What comes after all of it.
    last: VecDeque<InputEvent>,
    encoded: EncodedRows,
    chunk_rows: usize,
    /// Bytes of memory and of files that are taken.
    pub(crate) taken: Taken,
}

/// How much there is to be sorted, for metrics.
#[derive(Clone, Copy, Default)]
pub(crate) struct Taken {
    pub memory_bytes: u64,
    pub spilled_bytes: u64,
}

/// The next rows in order, and those after them.
type Merged = (Box<Sorted>, Chunk);

enum Stage {
    /// Records come in.
    Collecting(Box<Sorter>),
    /// The memory is being written to a file.
    Spilling(Blocking<Result<Box<Sorter>>>),
    /// The next rows in order are on their way.
    Merging(Blocking<Result<Option<Merged>>>),
    /// Everything has been passed on, or failed.
    Ended,
}

impl SortedInput {
    /// Sorts those of the inputs for which there are rows. `turn` divides the temporary folders among subtasks.
    pub(crate) fn new(
        input: Input,
        rows: Vec<Option<Box<dyn KeyedRows>>>,
        config: &Configuration,
        env: &Env,
        turn: usize,
    ) -> Result<Self> {
        let memory_bytes = usize::try_from(config.get(&SORTED_INPUTS_MEMORY)?.0).unwrap_or(usize::MAX);
        let dirs = config.get_optional(&IO_TMP_DIRS)?;
        let folder = TempFolder::choose(dirs.as_deref(), turn);
        let sorter = Sorter::new(Limits { memory_bytes, fan: FAN }, folder);
        Ok(SortedInput {
            env: env.clone(),
            // Whatever waits for the broadcast input waits in the sorter.
            input: input.in_any_order(),
            rows,
            stage: Stage::Collecting(Box::new(sorter)),
            chunk: Chunk::default(),
            last: VecDeque::new(),
            encoded: EncodedRows::default(),
            chunk_rows: config.get(&EXCHANGE_BATCH_ROWS)?.max(1),
            taken: Taken::default(),
        })
    }

    /// Takes what was passed on as [`InputEvent::Unsorted`].
    pub(crate) fn add(&mut self, input: usize, batch: &Batch) -> Result<()> {
        let (Stage::Collecting(sorter), Some(Some(rows))) = (&mut self.stage, self.rows.get_mut(input)) else {
            return Err(Error::internal("records came to be sorted after the end of their input"));
        };
        self.encoded.clear();
        rows.encode(batch, &mut self.encoded)?;
        for (row, key, bytes) in self.encoded.iter() {
            sorter.add(&record::of_row(row.hash, key, row.time, input, bytes))?;
        }
        self.taken.memory_bytes = sorter.memory_bytes() as u64;
        Ok(())
    }

    /// The next event. Pending when there is none yet.
    pub(crate) fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Result<InputEvent>> {
        loop {
            if let Some(event) = self.next_of_chunk()? {
                return Poll::Ready(Ok(event));
            }
            match std::mem::replace(&mut self.stage, Stage::Ended) {
                Stage::Collecting(sorter) if sorter.is_full() => self.spill(sorter),
                // There are no checkpoints, so nobody asks what time it is.
                Stage::Collecting(sorter) => match self.input.poll_next(task, || ProcessingTime::MAX) {
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(InputEvent::End)) => self.merge(sorter),
                    Poll::Ready(Ok(event)) => {
                        self.stage = Stage::Collecting(sorter);
                        if let Some(event) = self.pass_on(event) {
                            return Poll::Ready(Ok(event));
                        }
                    }
                    Poll::Pending => {
                        self.stage = Stage::Collecting(sorter);
                        return Poll::Pending;
                    }
                },
                Stage::Spilling(mut spilling) => match Pin::new(&mut spilling).poll(task) {
                    Poll::Ready(sorter) => {
                        let sorter = sorter??;
                        self.taken = Taken { memory_bytes: 0, spilled_bytes: sorter.spilled_bytes() };
                        self.stage = Stage::Collecting(sorter);
                    }
                    Poll::Pending => {
                        self.stage = Stage::Spilling(spilling);
                        return Poll::Pending;
                    }
                },
                Stage::Merging(mut merging) => match Pin::new(&mut merging).poll(task) {
                    Poll::Ready(merged) => match merged?? {
                        Some((sorted, chunk)) => {
                            self.chunk = chunk;
                            self.make_chunk(sorted);
                        }
                        None => self.taken.memory_bytes = 0,
                    },
                    Poll::Pending => {
                        self.stage = Stage::Merging(merging);
                        return Poll::Pending;
                    }
                },
                Stage::Ended => return self.last.pop_front().map_or(Poll::Pending, |event| Poll::Ready(Ok(event))),
            }
        }
    }

    /// What the task is told of an event of its input: nothing, of what is said again when all has been sorted.
    fn pass_on(&self, event: InputEvent) -> Option<InputEvent> {
        let is_sorted = |input: usize| self.rows.get(input).is_some_and(Option::is_some);
        match event {
            InputEvent::Batch(input, batch) if is_sorted(input) => Some(InputEvent::Unsorted(input, batch)),
            InputEvent::EndInput(input) if is_sorted(input) => None,
            InputEvent::Watermark(_) | InputEvent::Idle => None,
            event => Some(event),
        }
    }

    fn next_of_chunk(&mut self) -> Result<Option<InputEvent>> {
        if let Some(segment) = self.chunk.segments.pop_front() {
            let Some(Some(rows)) = self.rows.get_mut(segment.input) else {
                return Err(Error::internal("sorted records belong to no input"));
            };
            let batch = rows.decode(&segment.bytes, segment.count, segment.times)?;
            return Ok(Some(InputEvent::Batch(segment.input, batch)));
        }
        Ok(std::mem::take(&mut self.chunk.ends_keys).then_some(InputEvent::EndKeys))
    }

    fn spill(&mut self, mut sorter: Box<Sorter>) {
        self.stage = Stage::Spilling(self.env.blocking(move || {
            sorter.spill()?;
            Ok(sorter)
        }));
    }

    fn merge(&mut self, sorter: Box<Sorter>) {
        let sorted_inputs = self.rows.iter().enumerate().filter(|(_, rows)| rows.is_some());
        self.last.push_back(InputEvent::Watermark(Watermark::MAX));
        self.last.extend(sorted_inputs.map(|(input, _)| InputEvent::EndInput(input)));
        self.last.push_back(InputEvent::End);
        let rows_max = self.chunk_rows;
        self.stage = Stage::Merging(self.env.blocking(move || next_chunk(Box::new(sorter.finish()?), rows_max)));
    }

    fn make_chunk(&mut self, sorted: Box<Sorted>) {
        let rows_max = self.chunk_rows;
        self.stage = Stage::Merging(self.env.blocking(move || next_chunk(sorted, rows_max)));
    }
}

fn next_chunk(mut sorted: Box<Sorted>, rows_max: usize) -> Result<Option<Merged>> {
    Ok(sorted.next_chunk(rows_max)?.map(|chunk| (sorted, chunk)))
}

#[cfg(test)]
mod tests;
