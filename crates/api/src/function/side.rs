//! Side outputs: results of other types than an operator's main one.

use crate::{Output, function::Collector};
use flott_core::{Data, EventTime, Result};
use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// Names a side output and says of what type its records are.
///
/// ```
/// use flott_api::function::OutputTag;
///
/// let late: OutputTag<(u32, f64)> = OutputTag::new("late");
/// assert_eq!(late.id(), "late");
/// ```
pub struct OutputTag<T> {
    id: Arc<str>,
    rows: PhantomData<fn() -> T>,
}

impl<T> OutputTag<T> {
    /// The side output called `id`.
    pub fn new(id: &str) -> Self {
        OutputTag { id: id.into(), rows: PhantomData }
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl<T> Clone for OutputTag<T> {
    fn clone(&self) -> Self {
        OutputTag { id: self.id.clone(), rows: PhantomData }
    }
}

impl<T> std::fmt::Debug for OutputTag<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutputTag({})", self.id)
    }
}

/// The records of one side output that wait for the end of the batch.
trait AnyCollector: Any + Send {
    fn flush(&mut self, tag: &str, out: &mut dyn Output) -> Result<()>;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Data> AnyCollector for Collector<T> {
    fn flush(&mut self, tag: &str, out: &mut dyn Output) -> Result<()> {
        Collector::flush(self, &mut ToSide { tag, out })
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Turns an operator's main output into one of its side outputs.
struct ToSide<'a> {
    tag: &'a str,
    out: &'a mut dyn Output,
}

impl Output for ToSide<'_> {
    fn emit(&mut self, batch: flott_core::Batch) -> Result<()> {
        self.out.emit_side(self.tag, batch)
    }
    fn emit_side(&mut self, tag: &str, batch: flott_core::Batch) -> Result<()> {
        self.out.emit_side(tag, batch)
    }
    fn watermark(&mut self, watermark: flott_core::Watermark) -> Result<()> {
        self.out.watermark(watermark)
    }
    fn idle(&mut self) -> Result<()> {
        self.out.idle()
    }
}

/// What a function has given to its side outputs and has not gone on yet; for operators.
#[derive(Default)]
pub struct SideOutputs {
    /// By name and type: few, so a walk is faster than a map.
    outputs: Vec<(Arc<str>, Box<dyn AnyCollector>)>,
    rows: usize,
}

impl SideOutputs {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives `value` to the side output `tag`.
    pub fn output<T: Data>(&mut self, tag: &OutputTag<T>, value: T, time: Option<EventTime>) {
        self.rows += 1;
        for (id, collector) in &mut self.outputs {
            if (Arc::ptr_eq(id, &tag.id) || **id == *tag.id)
                && let Some(collector) = collector.as_any_mut().downcast_mut::<Collector<T>>()
            {
                collector.set_time(time);
                return collector.collect(value);
            }
        }
        let mut collector = Collector::new();
        collector.set_time(time);
        collector.collect(value);
        self.outputs.push((tag.id.clone(), Box::new(collector)));
    }

    /// Hands everything to `out`.
    ///
    /// # Errors
    /// What the next operators report.
    #[inline]
    pub fn flush(&mut self, out: &mut dyn Output) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        self.outputs.iter_mut().try_for_each(|(id, collector)| collector.flush(id, out))
    }

    /// Hands everything to `out` if there is much.
    ///
    /// # Errors
    /// What the next operators report.
    #[inline]
    pub fn flush_if_full(&mut self, out: &mut dyn Output) -> Result<()> {
        if self.rows >= Collector::<()>::ROWS_MAX { self.flush(out) } else { Ok(()) }
    }
}
