//! Runs a job through the lives of a plan and checks what it has committed.

use crate::Job;
use crate::executor::submission;
use crate::gateway::interpose;
use crate::plan::{Life, Plan, Until};
use crate::store::SimStore;
use crate::trace::Trace;
use crate::world::{World, mix};
use flott::minicluster::MiniCluster;
use flott_api::metrics::MetricRegistry;
use flott_core::{AfterSavepoint, Configuration, Error, ErrorKind, Result, SavepointRequest};
use flott_env::Env;
use flott_jobmanager::JobHandle;
use flott_state::checkpoint::CheckpointStorage;
use flott_state::store::MemoryBackend;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Virtual time within which a life must come to its end by itself.
const LIFE_MAX: Duration = Duration::from_secs(3600);
const RECOVERY_PATH: &str = "execution.state-recovery.path";

/// How a life ended.
#[derive(Clone, Debug)]
pub enum End {
    /// The job finished.
    Finished,
    /// The process died.
    Crashed,
    /// A savepoint was taken, here, with which the job ended or the process died.
    Savepoint(String),
    /// The job failed for good.
    Failed(String),
    /// The job was refused before it ran.
    Refused(String),
}

/// What happened in a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The hash of everything that happened.
    pub hash: u64,
    /// How much happened.
    pub events: u64,
    /// How each life ended.
    pub ends: Vec<End>,
    /// Lives that began from a checkpoint.
    pub restores: u64,
    /// Restarts of the job within lives.
    pub restarts: u64,
    /// Why tasks failed, those that the job has survived.
    pub failures: Vec<String>,
    /// Completed checkpoints.
    pub checkpoints: u64,
    /// Checkpoints that were aborted.
    pub aborted: u64,
    /// Bytes of records that barriers have overtaken.
    pub in_flight_bytes: u64,
    /// Virtual time of all lives.
    pub time: Duration,
}

impl Outcome {
    /// Lives that ended in a crash.
    pub fn crashes(&self) -> usize {
        self.ends.iter().filter(|end| matches!(end, End::Crashed)).count()
    }
}

/// A run that did not give what was expected.
pub struct Failure {
    /// What is wrong.
    pub what: String,
    /// What happened until then.
    pub outcome: Outcome,
    /// The last events.
    pub tail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        writeln!(f, "lives: {:?}", self.outcome.ends)?;
        write!(f, "last events:\n{}", self.tail)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Runs `job` through the lives of `plan`.
///
/// # Errors
/// When the last life does not finish, or what was committed is not what is expected.
pub fn run(job: &Job, plan: &Plan) -> Result<Outcome, Box<Failure>> {
    let trace = Trace::new();
    let world = World::new(plan.data_seed, trace.clone());
    let mut outcome = Outcome::default();
    let result = live(job, plan, &world, &mut outcome);
    outcome.hash = trace.hash();
    outcome.events = trace.events();
    match result {
        Ok(()) => Ok(outcome),
        Err(what) => Err(Box::new(Failure { what, outcome, tail: trace.tail() })),
    }
}

fn live(job: &Job, plan: &Plan, world: &World, outcome: &mut Outcome) -> Result<(), String> {
    let expected = (job.expected)(world);
    // The number of key groups is the job's for good.
    let max_parallelism = [None, Some(7), Some(128)][(mix(plan.seed, 1) % 3) as usize];
    let mut is_done = false;
    let mut from = None;
    for (number, life) in plan.lives.iter().enumerate() {
        let is_last = number + 1 == plan.lives.len();
        if is_done && !matches!(life.until, Until::End) {
            continue;
        }
        let end = live_once(job, plan, number, (max_parallelism, &mut from), world, outcome)?;
        outcome.ends.push(end.clone());
        match end {
            End::Finished => {
                is_done = true;
                (job.committed)(world).check(&expected)?;
            }
            End::Failed(why) | End::Refused(why) if is_last => return Err(format!("the last life failed: {why}")),
            End::Crashed if is_last => return Err(format!("the last life did not end within {LIFE_MAX:?}")),
            End::Savepoint(_) | End::Crashed | End::Failed(_) | End::Refused(_) => {}
        }
    }
    (job.committed)(world).check(&expected)
}

fn live_once(
    job: &Job,
    plan: &Plan,
    number: usize,
    (max_parallelism, from): (Option<u32>, &mut Option<String>),
    world: &World,
    outcome: &mut Outcome,
) -> Result<End, String> {
    let life = &plan.lives[number];
    world.begin_life(&life.faults);
    let mut config = life.configuration(max_parallelism);
    if number > 0 {
        config.set(RECOVERY_PATH, from.clone().unwrap_or_else(|| "latest".to_owned()));
    }
    let seed = mix(plan.seed, number as u64 + 2);
    let lived = Env::run_simulation(seed, |env| async move {
        world.trace().note(env.elapsed(), format_args!("life {number} at parallelism {}", life.parallelism));
        let mut started = start(job, config.clone(), &env, life, world).await;
        if matches!(&started, Err(e) if e.kind() == ErrorKind::Corrupt) && world.commits().0 == 0 {
            // The first checkpoint of all was torn. Nothing was committed, so whoever is in charge starts anew.
            world.trace().note(env.elapsed(), format_args!("starts anew"));
            started = start(job, without_recovery(&config), &env, life, world).await;
        }
        let handle = match started {
            Ok(handle) => handle,
            Err(error) => return (End::Refused(error.to_string()), Lived::default(), env.elapsed()),
        };
        let end = until_end(&env, &handle, life.until).await;
        let mut lived = Lived::of(&handle);
        world.trace().note(env.elapsed(), format_args!("{end:?} {lived:?}"));
        // They may name folders of this process, which are not the same in every run.
        lived.failures = handle.exceptions().entries.iter().map(|entry| entry.root.text.clone()).collect();
        if matches!(end, End::Crashed | End::Savepoint(_)) {
            world.disk().crash();
        }
        (end, lived, env.elapsed())
    });
    let (end, lived, time) = lived.map_err(|e| e.to_string())?;
    // Two jobs of one name are told apart by their times, and every life begins at the same one: after a savepoint
    // the checkpoint to start from is named.
    match &end {
        End::Savepoint(path) => *from = Some(path.clone()),
        _ if from.is_some() => *from = lived.latest.or_else(|| from.take()),
        _ => {}
    }
    outcome.restores += u64::from(lived.is_restored);
    outcome.restarts += lived.restarts;
    outcome.failures.extend(lived.failures);
    outcome.checkpoints += lived.checkpoints;
    outcome.aborted += lived.aborted;
    outcome.in_flight_bytes += lived.in_flight_bytes;
    outcome.time += time;
    Ok(end)
}

/// What a life has achieved.
#[derive(Debug, Default)]
struct Lived {
    is_restored: bool,
    restarts: u64,
    failures: Vec<String>,
    checkpoints: u64,
    aborted: u64,
    in_flight_bytes: u64,
    /// Where the newest checkpoint is, if one was completed.
    latest: Option<String>,
}

impl Lived {
    fn of(handle: &JobHandle) -> Self {
        let view = handle.view();
        let latest = view.checkpoints.latest.completed.as_ref();
        Lived {
            latest: latest.map(|checkpoint| format!("{}/chk-{}", handle.id(), checkpoint.id)),
            is_restored: handle.restore_report().is_some(),
            restarts: view.restarts,
            failures: Vec::new(),
            checkpoints: view.checkpoints.counts.completed,
            aborted: view.checkpoints.counts.failed,
            in_flight_bytes: view.checkpoints.history.iter().map(|record| record.persisted_in_flight_bytes).sum(),
        }
    }
}

fn without_recovery(config: &Configuration) -> Configuration {
    let mut rest = Configuration::new();
    for (key, value) in config.iter().filter(|(key, _)| *key != RECOVERY_PATH) {
        rest.set(key, value);
    }
    rest
}

async fn start(job: &Job, config: Configuration, env: &Env, life: &Life, world: &World) -> Result<JobHandle> {
    let submitted = submission(job.name, config, |stream_env| (job.build)(world, stream_env))?;
    let store = SimStore::new(world.disk().clone(), env.clone(), life.faults.store.clone(), world.trace().clone());
    let storage = CheckpointStorage::with_store(env, Arc::new(store), "checkpoints");
    let cluster = MiniCluster::new(env.clone(), MetricRegistry::new()).with_backend(Arc::new(MemoryBackend));
    let way = |gateway, events| interpose(env, &life.faults.messages, world.trace(), gateway, events);
    cluster.submit_through(submitted, &storage, way).await
}

/// Waits until so many checkpoints are complete, and this long after them.
async fn checkpoints(env: &Env, handle: &JobHandle, count: u64, more: Duration) {
    let mut view = handle.watch();
    // A job master that is gone completes no more checkpoints; whoever waits for its end says how it ended.
    let reached = view.wait_for(|view| view.checkpoints.counts.completed >= count);
    let _ = env.timeout(LIFE_MAX, async { reached.await.map(drop) }).await;
    env.sleep(more).await;
}

async fn until_end(env: &Env, handle: &JobHandle, until: Until) -> End {
    let ended = async {
        match handle.result().await {
            Ok(_) => End::Finished,
            Err(error) => End::Failed(error.to_string()),
        }
    };
    let crash = async {
        match until {
            Until::End => env.sleep(LIFE_MAX).await,
            Until::Time(time) => env.sleep(time).await,
            Until::Checkpoints(count, more) => checkpoints(env, handle, count, more).await,
            Until::Savepoint { checkpoints: count, more, format, then } => {
                checkpoints(env, handle, count, more).await;
                let request = SavepointRequest { target: Some("savepoints".to_owned()), format, then };
                let mut taken = handle.savepoint(request.clone()).await;
                while matches!(&taken, Err(e) if e.kind() == ErrorKind::Unavailable) && !handle.status().is_terminal() {
                    // Not all tasks run yet.
                    env.sleep(Duration::from_millis(1)).await;
                    taken = handle.savepoint(request.clone()).await;
                }
                match taken {
                    Ok(path) if then == AfterSavepoint::GoOn => return End::Savepoint(path),
                    Ok(path) => match handle.result().await {
                        Ok(_) => return End::Savepoint(path),
                        Err(error) => return End::Failed(error.to_string()),
                    },
                    // The job has ended before; the other branch says how.
                    Err(error) if error.kind() == ErrorKind::Unavailable => env.sleep(LIFE_MAX).await,
                    Err(error) => return End::Failed(error.to_string()),
                }
            }
        }
        End::Crashed
    };
    let ended = async {
        let end = ended.await;
        // Whoever has asked for a savepoint hears of it first.
        env.sleep(if matches!(until, Until::Savepoint { .. }) { Duration::from_millis(1) } else { Duration::ZERO })
            .await;
        end
    };
    tokio::select! {
        biased;
        end = ended => end,
        end = crash => end,
    }
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Self {
        Box::new(Failure { what: error.to_string(), outcome: Outcome::default(), tail: String::new() })
    }
}
