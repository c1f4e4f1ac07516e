//! What a state's values look like in a file: enough to refuse a list where the job wants a value, and to read
//! values with stamps into a state without TTL and the other way round.

use std::fmt;

/// What kind of state a table holds, and whether its values carry stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateShape {
    /// Whatever an operator of Flott keeps for itself.
    Table,
    /// One value: also the accumulators of reducing and aggregating state.
    Value { timed: bool },
    /// A list that is one value: in snapshots of earlier versions, and as rows of a savepoint are put together.
    List { timed: bool },
    /// A list in parts, each an entry of the table.
    ListParts { timed: bool },
    /// A map, in files of format version 1: all of it is one value.
    WholeMap { timed: bool },
    /// A map, of which each entry is one of the table's.
    Map { timed: bool },
    /// Timers in a store, in the order of their times; elsewhere they are a table.
    Timers,
    /// What is due when, in a store, in the order of times: made from another state, so no state itself.
    Index,
}

const TIMED: u8 = 0x80;

impl StateShape {
    /// The byte that stands for it in files.
    pub fn tag(self) -> u8 {
        let (kind, timed) = match self {
            StateShape::Table => (0, false),
            StateShape::Value { timed } => (1, timed),
            StateShape::List { timed } => (2, timed),
            StateShape::WholeMap { timed } => (3, timed),
            StateShape::Map { timed } => (4, timed),
            StateShape::Timers => (5, false),
            StateShape::ListParts { timed } => (6, timed),
            StateShape::Index => (7, false),
        };
        if timed { kind | TIMED } else { kind }
    }

    /// The shape that `tag` stands for.
    pub fn of_tag(tag: u8) -> Option<StateShape> {
        let timed = tag & TIMED != 0;
        match tag & !TIMED {
            0 if !timed => Some(StateShape::Table),
            1 => Some(StateShape::Value { timed }),
            2 => Some(StateShape::List { timed }),
            3 => Some(StateShape::WholeMap { timed }),
            4 => Some(StateShape::Map { timed }),
            5 if !timed => Some(StateShape::Timers),
            6 => Some(StateShape::ListParts { timed }),
            7 if !timed => Some(StateShape::Index),
            _ => None,
        }
    }

    /// Whether a table of this shape takes what was written in the other: one value looks the same whether an operator
    /// or its user keeps it.
    pub fn takes(self, written: StateShape) -> bool {
        let is_one = |shape| matches!(shape, StateShape::Table | StateShape::Value { timed: false });
        self == written || is_one(self) && is_one(written)
    }

    /// The same kind with or without stamps.
    pub fn with_stamps(self, timed: bool) -> StateShape {
        match self {
            StateShape::Table | StateShape::Timers | StateShape::Index => self,
            StateShape::Value { .. } => StateShape::Value { timed },
            StateShape::List { .. } => StateShape::List { timed },
            StateShape::ListParts { .. } => StateShape::ListParts { timed },
            StateShape::WholeMap { .. } => StateShape::WholeMap { timed },
            StateShape::Map { .. } => StateShape::Map { timed },
        }
    }
}

impl fmt::Display for StateShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StateShape::Table => "a table of an operator",
            StateShape::Timers => "timers",
            StateShape::Index => "an index",
            StateShape::Value { timed: false } => "a value",
            StateShape::Value { timed: true } => "a value with TTL",
            StateShape::List { timed: false } | StateShape::ListParts { timed: false } => "a list",
            StateShape::List { timed: true } | StateShape::ListParts { timed: true } => "a list with TTL",
            StateShape::WholeMap { timed: false } | StateShape::Map { timed: false } => "a map",
            StateShape::WholeMap { timed: true } | StateShape::Map { timed: true } => "a map with TTL",
        })
    }
}
