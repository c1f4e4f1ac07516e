//! When entries changed, in epochs, and what an open snapshot still has to take.
//!
//! A snapshot opens with one tick of the clock, at which no entry is touched; the entries that it holds are encoded
//! afterwards, some at a time, while the stream goes on. Whoever changes an entry first looks at its epoch: if it is
//! not the current one and the open snapshot holds the entry, it is encoded before it changes.
//!
//! ```text
//! epoch        2         |barrier|  4
//! entry        changed 2             taken: 3      changed: 4
//! ```

/// A time between two snapshots. Even numbers are times, the odd one after a time says: taken by the snapshot that
/// ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Epoch(u32);

impl Epoch {
    /// Before all: as it is in the files, or in the store.
    pub const NEVER: Epoch = Epoch(0);
}

/// What a snapshot takes of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keyed) enum Take {
    /// What changed since the snapshot before.
    Changes,
    /// Everything; later snapshots build on it.
    All,
    /// Everything, for a savepoint; later snapshots build on what they would have built on without it.
    Copy,
    /// What the store below does not have yet.
    Unwritten,
}

/// The current epoch of a table, and which epochs its open snapshot takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub now: Epoch,
    /// The epoch that ended with the snapshot that the next changes are relative to.
    base: Epoch,
    /// First and last epoch of what the open snapshot takes; no epoch is in it when none is open.
    open: (Epoch, Epoch),
    /// The epoch of an entry that the open snapshot has taken.
    pub taken: Epoch,
}

/// No snapshot is open.
const CLOSED: (Epoch, Epoch) = (Epoch(1), Epoch(0));

impl Clock {
    pub fn new() -> Clock {
        Clock { now: Epoch(2), base: Epoch::NEVER, open: CLOSED, taken: Epoch::NEVER }
    }

    /// Opens a snapshot: all that changes from now on is not part of it.
    pub fn open(&mut self, take: Take) {
        let ended = self.now;
        let first = match take {
            Take::Changes => Epoch(self.base.0 + 1),
            Take::All | Take::Copy => Epoch::NEVER,
            Take::Unwritten => Epoch(1),
        };
        self.taken = if take == Take::Unwritten { Epoch::NEVER } else { Epoch(ended.0 + 1) };
        self.open = (first, ended);
        if take != Take::Copy {
            self.base = ended;
        }
        self.now = Epoch(ended.0 + 2);
    }

    /// Everything has been taken.
    pub fn close(&mut self) {
        self.open = CLOSED;
    }

    /// Whether the open snapshot holds an entry that was changed then, and has not taken it yet.
    #[inline]
    pub fn holds(&self, changed: Epoch) -> bool {
        self.open.0 <= changed && changed <= self.open.1
    }
}
