//! The job manager: one job master per job, which deploys tasks, deals out splits, takes checkpoints and restarts
//! what has failed.
//!
//! Everything that decides is a pure machine (`fn on(&mut self, event, now) -> Vec<Command>`); [`job::JobMaster`]
//! joins them and [`job::Prepared::start`] runs them against the world.
//!
//! ```text
//!              control requests, task events, timers, storage results
//!                                      |
//! job/driver.rs     the only async part: waits, hands events in, carries commands out
//! job/master.rs     joins the machines; every event goes in here, every action comes out
//!   job/machine.rs             job and task states, restarts, cancelling, the end of bounded input
//!   checkpoint/coordinator.rs  one checkpoint from its trigger to its completion
//!   source_coordinator.rs      one enumerator per source, alignment.rs its event time
//!   restart.rs                 whether and when a failed job runs again
//! ```

pub mod alignment;
pub mod checkpoint;
pub mod job;
pub mod restart;
pub mod source_coordinator;

pub use job::{
    Deployment, JobDescription, JobHandle, JobStatus, OperatorDescription, TaskGateway, VertexDescription, prepare,
};
