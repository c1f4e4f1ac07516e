//! Windows: what they are, and what users can supply to a window operator: assigner, trigger, evictor, function.

mod assigner;
mod evictor;
mod function;
mod time_window;
mod trigger;

pub use assigner::{AssignContext, WindowAssigner};
pub use evictor::{Elements, EvictTimes, Evictor};
pub use function::{AllWindows, ProcessAllWindowFunction, ProcessWindowFunction, WindowContext, WindowState};
pub use time_window::{GlobalWindow, TimeWindow, Window};
pub use trigger::{TimerRequest, Trigger, TriggerContext, TriggerResult, WindowTimers};
