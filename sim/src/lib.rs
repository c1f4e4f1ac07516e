//! Deterministic simulation of a whole cluster: a job, a seed, and everything that can go wrong between its source and
//! its sink.
//!
//! The outside world ([`World`]) survives; processes do not. Each *life* of the process is one
//! [`flott_env::Env::run_simulation`], in which a mini cluster runs the job with faults drawn from the seed: storage
//! that is slow, fails, or writes and does not say so ([`store`]); messages that are late, lost or doubled
//! ([`gateway`]); a sink's target that is away for a while ([`world::ledger`]); user code that panics
//! ([`world::mishap`]). A crash is the end of a life at some moment of virtual time: everything in it is dropped. The next life
//! starts with `execution.state-recovery.path = latest`, perhaps at another parallelism. The last life is quiet and
//! runs to the end. Then every expected record must have been committed exactly once ([`checker`]).
//!
//! ```text
//! seed -> Plan (lives, faults) ──> scenario::run ──> Outcome: the trace's hash, what happened
//!                  World: Replay source, Ledger, Disk ──┘
//! ```
//!
//! The same seed gives the same trace. [`sweep`] runs many seeds; `SEED=7` reruns one and `SEEDS=0..5000` a range.

pub mod checker;
pub mod cluster;
pub mod executor;
pub mod faults;
pub mod gateway;
pub mod job;
pub mod plan;
pub mod scenario;
pub mod store;
pub mod sweep;
pub mod threads;
pub mod trace;
pub mod world;

pub use checker::Rows;
pub use job::Job;
pub use plan::{Life, Plan, Until};
pub use scenario::{Outcome, run};
pub use trace::Trace;
pub use world::World;
