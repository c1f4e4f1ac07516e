//! Window join and co-group: two keyed streams in the same windows.
//!
//! The records of both are tagged and put into the same windows of the same keys. A join gives the pairs of a
//! window, so a record without a partner yields nothing; a co-group sees both sides, even if one is empty. Results
//! have the window's largest time.

use super::apply::{CoGroupAll, Pairs};
use super::builder::Windowed;
use super::contents::{Listed, Timed};
use super::core::WindowCore;
use super::operator::{WindowFactory, check};
use super::results::{ProcessEvicted, ProcessList};
use super::{CoGroupFunction, WindowContents, WindowResults};
use crate::co_process::no_such_input;
use crate::fire::{Due, advance_event_time};
use crate::keys::{Keys, Selector, keyed_rows, keyed_state};
use flott_api::function::{Collector, Evictor, OutputTag, Trigger, WindowAssigner};
use flott_api::key_selector::Owned;
use flott_api::operator::Progress;
use flott_api::{KeyedRows, Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Key, KeyGroupRange, MaxParallelism, ProcessingTime, Result, Watermark};
use flott_state::AnyKeyedState;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A record of one of two streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tagged<A, B> {
    /// Of the first.
    One(A),
    /// Of the second.
    Two(B),
}

/// Two keyed streams cut into the same windows.
pub struct JoinWindowed<K, A, B, W, Tr> {
    selector1: Selector<A, K>,
    selector2: Selector<B, K>,
    windowed: Windowed<K, Tagged<A, B>, W, Tr>,
}

impl<K: Key, A: Data, B: Data, W: WindowAssigner<Tagged<A, B>>> JoinWindowed<K, A, B, W, W::DefaultTrigger> {
    /// The records of both streams in the windows of `assigner`, per key that the selectors find.
    pub fn new(selector1: Selector<A, K>, selector2: Selector<B, K>, assigner: W) -> Self {
        JoinWindowed { selector1, selector2, windowed: Windowed::new(unused_selector(), assigner) }
    }
}

/// The tagged records' keys are found before they are tagged.
fn unused_selector<K: Key, T: 'static>() -> Selector<T, K> {
    Arc::new(Owned::new(|_: &T| unreachable!("a join finds keys on each of its inputs")))
}

impl<K, A, B, W, Tr> JoinWindowed<K, A, B, W, Tr>
where
    K: Key,
    A: Data,
    B: Data,
    W: WindowAssigner<Tagged<A, B>>,
    Tr: Trigger<Tagged<A, B>, W::Window>,
{
    /// Sets when windows fire, in place of the assigner's own trigger.
    #[must_use]
    pub fn trigger<Tr2>(self, trigger: Tr2) -> JoinWindowed<K, A, B, W, Tr2>
    where
        Tr2: Trigger<Tagged<A, B>, W::Window>,
    {
        let JoinWindowed { selector1, selector2, windowed } = self;
        JoinWindowed { selector1, selector2, windowed: windowed.trigger(trigger) }
    }

    /// Keeps windows for so long after their end, to let late records in. Each of them fires the window again.
    #[must_use]
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.windowed = self.windowed.allowed_lateness(lateness);
        self
    }

    /// Sends records that are too late to a side output, tagged.
    #[must_use]
    pub fn side_output_late_data(mut self, tag: &OutputTag<Tagged<A, B>>) -> Self {
        self.windowed = self.windowed.side_output_late_data(tag);
        self
    }

    /// What `f(one, two)` makes of each pair of a window.
    pub fn join<U, F>(self, mut f: F) -> impl OperatorFactory + use<K, A, B, W, Tr, U, F>
    where
        U: Data,
        F: FnMut(&A, &B) -> U + Clone + Send + Sync + 'static,
    {
        self.flat_join(move |one: &A, two: &B, out: &mut Collector<U>| out.collect(f(one, two)))
    }

    /// What `f(one, two, out)` collects for each pair of a window.
    pub fn flat_join<U, F>(self, f: F) -> impl OperatorFactory + use<K, A, B, W, Tr, U, F>
    where
        U: Data,
        F: FnMut(&A, &B, &mut Collector<U>) + Clone + Send + Sync + 'static,
    {
        self.co_group(Pairs::new(f))
    }

    /// What `function(key, ones, twos, out)` collects for each window.
    pub fn co_group<U, F>(self, function: F) -> impl OperatorFactory + use<K, A, B, W, Tr, U, F>
    where
        U: Data,
        F: CoGroupFunction<K, A, B, U>,
    {
        let JoinWindowed { selector1, selector2, windowed } = self;
        JoinFactory { selector1, selector2, window: windowed.build(Listed, ProcessList(CoGroupAll::new(function))) }
    }

    /// As [`JoinWindowed::co_group`], of what `evictor` leaves of each window.
    pub fn evict_and_co_group<U, F, E>(
        self,
        evictor: E,
        function: F,
    ) -> impl OperatorFactory + use<K, A, B, W, Tr, U, F, E>
    where
        U: Data,
        F: CoGroupFunction<K, A, B, U>,
        E: Evictor<Tagged<A, B>, W::Window>,
    {
        let JoinWindowed { selector1, selector2, windowed } = self;
        let results = ProcessEvicted(evictor, CoGroupAll::new(function));
        JoinFactory { selector1, selector2, window: windowed.build(Timed, results) }
    }
}

struct JoinFactory<K, A, B, W, Tr, C, R> {
    selector1: Selector<A, K>,
    selector2: Selector<B, K>,
    window: WindowFactory<K, Tagged<A, B>, W, Tr, C, R>,
}

impl<K, A, B, W, Tr, C, R> OperatorFactory for JoinFactory<K, A, B, W, Tr, C, R>
where
    K: Key,
    A: Data,
    B: Data,
    W: WindowAssigner<Tagged<A, B>>,
    Tr: Trigger<Tagged<A, B>, W::Window>,
    C: WindowContents<Tagged<A, B>>,
    R: WindowResults<K, W::Window, C::Acc>,
{
    fn create(&self) -> Result<Box<dyn Operator>> {
        check(&self.window.plan.assigner, &self.window.plan.trigger)?;
        Ok(Box::new(JoinOperator {
            keys1: Keys::new(self.selector1.clone()),
            keys2: Keys::new(self.selector2.clone()),
            core: WindowCore::new(self.window.plan.clone()),
        }))
    }

    fn keyed_state(&self, max: MaxParallelism, range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
        keyed_state::<K>(max, range)
    }

    fn keyed_rows(&self, input: usize) -> Option<Box<dyn KeyedRows>> {
        if input == 0 { keyed_rows(&self.selector1) } else { keyed_rows(&self.selector2) }
    }
}

struct JoinOperator<K, A, B, W, Tr, C, R>
where
    K: Key,
    A: Data,
    B: Data,
    W: WindowAssigner<Tagged<A, B>>,
    Tr: Trigger<Tagged<A, B>, W::Window>,
    C: WindowContents<Tagged<A, B>>,
    R: WindowResults<K, W::Window, C::Acc>,
{
    keys1: Keys<A, K>,
    keys2: Keys<B, K>,
    core: WindowCore<K, Tagged<A, B>, W, Tr, C, R>,
}

impl<K, A, B, W, Tr, C, R> Operator for JoinOperator<K, A, B, W, Tr, C, R>
where
    K: Key,
    A: Data,
    B: Data,
    W: WindowAssigner<Tagged<A, B>>,
    Tr: Trigger<Tagged<A, B>, W::Window>,
    C: WindowContents<Tagged<A, B>>,
    R: WindowResults<K, W::Window, C::Acc>,
{
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.core.open(cx)
    }

    fn process(&mut self, input: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        match input {
            0 => {
                let (rows, times) = batch.into_rows::<A>()?;
                let keys = self.keys1.of(&rows, cx)?;
                self.core.add(rows.into_iter().map(Tagged::One).collect(), times, keys, cx, out)
            }
            1 => {
                let (rows, times) = batch.into_rows::<B>()?;
                let keys = self.keys2.of(&rows, cx)?;
                self.core.add(rows.into_iter().map(Tagged::Two).collect(), times, keys, cx, out)
            }
            _ => Err(no_such_input(input)),
        }
    }

    fn advance_event_time(
        &mut self,
        to: Watermark,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
    ) -> Result<Progress> {
        advance_event_time(to, cx, |due, cx| self.core.fire_due(due, cx, out))
    }

    fn advance_processing_time(
        &mut self,
        now: ProcessingTime,
        cx: &mut OperatorContext,
        out: &mut dyn Output,
    ) -> Result<Progress> {
        self.core.fire_due(Due::Processing(now), cx, out)
    }
}
