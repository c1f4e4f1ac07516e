//! The lives of a run, drawn from a seed or written by hand.

use crate::faults::Faults;
use fastrand::Rng;
use flott_core::{AfterSavepoint, Configuration, SavepointFormat};
use std::time::Duration;

/// Parallelisms that lives are tried with.
pub const PARALLELISMS: [u32; 4] = [1, 2, 3, 7];
/// Most lives before the last one.
const LIVES_MAX: usize = 5;

/// The lives of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where all chance of the run comes from.
    pub seed: u64,
    /// What the sources' data is made from.
    pub data_seed: u64,
    /// The lives in order. The last one must run to the end.
    pub lives: Vec<Life>,
}

/// A process from its start to its end.
#[derive(Clone, Debug)]
pub struct Life {
    /// Parallelism of the job.
    pub parallelism: u32,
    /// Options beside it.
    pub options: Vec<(&'static str, String)>,
    /// What goes wrong.
    pub faults: Faults,
    /// When it ends.
    pub until: Until,
}

/// When a life ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// When the job has ended.
    End,
    /// In a crash at this time, if the job has not ended.
    Time(Duration),
    /// In a crash this long after so many checkpoints were completed in this life, if the job has not ended.
    Checkpoints(u64, Duration),
    /// With a savepoint in this format, this long after so many checkpoints; the next life starts from it. The job stops
    /// with it, or the process dies as soon as it is complete.
    Savepoint {
        /// So many checkpoints.
        checkpoints: u64,
        /// This long after them.
        more: Duration,
        /// The format.
        format: SavepointFormat,
        /// What becomes of the job.
        then: AfterSavepoint,
    },
}

impl Life {
    /// A life in which nothing goes wrong, with a checkpoint every 30 ms.
    pub fn quiet(parallelism: u32, until: Until) -> Self {
        let options = vec![("execution.checkpointing.interval", "30 ms".to_owned())];
        Life { parallelism, options, faults: Faults::quiet(), until }
    }

    /// All options of the life. Every life but the first starts from the latest checkpoint; one that is asked for
    /// without there being one starts from nothing.
    pub fn configuration(&self, max_parallelism: Option<u32>) -> Configuration {
        let mut config = Configuration::new();
        config.set("parallelism.default", self.parallelism.to_string());
        if let Some(max) = max_parallelism {
            config.set("pipeline.max-parallelism", max.to_string());
        }
        for (key, value) in &self.options {
            config.set(*key, value);
        }
        config
    }
}

impl Plan {
    /// One quiet life.
    pub fn straight(seed: u64, parallelism: u32) -> Self {
        Plan { seed, data_seed: seed, lives: vec![Life::quiet(parallelism, Until::End)] }
    }

    /// Killed at a moment drawn from the seed, after at least one checkpoint, then restored at another parallelism.
    pub fn killed(seed: u64, before: u32, after: u32) -> Self {
        let mut random = Rng::with_seed(seed);
        let crash = Until::Checkpoints(random.u64(1..4), Duration::from_millis(random.u64(..60)));
        let lives = vec![Life::quiet(before, crash), Life::quiet(after, Until::End)];
        Plan { seed, data_seed: seed, lives }
    }

    /// Stopped with a savepoint, or killed right after it, at a moment drawn from the seed, then restored from it at
    /// another parallelism, and once more from a checkpoint. Each of the three may be on the heap or on a store.
    pub fn moved(seed: u64, format: SavepointFormat, parallelisms: [u32; 3], on_store: [bool; 3]) -> Self {
        let mut random = Rng::with_seed(seed);
        // Some jobs take a few milliseconds.
        let mut wait = || match random.u64(..3) {
            0 => (0, Duration::from_millis(random.u64(..8))),
            count => (count, Duration::from_millis(random.u64(..60))),
        };
        let ((checkpoints, more), crash) = (wait(), wait());
        let then = if seed.is_multiple_of(2) { AfterSavepoint::Stop } else { AfterSavepoint::GoOn };
        let ends = [
            Until::Savepoint { checkpoints, more, format, then },
            Until::Checkpoints(crash.0 + 1, crash.1),
            Until::End,
        ];
        let mut lives: Vec<Life> = parallelisms.into_iter().zip(ends).map(|(p, until)| Life::quiet(p, until)).collect();
        lives.iter_mut().zip(on_store).filter(|(_, is_on)| *is_on).for_each(|(life, _)| life.put_on_store());
        Plan { seed, data_seed: seed, lives }
    }

    /// The same with barriers that overtake, under backpressure: channels have little room, and the sink is slow.
    #[must_use]
    pub fn unaligned(mut self) -> Self {
        let mut random = Rng::with_seed(self.seed ^ 0xBA55);
        for life in &mut self.lives {
            life.options.extend(unaligned_options(&mut random));
            life.options.push(("flott.exchange.batch-rows", [1, 3, 8][random.usize(..3)].to_string()));
            life.options.push(("flott.exchange.channel-batches", random.u32(1..3).to_string()));
            life.faults.ledger.write_max = Duration::from_millis(random.u64(1..12));
        }
        self
    }

    /// Several lives with faults of every kind and parallelism, and a quiet one to the end.
    pub fn draw(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut lives: Vec<Life> = (0..random.usize(1..=LIVES_MAX)).map(|_| Life::draw(&mut random)).collect();
        lives.push(Life::draw(&mut random).until_the_end());
        // Another one when all is done: it must find that out and change nothing.
        if random.u8(..4) == 0 {
            lives.push(Life::draw(&mut random).until_the_end());
        }
        let plan = Plan { seed, data_seed: seed % 16, lives };
        if random.bool() { plan.on_store() } else { plan }
    }

    /// The same with keyed state on a store, of which nearly nothing is kept in memory.
    #[must_use]
    pub fn on_store(mut self) -> Self {
        self.lives.iter_mut().for_each(Life::put_on_store);
        self
    }
}

impl Life {
    /// The same life without faults and with all the time that it needs.
    fn until_the_end(mut self) -> Self {
        self.options.push(("execution.checkpointing.timeout", "10 min".to_owned()));
        Life { faults: Faults::quiet(), until: Until::End, ..self }
    }

    fn put_on_store(&mut self) {
        self.options.push(("state.backend.type", "memory".to_owned()));
        self.options.push(("flott.state.working-set.size", "2 kb".to_owned()));
    }

    fn draw(random: &mut Rng) -> Self {
        let until = match random.u8(..4) {
            0 => Until::Time(Duration::from_millis(random.u64(1..1500))),
            _ => Until::Checkpoints(random.u64(..4), Duration::from_millis(random.u64(..200))),
        };
        Life {
            parallelism: PARALLELISMS[random.usize(..PARALLELISMS.len())],
            options: draw_options(random),
            faults: Faults::draw(random),
            until,
        }
    }
}

/// Barriers that overtake, at once or after a while.
fn unaligned_options(random: &mut Rng) -> Vec<(&'static str, String)> {
    let after_ms = if random.bool() { 0 } else { random.u64(1..40) };
    vec![
        ("execution.checkpointing.unaligned.enabled", "true".to_owned()),
        ("execution.checkpointing.aligned-checkpoint-timeout", format!("{after_ms} ms")),
        ("execution.checkpointing.unaligned.interruptible-timers.enabled", (random.u8(..4) > 0).to_string()),
    ]
}

fn draw_options(random: &mut Rng) -> Vec<(&'static str, String)> {
    let mut options = Vec::new();
    let mut set = |key, value: String| options.push((key, value));
    set("execution.checkpointing.interval", format!("{} ms", random.u64(5..120)));
    set("execution.checkpointing.timeout", format!("{} ms", random.u64(100..3000)));
    set("execution.checkpointing.min-pause", format!("{} ms", if random.bool() { 0 } else { random.u64(..100) }));
    set("execution.checkpointing.tolerable-failed-checkpoints", random.u32(..8).to_string());
    set("execution.checkpointing.num-retained", random.u32(1..4).to_string());
    set("execution.checkpointing.incremental", random.bool().to_string());
    set("execution.checkpointing.data-inline-threshold", format!("{} b", [0, 200, 20_480][random.usize(..3)]));
    set("pipeline.operator-chaining.enabled", (random.u8(..4) > 0).to_string());
    set("pipeline.auto-watermark-interval", format!("{} ms", [0, 5, 50, 200][random.usize(..4)]));
    set("flott.exchange.batch-rows", [1, 3, 64, 4096][random.usize(..4)].to_string());
    set("flott.exchange.channel-batches", random.u32(1..5).to_string());
    if random.bool() {
        unaligned_options(random).into_iter().for_each(|(key, value)| set(key, value));
    }
    match random.u8(..3) {
        0 => {
            set("restart-strategy.type", "fixed-delay".to_owned());
            set("restart-strategy.fixed-delay.attempts", random.u32(1..10).to_string());
            set("restart-strategy.fixed-delay.delay", format!("{} ms", random.u64(..200)));
        }
        1 => {
            set("restart-strategy.type", "failure-rate".to_owned());
            set("restart-strategy.failure-rate.max-failures-per-interval", random.u32(1..6).to_string());
            set("restart-strategy.failure-rate.delay", format!("{} ms", random.u64(..200)));
        }
        _ => set("restart-strategy.exponential-delay.initial-backoff", format!("{} ms", random.u64(1..300))),
    }
    if random.bool() {
        options.push(("execution.checkpointing.file-merging.enabled", "true".to_owned()));
        let max = [1000, 100_000, 32 << 20][random.usize(..3)];
        options.push(("execution.checkpointing.file-merging.max-file-size", format!("{max} b")));
    }
    options
}
