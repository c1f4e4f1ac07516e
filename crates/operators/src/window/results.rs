//! What a window says when it fires.

use flott_api::OperatorContext;
use flott_api::function::{
    AggregateFunction, Collector, Elements, EvictTimes, Evictor, KeyedOpenContext, ProcessWindowFunction, SideOutputs,
    Window, WindowContext,
};
use flott_core::{Data, Key, Result};
use std::slice;

/// Makes results of what a window has kept.
pub trait WindowResults<K: Key, W: Window, A>: Clone + Send + Sync + 'static {
    /// What goes out.
    type Out: Data;

    /// Registers state.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut KeyedOpenContext<'_, K>) -> Result<()> {
        Ok(())
    }

    /// The window fires.
    ///
    /// # Errors
    /// Fails the task.
    fn fire(&mut self, acc: &mut A, firing: Firing<'_, W>, out: &mut Collector<Self::Out>) -> Result<()>;

    /// The window goes.
    ///
    /// # Errors
    /// Fails the task.
    fn clear(&mut self, _firing: Firing<'_, W>) -> Result<()> {
        Ok(())
    }
}

/// A window that fires or goes: what the context of a user's function is made of, should there be one.
pub struct Firing<'a, W> {
    pub(super) cx: &'a mut OperatorContext,
    pub(super) side: &'a mut SideOutputs,
    pub(super) window: W,
    pub(super) merging: bool,
}

impl<'a, W: Window> Firing<'a, W> {
    fn context<K: Key>(self) -> Result<WindowContext<'a, K, W>> {
        WindowContext::new(self.cx, self.side, self.window, self.merging)
    }
}

/// The value itself.
#[derive(Clone)]
pub struct Value;

impl<K: Key, W: Window, A: Data> WindowResults<K, W, A> for Value {
    type Out = A;

    #[inline]
    fn fire(&mut self, acc: &mut A, _: Firing<'_, W>, out: &mut Collector<A>) -> Result<()> {
        out.collect(acc.clone());
        Ok(())
    }
}

/// What an aggregate function makes of its accumulator.
#[derive(Clone)]
pub struct AggregateResult<F>(pub(super) F);

impl<K: Key, W: Window, F: AggregateFunction> WindowResults<K, W, F::Acc> for AggregateResult<F> {
    type Out = F::Out;

    #[inline]
    fn fire(&mut self, acc: &mut F::Acc, _: Firing<'_, W>, out: &mut Collector<F::Out>) -> Result<()> {
        out.collect(self.0.result(acc));
        Ok(())
    }
}

/// What a process function makes of all records.
#[derive(Clone)]
pub struct ProcessList<P>(pub(super) P);

impl<P: ProcessWindowFunction> WindowResults<P::Key, P::Window, Vec<P::In>> for ProcessList<P> {
    type Out = P::Out;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, P::Key>) -> Result<()> {
        self.0.open(cx)
    }

    fn fire(&mut self, acc: &mut Vec<P::In>, firing: Firing<'_, P::Window>, out: &mut Collector<P::Out>) -> Result<()> {
        self.0.process(acc, &mut firing.context()?, out)
    }

    fn clear(&mut self, firing: Firing<'_, P::Window>) -> Result<()> {
        self.0.clear(&mut firing.context()?)
    }
}

/// What a process function makes of the reduction.
#[derive(Clone)]
pub struct ProcessValue<P>(pub(super) P);

impl<P: ProcessWindowFunction> WindowResults<P::Key, P::Window, P::In> for ProcessValue<P> {
    type Out = P::Out;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, P::Key>) -> Result<()> {
        self.0.open(cx)
    }

    fn fire(&mut self, acc: &mut P::In, firing: Firing<'_, P::Window>, out: &mut Collector<P::Out>) -> Result<()> {
        self.0.process(slice::from_ref(acc), &mut firing.context()?, out)
    }

    fn clear(&mut self, firing: Firing<'_, P::Window>) -> Result<()> {
        self.0.clear(&mut firing.context()?)
    }
}

/// What a process function makes of the result of an aggregate function.
#[derive(Clone)]
pub struct ProcessAggregate<F, P>(pub(super) F, pub(super) P);

impl<F, P> WindowResults<P::Key, P::Window, F::Acc> for ProcessAggregate<F, P>
where
    F: AggregateFunction,
    P: ProcessWindowFunction<In = F::Out>,
{
    type Out = P::Out;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, P::Key>) -> Result<()> {
        self.1.open(cx)
    }

    fn fire(&mut self, acc: &mut F::Acc, firing: Firing<'_, P::Window>, out: &mut Collector<P::Out>) -> Result<()> {
        self.1.process(&[self.0.result(acc)], &mut firing.context()?, out)
    }

    fn clear(&mut self, firing: Firing<'_, P::Window>) -> Result<()> {
        self.1.clear(&mut firing.context()?)
    }
}

/// What a process function makes of the records that an evictor leaves.
#[derive(Clone)]
pub struct ProcessEvicted<E, P>(pub(super) E, pub(super) P);

impl<E, P> WindowResults<P::Key, P::Window, Elements<P::In>> for ProcessEvicted<E, P>
where
    P: ProcessWindowFunction,
    E: Evictor<P::In, P::Window>,
{
    type Out = P::Out;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, P::Key>) -> Result<()> {
        self.1.open(cx)
    }

    fn fire(
        &mut self,
        acc: &mut Elements<P::In>,
        firing: Firing<'_, P::Window>,
        out: &mut Collector<P::Out>,
    ) -> Result<()> {
        let window = firing.window;
        let times = EvictTimes { watermark: firing.cx.watermark, processing_time: firing.cx.env.now() };
        self.0.evict_before(acc, &window, times)?;
        self.1.process(acc.values(), &mut firing.context()?, out)?;
        self.0.evict_after(acc, &window, times)
    }

    fn clear(&mut self, firing: Firing<'_, P::Window>) -> Result<()> {
        self.1.clear(&mut firing.context()?)
    }
}
