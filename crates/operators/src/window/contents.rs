//! What a window keeps of its records: one reduced value, an accumulator, or all of them.

use flott_api::function::{AggregateFunction, Elements, ReduceFunction};
use flott_core::{Data, EventTime, Result};

/// What a window keeps of records of type `T`.
pub trait WindowContents<T>: Clone + Send + Sync + 'static {
    /// What is kept.
    type Acc: Data;

    /// Adds a record. `acc` is `None` for the first one, and something afterwards.
    ///
    /// # Errors
    /// Fails the task.
    fn add(&mut self, acc: &mut Option<Self::Acc>, value: T, time: Option<EventTime>) -> Result<()>;

    /// Adds what another window has kept, with which the first one merges.
    ///
    /// # Errors
    /// Fails the task.
    fn merge(&mut self, into: Self::Acc, other: Self::Acc) -> Result<Self::Acc>;
}

/// Keeps the reduction.
#[derive(Clone)]
pub struct Reduced<F>(pub(super) F);

impl<T: Data, F: ReduceFunction<T>> WindowContents<T> for Reduced<F> {
    type Acc = T;

    #[inline]
    fn add(&mut self, acc: &mut Option<T>, value: T, _: Option<EventTime>) -> Result<()> {
        *acc = Some(match acc.take() {
            Some(so_far) => self.0.reduce(so_far, value)?,
            None => value,
        });
        Ok(())
    }

    fn merge(&mut self, into: T, other: T) -> Result<T> {
        self.0.reduce(into, other)
    }
}

/// Keeps the accumulator.
#[derive(Clone)]
pub struct Aggregated<F>(pub(super) F);

impl<F: AggregateFunction> WindowContents<F::In> for Aggregated<F> {
    type Acc = F::Acc;

    #[inline]
    fn add(&mut self, acc: &mut Option<F::Acc>, value: F::In, _: Option<EventTime>) -> Result<()> {
        self.0.add(acc.get_or_insert_with(|| self.0.create()), value);
        Ok(())
    }

    fn merge(&mut self, mut into: F::Acc, other: F::Acc) -> Result<F::Acc> {
        self.0.merge(&mut into, other);
        Ok(into)
    }
}

/// Keeps all records.
#[derive(Clone)]
pub struct Listed;

impl<T: Data> WindowContents<T> for Listed {
    type Acc = Vec<T>;

    #[inline]
    fn add(&mut self, acc: &mut Option<Vec<T>>, value: T, _: Option<EventTime>) -> Result<()> {
        acc.get_or_insert_with(Vec::new).push(value);
        Ok(())
    }

    fn merge(&mut self, mut into: Vec<T>, mut other: Vec<T>) -> Result<Vec<T>> {
        into.append(&mut other);
        Ok(into)
    }
}

/// Keeps all records with their times, for evictors.
#[derive(Clone)]
pub struct Timed;

impl<T: Data> WindowContents<T> for Timed {
    type Acc = Elements<T>;

    #[inline]
    fn add(&mut self, acc: &mut Option<Elements<T>>, value: T, time: Option<EventTime>) -> Result<()> {
        acc.get_or_insert_with(Elements::default).push(value, time);
        Ok(())
    }

    fn merge(&mut self, mut into: Elements<T>, other: Elements<T>) -> Result<Elements<T>> {
        into.append(other);
        Ok(into)
    }
}
