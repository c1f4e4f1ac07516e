//! What an operator's keyed state takes of memory in one subtask: the numbers between the state, which knows, and whoever
//! divides the memory of the process, who decides.
//!
//! ```text
//! state     how many bytes there are, how many entries, whether some had to go   ->
//!           <-   how many there may be, a question for the bytes, a refusal                     divider
//! ```
//!
//! State on a store keeps to its limit: what is too much is written and let go. State on the heap cannot; it is asked now and
//! then how much it is, and refused when it is too much. Its limit says how far it may grow until the divider has looked
//! again; then it waits. Nothing here costs anything per record.

use flott_core::{Error, Result};
use futures_util::task::AtomicWaker;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

/// Of a working set, this part may be one batch's.
const BATCH_PART: usize = 4;
/// State on the heap may grow by so much with a batch: whether it is refused is seen after it.
const HEAP_BATCH_BYTES: usize = 4 << 20;
/// So many rows a batch may have in any case: fewer cost more than they save.
const BATCH_ROWS_MIN: usize = 16;

/// So many rows has the first one, when nothing is known.
const BATCH_ROWS_FIRST: usize = 64;

/// The memory of one operator's keyed state in one subtask.
pub struct WorkingSet {
    is_on_store: bool,
    /// Someone wants to know.
    is_watched: bool,
    /// The user's limit.
    cap: usize,
    bytes_max: AtomicUsize,
    bytes: AtomicUsize,
    /// Bytes that the entries of a key take, as far as known.
    entry_bytes: AtomicUsize,
    /// Something had to go, or would have had to, since the divider looked.
    is_pressed: AtomicBool,
    /// Snapshots of the store that are being taken, one beside another that was given up: nothing may be written.
    frozen: AtomicUsize,
    /// It is too much, and nothing more can go until something changes.
    is_stuck: AtomicBool,
    /// What would have to change is that a snapshot has been taken, or on the heap that the divider has looked again.
    is_held: AtomicBool,
    /// State on the heap is to say how much it is.
    is_asked: AtomicBool,
    is_refused: AtomicBool,
    refusal: Mutex<Option<String>>,
    /// The task that owns the state.
    task: AtomicWaker,
}

impl WorkingSet {
    fn new(is_on_store: bool, is_watched: bool, cap: usize, bytes_max: usize) -> Arc<WorkingSet> {
        Arc::new(WorkingSet {
            is_on_store,
            is_watched,
            cap,
            bytes_max: AtomicUsize::new(bytes_max.min(cap)),
            bytes: AtomicUsize::new(0),
            entry_bytes: AtomicUsize::new(0),
            is_pressed: AtomicBool::new(false),
            frozen: AtomicUsize::new(0),
            is_stuck: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            // The first batch tells how large entries are.
            is_asked: AtomicBool::new(true),
            is_refused: AtomicBool::new(false),
            refusal: Mutex::new(None),
            task: AtomicWaker::new(),
        })
    }

    /// Memory that nobody divides: so many bytes.
    pub fn fixed(bytes_max: usize) -> Arc<WorkingSet> {
        WorkingSet::new(true, false, bytes_max, bytes_max)
    }

    /// Whether it can be made smaller.
    pub fn is_on_store(&self) -> bool {
        self.is_on_store
    }

    /// Bytes of memory, as the state last told.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that it may have.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max.load(Ordering::Relaxed)
    }

    /// The most that the user allows.
    pub fn cap(&self) -> usize {
        self.cap
    }

    /// Whether it has been too small since this was asked last.
    pub fn take_pressed(&self) -> bool {
        self.is_pressed.swap(false, Ordering::Relaxed)
    }

    /// Says how many bytes it may have, and wakes the task if that is less than there are.
    pub fn set_bytes_max(&self, bytes: usize) {
        let bytes = bytes.min(self.cap);
        let before = self.bytes_max.swap(bytes, Ordering::Relaxed);
        if bytes < before {
            self.is_stuck.store(false, Ordering::Release);
        }
        if bytes < self.bytes() || self.is_held.load(Ordering::Acquire) {
            self.task.wake();
        }
    }

    /// Asks state on the heap how much it is. It answers after its next batch.
    pub fn ask(&self) {
        self.is_asked.store(true, Ordering::Release);
    }

    /// Refuses state on the heap any more memory, for this reason: its task fails after its next batch.
    pub fn refuse(&self, reason: String) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        self.is_refused.store(true, Ordering::Release);
        self.ask();
        self.task.wake();
    }

    /// How many rows of a batch are best worked on at once, so that what they need fits into memory.
    pub fn batch_rows(&self) -> usize {
        match self.entry_bytes.load(Ordering::Relaxed) {
            0 if self.is_watched => BATCH_ROWS_FIRST,
            0 => usize::MAX,
            entry if self.is_on_store => (self.bytes_max() / BATCH_PART / entry).max(BATCH_ROWS_MIN),
            entry => (HEAP_BATCH_BYTES / entry).max(BATCH_ROWS_MIN),
        }
    }

    /// Whether there is room for more: not as long as there is too much, and a snapshot keeps it from being written or it is
    /// on the heap. The task is woken when that may have changed.
    pub fn poll_room(&self, task: &mut Context<'_>) -> Poll<()> {
        self.task.register(task.waker());
        let is_waiting = self.is_held.load(Ordering::Acquire) && self.is_too_much();
        if is_waiting { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Whether something can go, and should: for a task that has nothing else to do.
    pub fn is_to_settle(&self) -> bool {
        if self.is_on_store {
            self.is_too_much() && !self.is_stuck.load(Ordering::Acquire)
        } else {
            self.is_refused.load(Ordering::Acquire)
        }
    }

    fn is_too_much(&self) -> bool {
        self.bytes() > self.bytes_max()
    }

    /// Whether state on the heap is to say how much it is.
    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Acquire) || self.bytes_max() != usize::MAX
    }

    /// State on the heap says how much it is.
    ///
    /// # Errors
    /// `Limit` when that is refused.
    pub(crate) fn answer(&self, bytes: usize, entry_bytes: usize) -> Result<()> {
        // Where there is nothing yet, it is not waited for.
        self.entry_bytes.store(entry_bytes.max(1), Ordering::Relaxed);
        self.is_asked.store(false, Ordering::Release);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.is_held.store(self.is_too_much(), Ordering::Release);
        match self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(reason) => Err(Error::limit(reason)),
            None => Ok(()),
        }
    }

    /// State on a store says how much is left after it has let go of what it could. `is_writable`: no snapshot has kept
    /// it from letting go of more.
    pub(crate) fn settled(&self, bytes: usize, entry_bytes: usize, was_pressed: bool, is_writable: bool) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.entry_bytes.store(entry_bytes, Ordering::Relaxed);
        if was_pressed {
            self.is_pressed.store(true, Ordering::Relaxed);
        }
        let is_stuck = bytes > self.bytes_max();
        self.is_stuck.store(is_stuck, Ordering::Release);
        self.is_held.store(is_stuck && !is_writable, Ordering::Release);
    }

    /// Nothing of the state may be written until [`WorkingSet::thaw`].
    pub(crate) fn freeze(&self) {
        self.frozen.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn thaw(&self) {
        self.frozen.fetch_sub(1, Ordering::AcqRel);
        self.is_stuck.store(false, Ordering::Release);
        self.is_held.store(false, Ordering::Release);
        self.task.wake();
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Acquire) > 0
    }
}

/// All working sets of a process.
#[derive(Clone)]
pub struct WorkingSets {
    sets: Arc<Mutex<Vec<Weak<WorkingSet>>>>,
    /// What a new one without a limit of the user's may have until the divider has seen it.
    first_bytes: usize,
}

impl WorkingSets {
    /// None yet. A new one that the user has not limited may have `first_bytes` until it is told otherwise.
    pub fn new(first_bytes: usize) -> WorkingSets {
        WorkingSets { sets: Arc::default(), first_bytes }
    }

    /// The memory of state on a store, of which the user allows up to `cap` bytes.
    pub fn on_store(&self, cap: Option<usize>) -> Arc<WorkingSet> {
        self.add(WorkingSet::new(true, true, cap.unwrap_or(usize::MAX), cap.unwrap_or(self.first_bytes)))
    }

    /// The memory of state on the heap.
    pub fn on_heap(&self) -> Arc<WorkingSet> {
        self.add(WorkingSet::new(false, true, usize::MAX, usize::MAX))
    }

    fn add(&self, set: Arc<WorkingSet>) -> Arc<WorkingSet> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&set));
        set
    }

    /// Those whose state is still there, in order of their making.
    pub fn all(&self) -> Vec<Arc<WorkingSet>> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        sets.retain(|set| set.strong_count() > 0);
        sets.iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize as Count;
    use std::task::{Wake, Waker};

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Woken(Count);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn woken() -> (Arc<Woken>, Waker) {
        let woken = Arc::new(Woken::default());
        (woken.clone(), Waker::from(woken))
    }

    #[test]
    fn a_task_waits_while_a_snapshot_keeps_too_much_in_memory() {
        let set = WorkingSets::new(100).on_store(None);
        let (woken, waker) = woken();
        let mut task = Context::from_waker(&waker);
        set.settled(150, 1, true, true);
        assert!(set.poll_room(&mut task).is_ready(), "nothing would change by waiting");
        assert!(!set.is_to_settle(), "and nothing by trying again");
        set.freeze();
        set.settled(150, 1, true, false);
        assert!(set.poll_room(&mut task).is_pending());
        set.thaw();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(set.poll_room(&mut task).is_ready());
        assert!(set.is_to_settle(), "now it can be written");
    }

    #[test]
    fn a_task_at_rest_is_woken_to_let_go() {
        let set = WorkingSets::new(100).on_store(None);
        let (woken, waker) = woken();
        set.settled(80, 1, false, true);
        assert!(set.poll_room(&mut Context::from_waker(&waker)).is_ready());
        set.set_bytes_max(90);
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        set.set_bytes_max(50);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(set.is_to_settle());
    }

    #[test]
    fn the_user_has_the_last_word() {
        let set = WorkingSets::new(100).on_store(Some(70));
        set.set_bytes_max(1000);
        assert_eq!(set.bytes_max(), 70);
    }

    #[test]
    fn batches_are_such_that_their_state_fits() {
        let set = WorkingSets::new(4 << 20).on_store(None);
        assert_eq!(set.batch_rows(), BATCH_ROWS_FIRST);
        set.settled(0, 1024, false, true);
        assert_eq!(set.batch_rows(), 1024);
        set.settled(0, 1 << 20, false, true);
        assert_eq!(set.batch_rows(), BATCH_ROWS_MIN);
    }

    #[test]
    fn heap_state_answers_and_is_refused() {
        let sets = WorkingSets::new(0);
        let heap = sets.on_heap();
        assert_eq!((heap.is_asked(), heap.batch_rows()), (true, BATCH_ROWS_FIRST));
        heap.answer(123, 1 << 10).unwrap();
        assert_eq!((heap.is_to_settle(), heap.batch_rows()), (false, 4096));
        assert_eq!((heap.bytes(), heap.is_asked()), (123, false));
        let mut task = Context::from_waker(Waker::noop());
        heap.set_bytes_max(200);
        heap.answer(201, 1).unwrap();
        assert!(heap.poll_room(&mut task).is_pending(), "it waits until it has been looked at");
        heap.set_bytes_max(300);
        assert!(heap.poll_room(&mut task).is_ready());
        heap.set_bytes_max(usize::MAX);
        heap.answer(123, 1).unwrap();
        assert!(!heap.is_asked());
        heap.refuse("too much".to_owned());
        assert!(heap.is_to_settle());
        let error = heap.answer(124, 1).unwrap_err();
        assert_eq!(error.kind(), flott_core::ErrorKind::Limit);
        drop(heap);
        assert!(sets.all().is_empty());
    }
}
