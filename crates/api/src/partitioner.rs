//! Which of the downstream subtasks a record goes to.

use crate::KeySelector;
use flott_core::{Batch, Data, Error, Key, MaxParallelism, Payload, Result};
use std::marker::PhantomData;
use std::sync::Arc;

/// How an edge of the job connects the subtasks of its two ends. Names and meaning are Flink's.
#[derive(Clone)]
pub enum Partitioning {
    /// Subtask i to subtask i; both ends have the same parallelism.
    Forward,
    /// In turn over all downstream subtasks, starting at a random one.
    Rebalance,
    /// In turn over a few downstream subtasks, so that each pair of ends is connected by few channels.
    Rescale,
    /// To a random downstream subtask.
    Shuffle,
    /// To every downstream subtask.
    Broadcast,
    /// To the first downstream subtask.
    Global,
    /// To the subtask that owns the key.
    Hash(Arc<dyn Router>),
    /// To the subtask that the user's partitioner chooses.
    Custom(Arc<dyn Router>),
}

impl Partitioning {
    /// Flink's name, for plans and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Partitioning::Forward => "FORWARD",
            Partitioning::Rebalance => "REBALANCE",
            Partitioning::Rescale => "RESCALE",
            Partitioning::Shuffle => "SHUFFLE",
            Partitioning::Broadcast => "BROADCAST",
            Partitioning::Global => "GLOBAL",
            Partitioning::Hash(_) => "HASH",
            Partitioning::Custom(_) => "CUSTOM",
        }
    }

    /// Whether the barriers of an unaligned checkpoint may overtake records here: if the records can be dealt out
    /// again at another parallelism. Not where subtasks belong together in pairs, because the order of records would be
    /// lost, and not where all receivers must have seen the same.
    pub fn can_be_overtaken(&self) -> bool {
        !self.is_pointwise() && !matches!(self, Partitioning::Broadcast)
    }

    /// Whether a sender has channels to some downstream subtasks only.
    pub fn is_pointwise(&self) -> bool {
        matches!(self, Partitioning::Forward | Partitioning::Rescale)
    }
}

impl std::fmt::Debug for Partitioning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Chooses a channel for each row of a batch.
pub trait Router: Send + Sync {
    /// Writes one channel (0 to `parallelism` - 1) per row into `channels`.
    ///
    /// # Errors
    /// `Data` or `Invalid` when user code chooses wrongly.
    fn route(&self, batch: &Batch, max: MaxParallelism, parallelism: u32, channels: &mut Vec<u32>) -> Result<()>;
}

/// Routes typed rows by key.
pub struct KeyRouter<T, K> {
    selector: Arc<dyn KeySelector<T, K>>,
}

impl<T, K> KeyRouter<T, K> {
    /// Routes by what `selector` finds.
    pub fn new(selector: Arc<dyn KeySelector<T, K>>) -> Self {
        KeyRouter { selector }
    }
}

impl<T: Data, K: Key> Router for KeyRouter<T, K> {
    fn route(&self, batch: &Batch, max: MaxParallelism, parallelism: u32, channels: &mut Vec<u32>) -> Result<()> {
        self.selector.route(typed::<T>(batch)?, max, parallelism, channels);
        Ok(())
    }
}

/// Routes typed rows by a user's function of key and number of channels.
pub struct CustomRouter<T, F> {
    choose: F,
    types: PhantomData<fn(&T)>,
}

impl<T, F> CustomRouter<T, F> {
    /// Routes each row to the channel that `choose(row, channels)` returns.
    pub fn new(choose: F) -> Self {
        CustomRouter { choose, types: PhantomData }
    }
}

impl<T: Data, F: Fn(&T, u32) -> u32 + Send + Sync> Router for CustomRouter<T, F> {
    fn route(&self, batch: &Batch, _: MaxParallelism, parallelism: u32, channels: &mut Vec<u32>) -> Result<()> {
        channels.clear();
        for row in typed::<T>(batch)? {
            let channel = (self.choose)(row, parallelism);
            if channel >= parallelism {
                return Err(Error::invalid(format!(
                    "the partitioner chose channel {channel} of {parallelism}; return a number below that of the channels"
                )));
            }
            channels.push(channel);
        }
        Ok(())
    }
}

/// The rows of a batch as `T`, by reference.
///
/// # Errors
/// `Internal` when the rows are of another type.
pub fn typed<T: Data>(batch: &Batch) -> Result<&[T]> {
    let found = match batch.payload() {
        Payload::Rows(rows) => match rows.as_any().downcast_ref::<Vec<T>>() {
            Some(rows) => return Ok(rows),
            None => rows.row_type(),
        },
        Payload::Columns(_) => "Arrow columns",
    };
    Err(Error::internal(format!(
        "a partitioner expects rows of type {} and is given {found}",
        std::any::type_name::<T>()
    )))
}
