//! One job: its description, the machines that decide about it, and the driver that runs them.

mod description;
mod driver;
mod error;
mod event;
mod exceptions;
mod gateway;
mod handle;
mod machine;
mod master;
mod metrics;
mod query;
mod reading;
mod restore;
mod savepoint;
mod status;

pub use description::{JobDescription, OperatorDescription, Place, VertexDescription};
pub use driver::{Prepared, prepare};
pub(crate) use error::copy_of;
pub use event::{Action, MasterEvent};
pub use exceptions::{ExceptionEntry, ExceptionHistory, RootException};
pub use flott_api::JobStatus;
pub use gateway::{Deployment, TaskGateway};
pub use handle::{JobHandle, JobResult, JobView};
pub use machine::{JobCommand, JobEvent, JobMachine, TaskSignal};
pub use master::JobMaster;
pub use reading::ReadingTurn;
pub use restore::{RestoreFrom, Restored, compare_with, find_checkpoint};
pub use status::TaskStatus;
