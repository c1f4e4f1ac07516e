//! With or without an evictor: the two ways in which a window operator is put together, behind one interface, so that
//! windowed streams have one set of methods.

use flott_api::OperatorFactory;
use flott_api::function::{
    AggregateFunction, Collector, Evictor, ProcessWindowFunction, ReduceFunction, Trigger, WindowAssigner,
};
use flott_core::{Data, Key};
use flott_operators::window::{JoinWindowed, Tagged, Windowed};
use std::sync::Arc;

/// An operator that has been put together.
pub(crate) type Factory = Arc<dyn OperatorFactory>;

/// No evictor: windows keep no more than their function needs.
#[derive(Clone, Copy, Debug)]
pub struct NoEvictor;

/// An evictor: windows keep all their records.
#[derive(Clone, Copy, Debug)]
pub struct Evicting<E>(pub(crate) E);

/// An evictor, or none, for windows of records of type `T`.
pub trait Eviction<T, K, A, Tr>: private::Sealed<T, A>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
{
    #[doc(hidden)]
    fn reduce(self, windowed: Windowed<K, T, A, Tr>, function: impl ReduceFunction<T>) -> Factory;
    #[doc(hidden)]
    fn aggregate(self, windowed: Windowed<K, T, A, Tr>, function: impl AggregateFunction<In = T>) -> Factory;
    #[doc(hidden)]
    fn reduce_with<P>(self, windowed: Windowed<K, T, A, Tr>, function: impl ReduceFunction<T>, process: P) -> Factory
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>;
    #[doc(hidden)]
    fn aggregate_with<F, P>(self, windowed: Windowed<K, T, A, Tr>, function: F, process: P) -> Factory
    where
        F: AggregateFunction<In = T>,
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = F::Out>;
    #[doc(hidden)]
    fn process<P>(self, windowed: Windowed<K, T, A, Tr>, function: P) -> Factory
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>;
}

/// An evictor, or none, for windows of two streams.
pub trait JoinEviction<L: Data, R: Data, K: Key, A, Tr>: private::Sealed<Tagged<L, R>, A>
where
    A: WindowAssigner<Tagged<L, R>>,
    Tr: Trigger<Tagged<L, R>, A::Window>,
{
    #[doc(hidden)]
    fn co_group<U: Data>(
        self,
        windowed: JoinWindowed<K, L, R, A, Tr>,
        function: impl FnMut(&K, &[L], &[R], &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> Factory;
}

mod private {
    use super::{Evicting, NoEvictor};
    use flott_api::function::{Evictor, WindowAssigner};

    pub trait Sealed<T, A> {}
    impl<T, A> Sealed<T, A> for NoEvictor {}
    impl<T, A: WindowAssigner<T>, E: Evictor<T, A::Window>> Sealed<T, A> for Evicting<E> {}
}

impl<T, K, A, Tr> Eviction<T, K, A, Tr> for NoEvictor
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
{
    fn reduce(self, windowed: Windowed<K, T, A, Tr>, function: impl ReduceFunction<T>) -> Factory {
        Arc::new(windowed.reduce(function))
    }

    fn aggregate(self, windowed: Windowed<K, T, A, Tr>, function: impl AggregateFunction<In = T>) -> Factory {
        Arc::new(windowed.aggregate(function))
    }

    fn reduce_with<P>(self, windowed: Windowed<K, T, A, Tr>, function: impl ReduceFunction<T>, process: P) -> Factory
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        Arc::new(windowed.reduce_with(function, process))
    }

    fn aggregate_with<F, P>(self, windowed: Windowed<K, T, A, Tr>, function: F, process: P) -> Factory
    where
        F: AggregateFunction<In = T>,
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = F::Out>,
    {
        Arc::new(windowed.aggregate_with(function, process))
    }

    fn process<P>(self, windowed: Windowed<K, T, A, Tr>, function: P) -> Factory
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        Arc::new(windowed.process(function))
    }
}

impl<T, K, A, Tr, E> Eviction<T, K, A, Tr> for Evicting<E>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    Tr: Trigger<T, A::Window>,
    E: Evictor<T, A::Window>,
{
    fn reduce(self, windowed: Windowed<K, T, A, Tr>, function: impl ReduceFunction<T>) -> Factory {
        Arc::new(windowed.evictor(self.0).reduce(function))
    }

    fn aggregate(self, windowed: Windowed<K, T, A, Tr>, function: impl AggregateFunction<In = T>) -> Factory {
        Arc::new(windowed.evictor(self.0).aggregate(function))
    }

    fn reduce_with<P>(self, windowed: Windowed<K, T, A, Tr>, function: impl ReduceFunction<T>, process: P) -> Factory
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        Arc::new(windowed.evictor(self.0).reduce_with(function, process))
    }

    fn aggregate_with<F, P>(self, windowed: Windowed<K, T, A, Tr>, function: F, process: P) -> Factory
    where
        F: AggregateFunction<In = T>,
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = F::Out>,
    {
        Arc::new(windowed.evictor(self.0).aggregate_with(function, process))
    }

    fn process<P>(self, windowed: Windowed<K, T, A, Tr>, function: P) -> Factory
    where
        P: ProcessWindowFunction<Key = K, Window = A::Window, In = T>,
    {
        Arc::new(windowed.evictor(self.0).process(function))
    }
}

impl<L, R, K, A, Tr> JoinEviction<L, R, K, A, Tr> for NoEvictor
where
    L: Data,
    R: Data,
    K: Key,
    A: WindowAssigner<Tagged<L, R>>,
    Tr: Trigger<Tagged<L, R>, A::Window>,
{
    fn co_group<U: Data>(
        self,
        windowed: JoinWindowed<K, L, R, A, Tr>,
        function: impl FnMut(&K, &[L], &[R], &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> Factory {
        Arc::new(windowed.co_group(function))
    }
}

impl<L, R, K, A, Tr, E> JoinEviction<L, R, K, A, Tr> for Evicting<E>
where
    L: Data,
    R: Data,
    K: Key,
    A: WindowAssigner<Tagged<L, R>>,
    Tr: Trigger<Tagged<L, R>, A::Window>,
    E: Evictor<Tagged<L, R>, A::Window>,
{
    fn co_group<U: Data>(
        self,
        windowed: JoinWindowed<K, L, R, A, Tr>,
        function: impl FnMut(&K, &[L], &[R], &mut Collector<U>) + Clone + Send + Sync + 'static,
    ) -> Factory {
        Arc::new(windowed.evict_and_co_group(self.0, function))
    }
}
