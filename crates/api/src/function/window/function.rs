//! What a window says when it fires.

use crate::OperatorContext;
use crate::context::keyed_of;
use crate::function::{Collector, KeyedOpenContext, ProcessContext, SideOutputs, Window};
use flott_core::{Data, Error, Key, Result};
use flott_state::keyed::TableId;
use flott_state::{KeyedState, StateAccess};
use std::ops::{Deref, DerefMut};

/// A function of the content of a window: of all records in it, or of the one value that a reduce or aggregate
/// function has made of them. Results have the window's largest time.
pub trait ProcessWindowFunction: Clone + Send + Sync + 'static {
    /// The key.
    type Key: Key;
    /// The windows.
    type Window: Window;
    /// What is in a window.
    type In: Data;
    /// What goes out.
    type Out: Data;

    /// Registers state: [`WindowState`] per window, any other kind per key.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut KeyedOpenContext<'_, Self::Key>) -> Result<()> {
        Ok(())
    }

    /// The window fires. It may do so more than once, each time with its whole content.
    ///
    /// # Errors
    /// Fails the task.
    fn process(
        &mut self,
        elements: &[Self::In],
        cx: &mut WindowContext<'_, Self::Key, Self::Window>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()>;

    /// The window goes: its [`WindowState`] is to be cleared.
    ///
    /// # Errors
    /// Fails the task.
    fn clear(&mut self, _cx: &mut WindowContext<'_, Self::Key, Self::Window>) -> Result<()> {
        Ok(())
    }
}

/// As [`ProcessWindowFunction`], for windows over a stream without key.
pub trait ProcessAllWindowFunction: Clone + Send + Sync + 'static {
    /// The windows.
    type Window: Window;
    /// What is in a window.
    type In: Data;
    /// What goes out.
    type Out: Data;

    /// Registers state: [`WindowState`] per window, any other kind for all windows.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut KeyedOpenContext<'_, ()>) -> Result<()> {
        Ok(())
    }

    /// The window fires. It may do so more than once, each time with its whole content.
    ///
    /// # Errors
    /// Fails the task.
    fn process(
        &mut self,
        elements: &[Self::In],
        cx: &mut WindowContext<'_, (), Self::Window>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()>;

    /// The window goes: its [`WindowState`] is to be cleared.
    ///
    /// # Errors
    /// Fails the task.
    fn clear(&mut self, _cx: &mut WindowContext<'_, (), Self::Window>) -> Result<()> {
        Ok(())
    }
}

/// A [`ProcessAllWindowFunction`] as the function of a stream whose records all have the key `()`.
#[derive(Clone)]
pub struct AllWindows<F>(pub F);

impl<F: ProcessAllWindowFunction> ProcessWindowFunction for AllWindows<F> {
    type Key = ();
    type Window = F::Window;
    type In = F::In;
    type Out = F::Out;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, ()>) -> Result<()> {
        self.0.open(cx)
    }

    fn process(
        &mut self,
        elements: &[F::In],
        cx: &mut WindowContext<'_, (), F::Window>,
        out: &mut Collector<F::Out>,
    ) -> Result<()> {
        self.0.process(elements, cx, out)
    }

    fn clear(&mut self, cx: &mut WindowContext<'_, (), F::Window>) -> Result<()> {
        self.0.clear(cx)
    }
}

/// The surroundings of a window function: [`ProcessContext`], the key with its state, and the window.
///
/// State kinds other than [`WindowState`] are the key's, over all windows (Flink's global state).
pub struct WindowContext<'a, K, W> {
    base: ProcessContext<'a>,
    keyed: &'a mut KeyedState<K>,
    window: W,
    merging: bool,
}

impl<'a, K: Key, W: Window> WindowContext<'a, K, W> {
    /// The surroundings of `window`, made from the operator's, in which the key is current; for operators.
    ///
    /// # Errors
    /// `Internal` when the operator has no keyed state, or its keys are of another type.
    pub fn new(cx: &'a mut OperatorContext, side: &'a mut SideOutputs, window: W, merging: bool) -> Result<Self> {
        let (mut base, keyed) = ProcessContext::split(cx, side);
        base.set_time(Some(window.max_timestamp()));
        Ok(WindowContext { base, keyed: keyed_of(keyed)?, window, merging })
    }

    /// The window.
    pub fn window(&self) -> W {
        self.window
    }

    /// The window's key.
    ///
    /// # Errors
    /// `Internal` when there is none.
    pub fn current_key(&self) -> Result<&K> {
        self.keyed.key()
    }
}

impl<K: Key, W> StateAccess for WindowContext<'_, K, W> {
    type Key = K;
    fn keyed_state(&mut self) -> &mut KeyedState<K> {
        self.keyed
    }
}

impl<'a, K, W> Deref for WindowContext<'a, K, W> {
    type Target = ProcessContext<'a>;
    fn deref(&self) -> &ProcessContext<'a> {
        &self.base
    }
}

impl<K, W> DerefMut for WindowContext<'_, K, W> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.base
    }
}

/// One value per key and window, for what a window function remembers between two firings of the same window. It
/// must be cleared in `clear`, or it stays for ever.
///
/// The handle is empty until it is registered and holds no data.
pub struct WindowState<W, V>(Option<TableId<W, V>>);

impl<W, V> Clone for WindowState<W, V> {
    fn clone(&self) -> Self {
        WindowState(self.0)
    }
}

impl<W, V> Default for WindowState<W, V> {
    fn default() -> Self {
        WindowState(None)
    }
}

impl<W: Window, V: Data> WindowState<W, V> {
    /// Registers the state, in `open`.
    ///
    /// # Errors
    /// `Invalid` when the name is taken; `Corrupt` when a checkpoint holds something else under it.
    pub fn register<K: Key>(keyed: &mut KeyedState<K>, name: &str) -> Result<Self> {
        keyed.register(name).map(|table| WindowState(Some(table)))
    }

    /// The value.
    ///
    /// # Errors
    /// `Invalid` with windows that merge.
    pub fn get<'c, K: Key>(&self, cx: &'c mut WindowContext<'_, K, W>) -> Result<Option<&'c V>> {
        let (id, window) = (self.table()?, allowed(cx)?);
        let (table, key, slot) = cx.keyed.keyed_table(id)?;
        table.get(slot, key, &window)
    }

    /// Sets the value.
    ///
    /// # Errors
    /// `Invalid` with windows that merge.
    pub fn set<K: Key>(&self, cx: &mut WindowContext<'_, K, W>, value: V) -> Result<()> {
        let (id, window) = (self.table()?, allowed(cx)?);
        let (table, key, slot) = cx.keyed.keyed_table(id)?;
        table.insert(slot, key, &window, value).map(drop)
    }

    /// Removes the value.
    ///
    /// # Errors
    /// `Invalid` with windows that merge.
    pub fn clear<K: Key>(&self, cx: &mut WindowContext<'_, K, W>) -> Result<()> {
        let (id, window) = (self.table()?, allowed(cx)?);
        let (table, key, slot) = cx.keyed.keyed_table(id)?;
        table.remove(slot, key, &window).map(drop)
    }

    fn table(&self) -> Result<TableId<W, V>> {
        let unregistered =
            || Error::invalid("a state is used that was not registered; register it in `open` and keep the handle");
        self.0.ok_or_else(unregistered)
    }
}

fn allowed<K: Key, W: Window>(cx: &WindowContext<'_, K, W>) -> Result<W> {
    if cx.merging {
        return Err(Error::invalid(
            "there is no state per window where windows merge; keep it per key, in a value or map state",
        ));
    }
    Ok(cx.window)
}
