//! Channels inside one process: bounded, ordered, one per pair of subtasks.
//!
//! All channels into one input of a task are one [`Gate`], so that the task waits in one place and takes from
//! whichever channel has something. Each channel has room for a few elements of its own; a sender without room
//! waits, and only that sender. A channel that is blocked by alignment keeps what it holds and fills up.

use flott_core::Element;
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

struct Shared {
    channels: Vec<Channel>,
    /// Channels that have something and are not blocked, each once, in the order in which they get their turn.
    ready: VecDeque<usize>,
    capacity: usize,
    /// Set while the receiver waits.
    receiver: Option<Waker>,
}

#[derive(Default)]
struct Channel {
    queue: VecDeque<Element>,
    blocked: bool,
    is_ready: bool,
    /// Set while the sender waits for room.
    sender: Option<Waker>,
}

impl Shared {
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
        if shared.channels[self.channel].queue.len() >= shared.capacity {
            return Err(element);
        }
        shared.channels[self.channel].queue.push_back(element);
        shared.make_ready(self.channel);
        Ok(())
    }

    /// Waits until there is room.
    pub fn poll_ready(&self, task: &mut Context<'_>) -> Poll<()> {
        let mut shared = lock(&self.shared);
        if shared.channels[self.channel].queue.len() < shared.capacity {
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

    /// The next element of any channel that is not blocked, and its channel.
    pub fn poll_next(&self, task: &mut Context<'_>) -> Poll<(usize, Element)> {
        let mut guard = lock(&self.shared);
        let shared = &mut *guard;
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
            return Poll::Ready((channel, element));
        }
        shared.receiver = Some(task.waker().clone());
        Poll::Pending
    }

    /// Takes nothing more from `channel` until [`Gate::unblock_all`].
    pub fn block(&self, channel: usize) {
        lock(&self.shared).channels[channel].blocked = true;
    }

    /// Takes from all channels again.
    pub fn unblock_all(&self) {
        let mut shared = lock(&self.shared);
        for channel in 0..self.channels {
            shared.channels[channel].blocked = false;
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
            Poll::Ready((channel, Element::Watermark(w))) => Some((channel, w.0)),
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
        gate.block(0);
        senders[0].try_send(wm(2)).unwrap();
        senders[1].try_send(wm(3)).unwrap();
        assert_eq!(next(&gate), Some((1, 3)));
        assert_eq!(next(&gate), None);
        gate.unblock_all();
        assert_eq!(next(&gate), Some((0, 1)));
        assert_eq!(next(&gate), Some((0, 2)));
    }
}
