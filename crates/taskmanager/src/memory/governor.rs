//! How the memory of a process is divided: a function of what is seen, without clock, file or lock.
//!
//! ```text
//! 0                          resident                 aim       brim   budget
//! |--- rest ---|-- used ------|------ headroom --------|---------|--------|
//!              |-- limits of all takers together --|              \ heap state is refused
//! ```
//!
//! The rest is what nobody can make smaller from here: the program, heap state, channels, memory that an allocator keeps.
//! It is never known as such, only as what is left of the resident set, so that nothing can be forgotten in it. While there
//! is headroom, takers together may grow by half of it, so that one look later there still is some, even if what they
//! take costs twice what they think. When there is none they shrink by what is missing.

/// Of the budget, what is aimed at, in percent: the rest is for what comes between two looks.
const AIM_PERCENT: u64 = 85;
/// Of the budget, where state that cannot shrink is refused, in percent.
const BRIM_PERCENT: u64 = 93;
/// Of its memory, what a taker gives up in one look while there is headroom for all: one part in so many. It does not
/// stand still to let go of much at once.
const STEP: u64 = 8;
/// Takers of less than one part in so many of the budget have given what they have: then channels are made smaller.
const GIVEN: u64 = 4;
/// Batches are halved so often at most, and at first: nobody knows how large records are.
pub(crate) const HALVINGS_MAX: u32 = 6;
/// Heap state of less than one part in so many of the budget is not to blame for what is missing.
const BLAME: u64 = 8;
/// Until here heap state may grow from one look to the next, in percent of the budget, by half of what is left at a time.
const HEAP_PERCENT: u64 = 97;
/// With so many bytes left it need not be told.
const HEAP_FREE: u64 = 512 << 20;

/// Someone who can do with more or less memory: a working set, or the stores of a state backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taker {
    /// Bytes that it has.
    pub(crate) used: u64,
    /// Fewer than so many make no sense.
    pub(crate) least: u64,
    /// The most that the user allows.
    pub(crate) most: u64,
    /// Its part when there is not enough for all, in relation to others'.
    pub(crate) weight: u64,
    /// It could use more.
    pub(crate) is_pressed: bool,
}

/// What was seen, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Seen<'a> {
    /// What the process may have.
    pub(crate) budget: u64,
    /// What it has.
    pub(crate) resident: u64,
    /// How often the rows of a batch in channels have been halved.
    pub(crate) halvings: u32,
    /// Who can do with more or less.
    pub(crate) takers: &'a [Taker],
    /// State on the heap, each with its bytes.
    pub(crate) heaps: &'a [u64],
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// What each taker may have from now on.
    pub(crate) limits: Vec<u64>,
    /// How far each heap state may grow until the next look.
    pub(crate) heap_limits: Vec<u64>,
    /// How often the rows of a batch are to be halved.
    pub(crate) halvings: u32,
    /// The heap state that is refused, if there is no other way.
    pub(crate) refused: Option<usize>,
    /// Bytes until the aim, or from it if there are too many already.
    pub(crate) headroom: i64,
}

impl Seen<'_> {
    /// What the process has at most when all is well.
    fn aim(&self) -> u64 {
        self.budget / 100 * AIM_PERCENT
    }

    /// Bytes until the aim; negative behind it.
    pub(crate) fn headroom(&self) -> i64 {
        self.aim() as i64 - self.resident as i64
    }

    /// Divides the memory.
    pub(crate) fn decide(&self) -> Decision {
        let headroom = self.headroom();
        let used: u64 = self.takers.iter().map(|taker| taker.used).sum();
        let total = match u64::try_from(headroom) {
            Ok(room) => used + room / 2,
            Err(_) => used.saturating_sub(headroom.unsigned_abs()),
        };
        let wants: Vec<Want> = self.takers.iter().map(|taker| taker.want(headroom >= 0)).collect();
        let (limits, heap_limits) = (divide(total, &wants), self.heap_limits());
        Decision { limits, heap_limits, halvings: self.halvings(used), refused: self.refused(), headroom }
    }

    /// State that is not to blame for anything does not wait.
    fn heap_limits(&self) -> Vec<u64> {
        let room = (self.budget / 100 * HEAP_PERCENT).saturating_sub(self.resident);
        let share = room / 2 / (self.heaps.len() as u64).max(1);
        let limit = |bytes: &u64| if room > HEAP_FREE { u64::MAX } else { (bytes + share).max(self.budget / BLAME) };
        self.heaps.iter().map(limit).collect()
    }

    /// Channels give way last, because small batches cost time for every record.
    fn halvings(&self, used: u64) -> u32 {
        let headroom = self.headroom();
        if headroom < 0 && used < self.budget / GIVEN {
            (self.halvings + 1).min(HALVINGS_MAX)
        } else if headroom >= 0 && used >= self.budget / GIVEN || headroom > (self.budget / GIVEN / 2) as i64 {
            self.halvings.saturating_sub(1)
        } else {
            self.halvings
        }
    }

    /// The largest heap state, if there is too much and nothing else can go.
    fn refused(&self) -> Option<usize> {
        let over = self.resident.checked_sub(self.budget / 100 * BRIM_PERCENT)?;
        let spare: u64 = self.takers.iter().map(|taker| taker.used.saturating_sub(taker.least)).sum();
        let (largest, bytes) = self.heaps.iter().enumerate().max_by_key(|(_, bytes)| **bytes)?;
        (spare < over && *bytes >= self.budget / BLAME).then_some(largest)
    }
}

/// Between what and what a taker's limit may be.
struct Want {
    least: u64,
    most: u64,
    weight: u64,
}

impl Taker {
    fn want(&self, has_headroom: bool) -> Want {
        let kept = if has_headroom { self.used - self.used / STEP } else { 0 };
        let least = kept.max(self.least);
        let most = if self.is_pressed { u64::MAX } else { self.used.saturating_add(self.used / STEP) };
        Want { least, most: most.min(self.most).max(least), weight: self.weight.max(1) }
    }
}

/// Divides `total` by weight. Whoever wants less than that gets what it wants, and the others more.
fn divide(total: u64, wants: &[Want]) -> Vec<u64> {
    // With the level at which nothing is left, everyone has its weight times that, within its bounds. What all have
    // grows with the level, so the level is found by halving.
    let limit = |want: &Want, level: u64| level.saturating_mul(want.weight).clamp(want.least, want.most);
    let sum = |level: u64| wants.iter().fold(0u64, |sum, want| sum.saturating_add(limit(want, level)));
    let (mut low, mut high) = (0, total + 1);
    while high - low > 1 {
        let level = low + (high - low) / 2;
        if sum(level) <= total { low = level } else { high = level }
    }
    wants.iter().map(|want| limit(want, low)).collect()
}

#[cfg(test)]
mod tests;
