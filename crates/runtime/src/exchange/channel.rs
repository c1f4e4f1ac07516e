//! Channels inside one process: bounded, ordered, one per pair of subtasks.
//!
//! All channels into one input of a task are one [`Gate`], so that the task waits in one place and takes from
//! whichever channel has something. Each channel has room for a few elements of its own; a sender without room
//! waits, and only that sender. A channel that is blocked by alignment keeps what it holds and fills up.
//!
//! Where barriers overtake, the receiver is told of a barrier or an end when it is put into a channel ([`Mark`]), and may
//! look at what stands in front of it ([`Gate::look_ahead`]). The sender of such a barrier puts it, and what it has not
//! been able to send before, into a channel that is full already ([`Sender::send_over`]), once for each checkpoint: it
//! has to wait then until the channel is within its limit again.

use flott_core::{Barrier, CheckpointId, Element, Result};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The sending end of one channel.
pub struct Sender {
    shared: Arc<Mutex<Shared>>,
    channel: usize,
}

/// The receiving end of all channels into one input of a task.
pub struct Gate {
    shared: Arc<Mutex<Shared>>,
    channels: usize,
}

/// Something that the receiver is told of as soon as it is in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A barrier.
    Barrier(Barrier),
    /// The channel's end.
    End,
}

/// What a receiver is given.
#[derive(Debug)]
pub enum Arrival {
    /// The next element of a channel.
    Element(usize, Element),
    /// What was put into a channel and has not been reached yet.
    Mark(usize, Mark),
}

struct Shared {
    channels: Vec<Channel>,
    /// What the receiver has not been told of, if it wants to be told.
    marks: Option<VecDeque<(usize, Mark)>>,
    /// Channels that have something and are not blocked, each once, in the order in which they get their turn.
    ready: VecDeque<usize>,
    capacity: usize,
    /// Set while the receiver waits.
    receiver: Option<Waker>,
}

#[derive(Default)]
struct Channel {
    queue: VecDeque<Element>,
    /// Elements in front of the queue that the receiver is looking at.
    lent: usize,
    blocked: bool,
    is_ready: bool,
    /// Set while the sender waits for room.
    sender: Option<Waker>,
}

impl Channel {
    fn len(&self) -> usize {
        self.queue.len() + self.lent
    }
}

impl Shared {
    fn push(&mut self, channel: usize, element: Element) {
        let mark = match &element {
            Element::Barrier(barrier) => Some(Mark::Barrier(*barrier)),
            Element::End => Some(Mark::End),
            Element::Batch(_) | Element::Watermark(_) | Element::Idle => None,
        };
        self.channels[channel].queue.push_back(element);
        self.make_ready(channel);
        if let (Some(marks), Some(mark)) = (&mut self.marks, mark) {
            marks.push_back((channel, mark));
            if let Some(waker) = self.receiver.take() {
                waker.wake();
            }
        }
    }

    fn make_ready(&mut self, channel: usize) {
        let state = &mut self.channels[channel];
        if !state.is_ready && !state.blocked && !state.queue.is_empty() {
            state.is_ready = true;
            self.ready.push_back(channel);
            if let Some(waker) = self.receiver.take() {
                waker.wake();
            }
        }
    }
}

/// A gate of `channels` channels with room for `capacity` elements each, and their senders in order.
pub fn gate(channels: usize, capacity: usize) -> (Gate, Vec<Sender>) {
    let shared = Arc::new(Mutex::new(Shared {
        channels: (0..channels).map(|_| Channel::default()).collect(),
        marks: None,
        ready: VecDeque::new(),
        capacity: capacity.max(1),
        receiver: None,
    }));
    let senders = (0..channels).map(|channel| Sender { shared: shared.clone(), channel }).collect();
    (Gate { shared, channels }, senders)
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sender {
    /// Sends `element` if there is room and gives it back if there is none.
    pub fn try_send(&self, element: Element) -> Result<(), Element> {
        let mut shared = lock(&self.shared);
        if shared.channels[self.channel].len() >= shared.capacity {
            return Err(element);
        }
        shared.push(self.channel, element);
        Ok(())
    }

    /// Sends `elements` whether there is room or not. Whoever does so waits for [`Sender::poll_within`] before anything
    /// else is sent.
    pub fn send_over(&self, elements: impl IntoIterator<Item = Element>) {
        let mut shared = lock(&self.shared);
        elements.into_iter().for_each(|element| shared.push(self.channel, element));
    }

    /// Waits until there is room.
    pub fn poll_ready(&self, task: &mut Context<'_>) -> Poll<()> {
        self.poll_len(task, |len, capacity| len < capacity)
    }

    /// Waits until the channel holds no more than it should.
    pub fn poll_within(&self, task: &mut Context<'_>) -> Poll<()> {
        self.poll_len(task, |len, capacity| len <= capacity)
    }

    fn poll_len(&self, task: &mut Context<'_>, is_enough: impl Fn(usize, usize) -> bool) -> Poll<()> {
        let mut shared = lock(&self.shared);
        if is_enough(shared.channels[self.channel].len(), shared.capacity) {
            return Poll::Ready(());
        }
        shared.channels[self.channel].sender = Some(task.waker().clone());
        Poll::Pending
    }
}

impl Gate {
    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// From now on the receiver is told of barriers and ends when they are put into a channel.
    pub fn tell_of_marks(&self) {
        lock(&self.shared).marks.get_or_insert_default();
    }

    /// What was put into a channel and has not been told yet.
    pub fn poll_mark(&self, task: &mut Context<'_>) -> Poll<(usize, Mark)> {
        let mut shared = lock(&self.shared);
        if let Some(mark) = shared.marks.as_mut().and_then(VecDeque::pop_front) {
            return Poll::Ready(mark);
        }
        shared.receiver = Some(task.waker().clone());
        Poll::Pending
    }

    /// Looks at the elements in a channel's queue up to the barrier of `checkpoint`, or up to the end and including it.
    /// Senders go on meanwhile, and the elements stay where they are.
    ///
    /// # Errors
    /// What `look` reports.
    pub fn look_ahead(
        &self,
        channel: usize,
        checkpoint: CheckpointId,
        mut look: impl FnMut(&Element) -> Result<()>,
    ) -> Result<()> {
        let mut queue = {
            let mut shared = lock(&self.shared);
            let state = &mut shared.channels[channel];
            state.lent = state.queue.len();
            std::mem::take(&mut state.queue)
        };
        let is_barrier = |e: &&Element| !matches!(e, Element::Barrier(barrier) if barrier.checkpoint == checkpoint);
        let looked = queue.iter().take_while(is_barrier).try_for_each(&mut look);
        let mut shared = lock(&self.shared);
        let state = &mut shared.channels[channel];
        queue.append(&mut state.queue);
        (state.queue, state.lent) = (queue, 0);
        looked
    }

    /// The next element of any channel that is not blocked, and before that what is to be told.
    pub fn poll_next(&self, task: &mut Context<'_>) -> Poll<Arrival> {
        let mut guard = lock(&self.shared);
        let shared = &mut *guard;
        if let Some((channel, mark)) = shared.marks.as_mut().and_then(VecDeque::pop_front) {
            return Poll::Ready(Arrival::Mark(channel, mark));
        }
        while let Some(channel) = shared.ready.pop_front() {
            let state = &mut shared.channels[channel];
            state.is_ready = false;
            if state.blocked {
                continue;
            }
            let Some(element) = state.queue.pop_front() else { continue };
            let sender = state.sender.take();
            if !state.queue.is_empty() {
                state.is_ready = true;
                shared.ready.push_back(channel);
            }
            drop(guard);
            if let Some(waker) = sender {
                waker.wake();
            }
            return Poll::Ready(Arrival::Element(channel, element));
        }
        shared.receiver = Some(task.waker().clone());
        Poll::Pending
    }

    /// Takes nothing more from the channels for which `is_blocked` says so, and from the others again.
    pub fn block(&self, is_blocked: impl Fn(usize) -> bool) {
        let mut shared = lock(&self.shared);
        for channel in 0..self.channels {
            shared.channels[channel].blocked = is_blocked(channel);
            shared.make_ready(channel);
        }
    }

    /// Number of elements that wait.
    pub fn queued(&self) -> usize {
        lock(&self.shared).channels.iter().map(|c| c.queue.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flott_core::{Batch, Watermark};

    fn wm(n: i64) -> Element {
        Element::Watermark(Watermark(n))
    }

    fn next(gate: &Gate) -> Option<(usize, i64)> {
        match gate.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Arrival::Element(channel, Element::Watermark(w))) => Some((channel, w.0)),
            Poll::Ready(_) => panic!("only watermarks are sent here"),
            Poll::Pending => None,
        }
    }

    #[test]
    fn channels_take_turns_and_keep_their_order() {
        let (gate, senders) = gate(2, 4);
        for n in 0..3 {
            senders[0].try_send(wm(n)).unwrap();
            senders[1].try_send(wm(10 + n)).unwrap();
        }
        let taken: Vec<_> = std::iter::from_fn(|| next(&gate)).collect();
        assert_eq!(taken, [(0, 0), (1, 10), (0, 1), (1, 11), (0, 2), (1, 12)]);
    }

    #[test]
    fn a_full_channel_holds_back_its_own_sender_only() {
        let (gate, senders) = gate(2, 1);
        senders[0].try_send(wm(1)).unwrap();
        assert!(senders[0].try_send(Element::Batch(Batch::of(vec![1]))).is_err());
        assert!(senders[0].poll_ready(&mut Context::from_waker(Waker::noop())).is_pending());
        senders[1].try_send(wm(2)).unwrap();
        assert_eq!(next(&gate), Some((0, 1)));
        assert!(senders[0].poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[test]
    fn a_blocked_channel_keeps_what_it_has() {
        let (gate, senders) = gate(2, 4);
        senders[0].try_send(wm(1)).unwrap();
        gate.block(|channel| channel == 0);
        senders[0].try_send(wm(2)).unwrap();
        senders[1].try_send(wm(3)).unwrap();
        assert_eq!(next(&gate), Some((1, 3)));
        assert_eq!(next(&gate), None);
        gate.block(|_| false);
        assert_eq!(next(&gate), Some((0, 1)));
        assert_eq!(next(&gate), Some((0, 2)));
    }
}
