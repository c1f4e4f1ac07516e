//! The window operator of one keyed input.

use super::core::{Plan, WindowCore};
use super::{WindowContents, WindowResults};
use crate::fire::{Due, advance_event_time};
use crate::keys::{Keys, Selector, keyed_rows, keyed_state};
use flott_api::function::{Trigger, WindowAssigner};
use flott_api::operator::Progress;
use flott_api::{KeyedRows, Operator, OperatorContext, OperatorFactory, Output};
use flott_core::{Batch, Data, Error, Key, KeyGroupRange, MaxParallelism, ProcessingTime, Result, Watermark};
use flott_state::AnyKeyedState;

/// Makes window operators. Put together by [`super::Windowed`].
pub struct WindowFactory<K, T, A, Tr, C, R> {
    pub(super) selector: Selector<T, K>,
    pub(super) plan: Plan<T, A, Tr, C, R>,
}

/// Whether assigner and trigger can work, and work together.
pub(super) fn check<T, A: WindowAssigner<T>, Tr: Trigger<T, A::Window>>(assigner: &A, trigger: &Tr) -> Result<()> {
    assigner.check()?;
    if assigner.is_merging() && !trigger.can_merge() {
        return Err(Error::invalid(
            "windows that merge cannot be used with a trigger that cannot follow them; choose another trigger, or \
             implement `can_merge`, `merge_state` and `on_merge` for it",
        ));
    }
    Ok(())
}

impl<K, T, A, Tr, C, R> OperatorFactory for WindowFactory<K, T, A, Tr, C, R>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    C: WindowContents<T>,
    R: WindowResults<K, A::Window, C::Acc>,
{
    fn create(&self) -> Result<Box<dyn Operator>> {
        check(&self.plan.assigner, &self.plan.trigger)?;
        let (keys, core) = (Keys::new(self.selector.clone()), WindowCore::new(self.plan.clone()));
        Ok(Box::new(WindowOperator { keys, core }))
    }

    fn keyed_state(&self, max: MaxParallelism, range: KeyGroupRange) -> Option<Box<dyn AnyKeyedState>> {
        keyed_state::<K>(max, range)
    }

    fn keyed_rows(&self, _: usize) -> Option<Box<dyn KeyedRows>> {
        keyed_rows(&self.selector)
    }
}

struct WindowOperator<K, T, A, Tr, C, R>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    C: WindowContents<T>,
    R: WindowResults<K, A::Window, C::Acc>,
{
    keys: Keys<T, K>,
    core: WindowCore<K, T, A, Tr, C, R>,
}

impl<K, T, A, Tr, C, R> Operator for WindowOperator<K, T, A, Tr, C, R>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    C: WindowContents<T>,
    R: WindowResults<K, A::Window, C::Acc>,
{
    fn open(&mut self, cx: &mut OperatorContext) -> Result<()> {
        self.core.open(cx)
    }

    fn process(&mut self, _: usize, batch: Batch, cx: &mut OperatorContext, out: &mut dyn Output) -> Result<()> {
        let (rows, times) = batch.into_rows::<T>()?;
        let keys = self.keys.of(&rows, cx)?;
        self.core.add(rows, times, keys, cx, out)
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
