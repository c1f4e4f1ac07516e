//! All subtasks of an operator, which is stopped and goes on elsewhere: at another parallelism, on the heap or on a store.

use super::{Harness, MAX, Setup, Snapshot};
use flott_api::OperatorFactory;
use flott_core::{Data, Key, KeyHash, MaxParallelism};
use proptest::prelude::*;

/// How much of a store is in memory: hardly anything.
const WORKING_SET_BYTES: usize = 200;

/// How an operator goes on after a checkpoint.
#[derive(Clone, Debug)]
pub struct Move {
    pub parallelism: u32,
    /// From the heap to a store, or back, by a savepoint.
    pub is_to_other: bool,
}

impl Move {
    /// Any.
    pub fn any() -> impl Strategy<Value = Move> {
        let parallelism = prop::sample::select(vec![1, 2, 3, 7]);
        let is_to_other = prop::bool::weighted(0.3);
        (parallelism, is_to_other).prop_map(|(parallelism, is_to_other)| Move { parallelism, is_to_other })
    }
}

/// All subtasks of an operator.
pub struct Fleet<'a> {
    factory: &'a dyn OperatorFactory,
    pub subtasks: Vec<Harness>,
    inputs: usize,
    is_on_store: bool,
    watermark: i64,
    late: u64,
}

impl<'a> Fleet<'a> {
    pub fn new(factory: &'a dyn OperatorFactory, inputs: usize, is_on_store: bool) -> Fleet<'a> {
        let mut fleet = Fleet { factory, subtasks: Vec::new(), inputs, is_on_store, watermark: i64::MIN, late: 0 };
        fleet.start(2, &[]);
        fleet
    }

    fn start(&mut self, parallelism: u32, restore: &[Snapshot]) {
        let subtask = |subtask| {
            let store = self.is_on_store.then_some(WORKING_SET_BYTES);
            let (restore, inputs) = (restore.to_vec(), self.inputs);
            Harness::with(self.factory, Setup { subtask, parallelism, restore, inputs, store, ..Setup::default() })
        };
        self.subtasks = (0..parallelism).map(|n| subtask(n).unwrap()).collect();
        // Watermarks are not part of checkpoints: they come anew.
        self.watermark(self.watermark);
    }

    /// Sends rows with times to an input, one batch for each subtask.
    pub fn send<T: Data, K: Key>(&mut self, input: usize, rows: Vec<(T, i64)>, key: impl Fn(&T) -> K) {
        let max = MaxParallelism::new(MAX).unwrap();
        let owner = |row: &T| max.owner(max.key_group(KeyHash::of(&key(row))), self.subtasks.len() as u32);
        let mut batches: Vec<Vec<(T, i64)>> = self.subtasks.iter().map(|_| Vec::new()).collect();
        rows.into_iter().for_each(|row| batches[owner(&row.0) as usize].push(row));
        let batches = self.subtasks.iter_mut().zip(batches);
        batches.for_each(|(h, rows)| h.process_on(input, rows).unwrap());
    }

    pub fn watermark(&mut self, to: i64) {
        self.watermark = self.watermark.max(to);
        self.subtasks.iter_mut().for_each(|h| h.watermark(to).unwrap());
    }

    /// Stops and goes on. What was given out and not taken is gone.
    pub fn go_on(&mut self, to: &Move) {
        self.late = self.late();
        let snapshots: Vec<Snapshot> =
            (self.subtasks.iter_mut()).map(|h| if to.is_to_other { h.savepoint() } else { h.snapshot() }).collect();
        self.is_on_store ^= to.is_to_other;
        self.start(to.parallelism, &snapshots);
    }

    pub fn take<T: Data>(&mut self) -> Vec<T> {
        self.subtasks.iter_mut().flat_map(Harness::take).collect()
    }

    pub fn late(&self) -> u64 {
        self.late + self.subtasks.iter().map(|h| h.cx.metrics.late_records_dropped.get()).sum::<u64>()
    }

    pub fn entries(&mut self) -> usize {
        self.subtasks.iter_mut().map(Harness::entries).sum()
    }
}
