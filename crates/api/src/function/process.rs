//! The function of one input without a key: any number of results for a record, side outputs, operator state.

use crate::function::{Collector, OpenContext, ProcessContext};
use flott_core::{Data, Result};

/// A function that sees each record with its surroundings.
///
/// ```
/// use flott_api::function::{Collector, OutputTag, ProcessContext, ProcessFunction};
/// use flott_core::Result;
///
/// /// Odd numbers go to a side output.
/// #[derive(Clone)]
/// struct Split {
///     odd: OutputTag<u64>,
/// }
///
/// impl ProcessFunction for Split {
///     type In = u64;
///     type Out = u64;
///     fn process(&mut self, value: u64, cx: &mut ProcessContext<'_>, out: &mut Collector<u64>) -> Result<()> {
///         if value % 2 == 0 { out.collect(value) } else { cx.output(&self.odd, value) }
///         Ok(())
///     }
/// }
/// ```
pub trait ProcessFunction: Clone + Send + Sync + 'static {
    /// What comes in.
    type In: Data;
    /// What goes out.
    type Out: Data;

    /// Registers state and gets ready.
    ///
    /// # Errors
    /// Fails the task.
    fn open(&mut self, _cx: &mut OpenContext<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes a record.
    ///
    /// # Errors
    /// Fails the task.
    fn process(&mut self, value: Self::In, cx: &mut ProcessContext<'_>, out: &mut Collector<Self::Out>) -> Result<()>;

    /// The input has ended.
    ///
    /// # Errors
    /// Fails the task.
    fn finish(&mut self, _cx: &mut ProcessContext<'_>, _out: &mut Collector<Self::Out>) -> Result<()> {
        Ok(())
    }
}
