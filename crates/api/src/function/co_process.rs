//! Functions of two connected streams, without and with a key.

use crate::function::{Collector, KeyedContext, KeyedOpenContext, OpenContext, ProcessContext, Timer};
use flott_core::{Data, Key, Result};

/// A function of two inputs. Their records come in no particular order relative to each other.
pub trait CoProcessFunction: Clone + Send + Sync + 'static {
    /// What comes in on the first input.
    type In1: Data;
    /// What comes in on the second input.
    type In2: Data;
    /// What goes out.
    type Out: Data;

    /// Registers state and gets ready.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut OpenContext<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes a record of the first input.
    ///
    /// # Errors
    /// Fails the task.
    fn process1(&mut self, value: Self::In1, cx: &mut ProcessContext<'_>, out: &mut Collector<Self::Out>)
    -> Result<()>;

    /// Takes a record of the second input.
    ///
    /// # Errors
    /// Fails the task.
    fn process2(&mut self, value: Self::In2, cx: &mut ProcessContext<'_>, out: &mut Collector<Self::Out>)
    -> Result<()>;

    /// Both inputs have ended.
    ///
    /// # Errors
    /// Fails the task.
    fn finish(&mut self, _cx: &mut ProcessContext<'_>, _out: &mut Collector<Self::Out>) -> Result<()> {
        Ok(())
    }
}

/// A function of two inputs with the same key: both see the same state and timers.
pub trait KeyedCoProcessFunction: Clone + Send + Sync + 'static {
    /// The key.
    type Key: Key;
    /// What comes in on the first input.
    type In1: Data;
    /// What comes in on the second input.
    type In2: Data;
    /// What goes out.
    type Out: Data;

    /// Registers state and gets ready.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut KeyedOpenContext<'_, Self::Key>) -> Result<()> {
        Ok(())
    }

    /// Takes a record of the first input; state and timers are those of its key.
    ///
    /// # Errors
    /// Fails the task.
    fn process1(
        &mut self,
        value: Self::In1,
        cx: &mut KeyedContext<'_, Self::Key>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()>;

    /// Takes a record of the second input; state and timers are those of its key.
    ///
    /// # Errors
    /// Fails the task.
    fn process2(
        &mut self,
        value: Self::In2,
        cx: &mut KeyedContext<'_, Self::Key>,
        out: &mut Collector<Self::Out>,
    ) -> Result<()>;

    /// A timer fires; as [`crate::function::KeyedProcessFunction::on_timer`].
    ///
    /// # Errors
    /// Fails the task.
    fn on_timer(
        &mut self,
        _timer: Timer,
        _cx: &mut KeyedContext<'_, Self::Key>,
        _out: &mut Collector<Self::Out>,
    ) -> Result<()> {
        Ok(())
    }

    /// Both inputs have ended and event timers have fired. There is no current key.
    ///
    /// # Errors
    /// Fails the task.
    fn finish(&mut self, _cx: &mut KeyedContext<'_, Self::Key>, _out: &mut Collector<Self::Out>) -> Result<()> {
        Ok(())
    }
}
