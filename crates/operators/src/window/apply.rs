//! Functions of windows that are closures, and functions of whole windows made from reduce and aggregate functions.

use super::join::Tagged;
use flott_api::function::{
    AggregateFunction, Collector, KeyedOpenContext, ProcessWindowFunction, ReduceFunction, Window, WindowContext,
};
use flott_core::{Data, Key, Result};
use std::marker::PhantomData;

/// A closure over key, window and content of a window.
pub trait ApplyFunction<K, W, T, U>: Clone + Send + Sync + 'static {
    /// The window fires.
    fn apply(&mut self, key: &K, window: W, elements: &[T], out: &mut Collector<U>);
}

impl<K, W, T, U, F> ApplyFunction<K, W, T, U> for F
where
    F: FnMut(&K, W, &[T], &mut Collector<U>) + Clone + Send + Sync + 'static,
{
    fn apply(&mut self, key: &K, window: W, elements: &[T], out: &mut Collector<U>) {
        self(key, window, elements, out);
    }
}

/// A closure `|key, window, elements, out|` as a [`ProcessWindowFunction`] (Flink's `WindowFunction`).
pub struct Apply<K, W, T, U, F> {
    f: F,
    types: PhantomData<fn(K, W, T) -> U>,
}

impl<K, W, T, U, F: FnMut(&K, W, &[T], &mut Collector<U>)> Apply<K, W, T, U, F> {
    /// The function of a closure.
    pub fn new(f: F) -> Self {
        Apply { f, types: PhantomData }
    }
}

impl<K, W, T, U, F: Clone> Clone for Apply<K, W, T, U, F> {
    fn clone(&self) -> Self {
        Apply { f: self.f.clone(), types: PhantomData }
    }
}

impl<K, W, T, U, F> ProcessWindowFunction for Apply<K, W, T, U, F>
where
    K: Key,
    W: Window,
    T: Data,
    U: Data,
    F: ApplyFunction<K, W, T, U>,
{
    type Key = K;
    type Window = W;
    type In = T;
    type Out = U;

    fn process(&mut self, elements: &[T], cx: &mut WindowContext<'_, K, W>, out: &mut Collector<U>) -> Result<()> {
        self.f.apply(cx.current_key()?, cx.window(), elements, out);
        Ok(())
    }
}

/// A reduce function applied to all records at once, where an evictor needs them, and what is made of its value.
#[derive(Clone)]
pub struct ReduceAll<F, P> {
    function: F,
    process: P,
}

impl<F, P> ReduceAll<F, P> {
    pub(super) fn new(function: F, process: P) -> Self {
        ReduceAll { function, process }
    }
}

impl<F: ReduceFunction<P::In>, P: ProcessWindowFunction> ProcessWindowFunction for ReduceAll<F, P> {
    type Key = P::Key;
    type Window = P::Window;
    type In = P::In;
    type Out = P::Out;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, P::Key>) -> Result<()> {
        self.process.open(cx)
    }

    fn process(
        &mut self,
        elements: &[P::In],
        cx: &mut WindowContext<'_, P::Key, P::Window>,
        out: &mut Collector<P::Out>,
    ) -> Result<()> {
        let mut elements = elements.iter().cloned();
        let Some(first) = elements.next() else { return Ok(()) };
        let value = elements.try_fold(first, |so_far, next| self.function.reduce(so_far, next))?;
        self.process.process(&[value], cx, out)
    }

    fn clear(&mut self, cx: &mut WindowContext<'_, P::Key, P::Window>) -> Result<()> {
        self.process.clear(cx)
    }
}

/// An aggregate function applied to all records at once, where an evictor needs them, and what is made of its result.
#[derive(Clone)]
pub struct AggregateAll<F, P> {
    function: F,
    process: P,
}

impl<F, P> AggregateAll<F, P> {
    pub(super) fn new(function: F, process: P) -> Self {
        AggregateAll { function, process }
    }
}

impl<F, P> ProcessWindowFunction for AggregateAll<F, P>
where
    F: AggregateFunction,
    P: ProcessWindowFunction<In = F::Out>,
{
    type Key = P::Key;
    type Window = P::Window;
    type In = F::In;
    type Out = P::Out;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, P::Key>) -> Result<()> {
        self.process.open(cx)
    }

    fn process(
        &mut self,
        elements: &[F::In],
        cx: &mut WindowContext<'_, P::Key, P::Window>,
        out: &mut Collector<P::Out>,
    ) -> Result<()> {
        let mut acc = self.function.create();
        elements.iter().for_each(|value| self.function.add(&mut acc, value.clone()));
        self.process.process(&[self.function.result(&acc)], cx, out)
    }

    fn clear(&mut self, cx: &mut WindowContext<'_, P::Key, P::Window>) -> Result<()> {
        self.process.clear(cx)
    }
}

/// Emits what it is given.
pub struct Emit<K, W, T>(PhantomData<fn(K, W) -> T>);

impl<K, W, T> Emit<K, W, T> {
    pub(super) fn new() -> Self {
        Emit(PhantomData)
    }
}

impl<K, W, T> Clone for Emit<K, W, T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<K: Key, W: Window, T: Data> ProcessWindowFunction for Emit<K, W, T> {
    type Key = K;
    type Window = W;
    type In = T;
    type Out = T;

    fn process(&mut self, elements: &[T], _: &mut WindowContext<'_, K, W>, out: &mut Collector<T>) -> Result<()> {
        elements.iter().for_each(|element| out.collect(element.clone()));
        Ok(())
    }
}

/// What two streams have in a window of a key. Closures `|key, ones, twos, out|` are such functions.
pub trait CoGroupFunction<K, A, B, U>: Clone + Send + Sync + 'static {
    /// The window fires with the records of both sides; one of them may have none.
    ///
    /// # Errors
    /// Fails the task.
    fn co_group(&mut self, key: &K, ones: &[A], twos: &[B], out: &mut Collector<U>) -> Result<()>;
}

impl<K, A, B, U, F> CoGroupFunction<K, A, B, U> for F
where
    F: FnMut(&K, &[A], &[B], &mut Collector<U>) + Clone + Send + Sync + 'static,
{
    fn co_group(&mut self, key: &K, ones: &[A], twos: &[B], out: &mut Collector<U>) -> Result<()> {
        self(key, ones, twos, out);
        Ok(())
    }
}

/// Each pair of the two sides, given to a closure.
pub struct Pairs<K, A, B, U, F> {
    f: F,
    types: PhantomData<fn(K, A, B) -> U>,
}

impl<K, A, B, U, F> Pairs<K, A, B, U, F> {
    pub(super) fn new(f: F) -> Self {
        Pairs { f, types: PhantomData }
    }
}

impl<K, A, B, U, F: Clone> Clone for Pairs<K, A, B, U, F> {
    fn clone(&self) -> Self {
        Self::new(self.f.clone())
    }
}

impl<K, A, B, U, F> CoGroupFunction<K, A, B, U> for Pairs<K, A, B, U, F>
where
    K: 'static,
    A: 'static,
    B: 'static,
    U: 'static,
    F: FnMut(&A, &B, &mut Collector<U>) + Clone + Send + Sync + 'static,
{
    fn co_group(&mut self, _: &K, ones: &[A], twos: &[B], out: &mut Collector<U>) -> Result<()> {
        for one in ones {
            twos.iter().for_each(|two| (self.f)(one, two, out));
        }
        Ok(())
    }
}

/// A [`CoGroupFunction`] as a function of the tagged records of both sides.
pub struct CoGroupAll<K, W, A, B, U, F> {
    function: F,
    keys: PhantomData<fn(K, W)>,
    rows: PhantomData<fn(A, B) -> U>,
}

impl<K, W, A, B, U, F> CoGroupAll<K, W, A, B, U, F> {
    pub(super) fn new(function: F) -> Self {
        CoGroupAll { function, keys: PhantomData, rows: PhantomData }
    }
}

impl<K, W, A, B, U, F: Clone> Clone for CoGroupAll<K, W, A, B, U, F> {
    fn clone(&self) -> Self {
        Self::new(self.function.clone())
    }
}

impl<K, W, A, B, U, F> ProcessWindowFunction for CoGroupAll<K, W, A, B, U, F>
where
    K: Key,
    W: Window,
    A: Data,
    B: Data,
    U: Data,
    F: CoGroupFunction<K, A, B, U>,
{
    type Key = K;
    type Window = W;
    type In = Tagged<A, B>;
    type Out = U;

    fn process(
        &mut self,
        elements: &[Tagged<A, B>],
        cx: &mut WindowContext<'_, K, W>,
        out: &mut Collector<U>,
    ) -> Result<()> {
        let (mut ones, mut twos) = (Vec::new(), Vec::new());
        for element in elements {
            match element {
                Tagged::One(one) => ones.push(one.clone()),
                Tagged::Two(two) => twos.push(two.clone()),
            }
        }
        self.function.co_group(cx.current_key()?, &ones, &twos, out)
    }
}
