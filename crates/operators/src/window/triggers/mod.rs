//! When windows fire.

mod continuous;
mod count;
mod delta;
mod never;
mod purging;
mod time;
mod timeout;

pub use continuous::{ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger};
pub use count::CountTrigger;
pub use delta::DeltaTrigger;
pub use never::NeverTrigger;
pub use purging::PurgingTrigger;
pub use time::{EventTimeTrigger, ProcessingTimeTrigger};
pub use timeout::ProcessingTimeoutTrigger;
