//! Keyed state of one operator in one subtask.
//!
//! [`KeyedState`] (`state.rs`) owns a [`StateTable`] per state, the timers, and the current key. State kinds
//! ([`ValueState`] and the others) are small handles made when the operator opens; they find their table by number.
//! The runtime sees all of it through [`AnyKeyedState`].

mod any;
mod bulk;
mod file;
mod hot;
mod index;
mod kinds;
mod list_part;
mod map;
mod opened;
mod query;
mod registering;
mod restored;
mod row;
mod rows;
mod shape;
mod snapshot;
mod state;
mod stored;
mod table;
mod timers;
mod ttl;

pub use crate::checkpoint::{KeyedFiles, StateFile};
pub use any::{AnyKeyedState, StateAccess};
pub use hot::{HOT_KEYS_MAX, HotKey};
pub use kinds::{AggregateFunction, AggregatingState, ListState, MapState, ReducingState, StateEntry, ValueState};
pub(crate) use list_part::PartNumber;
pub use map::KeyMap;
pub use opened::{KeyedPart, SnapshotKind, StoreSnapshot};
pub use query::{StateAnswer, StateQuery};
pub use row::{BinaryRow, KeyRows, RowCodec};
pub use rows::{RowWalk, TakeRow};
pub(crate) use shape::StateShape;
pub use state::{KeyedState, PREFETCH_KEYS, TableId, TimersId};
pub use table::{KeySlot, StateTable};
pub use timers::{TimerKind, Timers};
pub use ttl::{StateTtl, TtlUpdate, TtlVisibility};

#[cfg(test)]
mod tests;
