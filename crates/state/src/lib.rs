//! What operators remember: typed keyed state, timers, operator state, and how all of it is written and read back.
//!
//! Operators keep nothing of their own across a barrier; they keep it here, and the runtime takes the snapshot
//! without asking them. Keyed state is a hash table per key group ([`keyed::StateTable`]) with the changes since the
//! last snapshot marked, so that a checkpoint writes only those. Files go to an object store
//! ([`checkpoint::CheckpointStorage`]); metadata is written last.

pub mod canonical;
pub mod checkpoint;
pub mod keyed;
pub mod operator;
pub mod snapshot;
pub mod store;
pub mod working_set;

pub use keyed::{
    AggregateFunction, AggregatingState, AnyKeyedState, BinaryRow, KeyMap, KeyRows, KeySlot, KeyedFiles, KeyedState,
    ListState, MapState, ReducingState, RowCodec, StateAccess, StateEntry, StateTable, StateTtl, TableId, TimerKind,
    Timers, TimersId, TtlUpdate, TtlVisibility, ValueState,
};
pub use operator::{BroadcastState, EncodedList, OperatorListState, OperatorState};
pub use snapshot::{
    Blob, InFlightDealing, InFlightSnapshot, KeyedSnapshot, ListSnapshot, OperatorSnapshot, Redistribution,
    SubtaskSnapshot, TablePart,
};
pub use working_set::{WorkingSet, WorkingSets};
