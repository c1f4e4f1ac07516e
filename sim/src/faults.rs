//! What goes wrong in a life, and how often: plain numbers, drawn from the seed.

use fastrand::Rng;
use std::ops::Range;
use std::time::Duration;

/// Everything that goes wrong in one life.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Of the checkpoint storage.
    pub store: StoreFaults,
    /// Of messages between job master and tasks.
    pub messages: MessageFaults,
    /// Of the sink's target.
    pub ledger: LedgerFaults,
    /// Of user code: at which calls of [`crate::World::step`] it fails, counted over the life.
    pub mishaps: Vec<Mishap>,
    /// How the source paces itself.
    pub pace: Pace,
}

/// Faults of the checkpoint storage. Chances are between 0 and 1.
#[derive(Clone, Debug, Default)]
pub struct StoreFaults {
    /// An operation takes up to this long.
    pub latency_max: Duration,
    /// A write is refused.
    pub put_fails: f64,
    /// A write is done and an error comes back.
    pub answer_lost: f64,
    /// A read or listing fails, and would not the next time.
    pub read_fails: f64,
    /// An operation takes two hundred times as long.
    pub slow: f64,
    /// There is no room for this part of the life, in milliseconds.
    pub full_ms: Range<u64>,
}

/// Faults of messages between job master and tasks.
#[derive(Clone, Debug, Default)]
pub struct MessageFaults {
    /// A message takes up to this long. Those of one task stay in order.
    pub delay_max: Duration,
    /// An acknowledgement never comes.
    pub acknowledgement_lost: f64,
    /// A message comes twice.
    pub doubled: f64,
    /// Tasks cannot be deployed.
    pub deploy_fails: f64,
}

/// Faults of the sink's target.
#[derive(Clone, Debug, Default)]
pub struct LedgerFaults {
    /// A call takes up to this long.
    pub latency_max: Duration,
    /// A transaction cannot be written.
    pub stage_fails: f64,
    /// A commit is done and an error comes back.
    pub answer_lost: f64,
    /// The target is away for this part of the life, in milliseconds.
    pub away_ms: Range<u64>,
    /// A batch of rows takes the writer up to this long.
    pub write_max: Duration,
}

/// User code fails at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mishap {
    /// Which call, counted from 1.
    pub at: u64,
    /// How.
    pub kind: MishapKind,
}

/// How user code fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MishapKind {
    /// It panics.
    Panic,
    /// It returns an error.
    Error,
}

/// How fast a replayed source gives its rows.
#[derive(Clone, Debug)]
pub struct Pace {
    /// At most so many rows at a time.
    pub rows_max: usize,
    /// A pause of up to this long after rows.
    pub pause_max: Duration,
    /// A pause is twenty times as long.
    pub stalls: f64,
}

impl Default for Pace {
    /// As fast as rows are taken.
    fn default() -> Self {
        Pace { rows_max: usize::MAX, pause_max: Duration::ZERO, stalls: 0.0 }
    }
}

impl Pace {
    /// A pace at which a hundred rows take about 200 ms of virtual time.
    pub fn steady() -> Self {
        Pace { rows_max: 10, pause_max: Duration::from_millis(20), stalls: 0.0 }
    }
}

impl Faults {
    /// Nothing goes wrong; the source takes its time.
    pub fn quiet() -> Self {
        Faults { pace: Pace::steady(), ..Faults::default() }
    }

    /// Faults of every kind, in every strength, each kind absent in some lives.
    pub fn draw(random: &mut Rng) -> Self {
        let mut faults = Faults { pace: Pace::draw(random), ..Faults::default() };
        if random.u8(..4) > 0 {
            faults.store = StoreFaults::draw(random);
        }
        if random.u8(..4) > 0 {
            faults.messages = MessageFaults::draw(random);
        }
        if random.u8(..3) > 0 {
            faults.ledger = LedgerFaults::draw(random);
        }
        if random.bool() {
            faults.mishaps = Mishap::draw_several(random);
        }
        faults
    }
}

/// A chance up to `most`, none in half of all draws.
fn chance(random: &mut Rng, most: f64) -> f64 {
    if random.bool() { 0.0 } else { random.f64() * most }
}

/// A part of a life in milliseconds, empty in half of all draws.
fn part_of_life(random: &mut Rng) -> Range<u64> {
    let start = random.u64(..1000);
    let len = if random.bool() { 0 } else { random.u64(..2000) };
    start..start + len
}

fn up_to_ms(random: &mut Rng, most: u64) -> Duration {
    Duration::from_millis(random.u64(..=most))
}

impl StoreFaults {
    fn draw(random: &mut Rng) -> Self {
        StoreFaults {
            latency_max: up_to_ms(random, 20),
            put_fails: chance(random, 0.3),
            answer_lost: chance(random, 0.3),
            read_fails: chance(random, 0.2),
            slow: chance(random, 0.02),
            full_ms: part_of_life(random),
        }
    }
}

impl MessageFaults {
    fn draw(random: &mut Rng) -> Self {
        MessageFaults {
            delay_max: up_to_ms(random, 20),
            acknowledgement_lost: chance(random, 0.05),
            doubled: chance(random, 0.4),
            deploy_fails: chance(random, 0.3),
        }
    }
}

impl LedgerFaults {
    fn draw(random: &mut Rng) -> Self {
        LedgerFaults {
            latency_max: up_to_ms(random, 10),
            stage_fails: chance(random, 0.05),
            answer_lost: chance(random, 0.5),
            away_ms: part_of_life(random),
            write_max: if random.u8(..4) == 0 { up_to_ms(random, 20) } else { Duration::ZERO },
        }
    }
}

impl Mishap {
    fn draw_several(random: &mut Rng) -> Vec<Mishap> {
        let mut at = 0;
        (0..random.usize(1..4))
            .map(|_| {
                at += random.u64(1..400);
                Mishap { at, kind: if random.bool() { MishapKind::Panic } else { MishapKind::Error } }
            })
            .collect()
    }
}

impl Pace {
    fn draw(random: &mut Rng) -> Self {
        Pace { rows_max: random.usize(1..20), pause_max: up_to_ms(random, 60), stalls: chance(random, 0.1) }
    }
}
