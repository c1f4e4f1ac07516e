//! What is remembered of a window of a key: its content and its trigger's state, in one entry of one table, so that
//! a record costs one look-up.

use serde::{Deserialize, Serialize};

/// The content of a window of a key.
///
/// Of its event timers two need no entry among the timers. That it is cleaned up follows from its being there, and
/// whether its trigger wants to be called at its end is noted here. See [`crate::due::DuePanes`].
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pane<A, S> {
    /// What is kept of the records; `None` when the window was emptied.
    pub acc: Option<A>,
    /// What the trigger remembers.
    pub trigger: S,
    /// Whether the trigger wants to be called at the window's end.
    pub at_end: bool,
    /// Whether the processing-time timer that cleans the window up surely exists. Not part of checkpoints, after
    /// which the timer is asked for once more.
    #[serde(skip)]
    pub cleanup_known: bool,
}

impl<A, S: Default> Default for Pane<A, S> {
    fn default() -> Self {
        Pane { acc: None, trigger: S::default(), at_end: false, cleanup_known: false }
    }
}
