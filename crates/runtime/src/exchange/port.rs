//! One way out of a task: routes rows to channels and gathers them into batches.
//!
//! Rows for one channel are collected until there are enough for a batch or until the task has nothing else to do
//! ([`Port::seal`]): batches are large under load and immediate when the input runs dry. Sealed elements wait in
//! order until their channel has room ([`Port::poll_flush`]). A barrier that overtakes takes them along into the channel,
//! room or not ([`Port::overtake`]).

use super::BatchRows;
use super::channel::Sender;
use super::columns::{OpenColumns, Parting};
use flott_api::Partitioning;
use flott_api::metrics::Counter;
use flott_core::{AnyRows, Batch, Columns, Element, Error, EventTime, MaxParallelism, Payload, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

/// One outgoing edge of one subtask.
pub struct Port {
    partitioning: Partitioning,
    max_parallelism: MaxParallelism,
    senders: Vec<Sender>,
    /// Rows that are not a batch yet, per channel.
    open: Vec<Option<OpenBatch>>,
    /// Elements that wait for room, per channel.
    sealed: Vec<VecDeque<Element>>,
    sealed_count: usize,
    /// Channels hold more than they should since a barrier overtook.
    is_over: bool,
    open_count: usize,
    rows_emitted: u64,
    batch_rows: Arc<BatchRows>,
    /// Where the next batch starts in turn.
    turn: usize,
    random: fastrand::Rng,
    /// Scratch: one channel per row.
    routes: Vec<u32>,
    /// Scratch: the rows of columns by channel.
    parting: Parting,
    bytes_out: Counter,
}

enum OpenBatch {
    Rows { rows: Box<dyn AnyRows>, times: Option<Vec<EventTime>> },
    Columns(OpenColumns),
}

impl Port {
    /// A way out over `senders`, one per channel in order of the receivers.
    pub fn new(
        partitioning: Partitioning,
        max_parallelism: MaxParallelism,
        senders: Vec<Sender>,
        batch_rows: Arc<BatchRows>,
        mut random: fastrand::Rng,
    ) -> Port {
        let channels = senders.len();
        Port {
            partitioning,
            max_parallelism,
            open: (0..channels).map(|_| None).collect(),
            sealed: (0..channels).map(|_| VecDeque::new()).collect(),
            sealed_count: 0,
            is_over: false,
            open_count: 0,
            rows_emitted: 0,
            batch_rows,
            turn: random.usize(..channels.max(1)),
            random,
            routes: Vec::new(),
            parting: Parting::default(),
            bytes_out: Counter::default(),
            senders,
        }
    }

    /// Counts the bytes of batches in `counter` from now on.
    pub fn count_bytes(&mut self, counter: Counter) {
        self.bytes_out = counter;
    }

    /// Routes a batch. What fills up is ready to be flushed.
    ///
    /// # Errors
    /// What a router reports.
    pub fn emit(&mut self, batch: Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.rows_emitted += batch.len() as u64;
        let channels = self.senders.len();
        if channels == 1 {
            return self.add(0, batch);
        }
        match &self.partitioning {
            Partitioning::Forward | Partitioning::Global => self.add(0, batch),
            Partitioning::Broadcast => {
                for channel in 1..channels {
                    self.add(channel, batch.clone())?;
                }
                self.add(0, batch)
            }
            Partitioning::Rebalance | Partitioning::Rescale => self.deal(batch),
            Partitioning::Shuffle => {
                self.routes.clear();
                for _ in 0..batch.len() {
                    self.routes.push(self.random.u32(..channels as u32));
                }
                self.scatter(batch)
            }
            Partitioning::Hash(router) | Partitioning::Custom(router) => {
                router.route(&batch, self.max_parallelism, channels as u32, &mut self.routes)?;
                self.scatter(batch)
            }
        }
    }

    /// Cuts a batch into pieces of equal size, one per channel, beginning with the channel whose turn it is.
    fn deal(&mut self, mut batch: Batch) -> Result<()> {
        let channels = self.senders.len();
        let (share, extra) = (batch.len() / channels, batch.len() % channels);
        for n in 0..channels {
            let channel = (self.turn + n) % channels;
            let take = share + usize::from(n < extra);
            if take == 0 {
                break;
            }
            let rest = if take < batch.len() { Some(batch.split_off(take)) } else { None };
            self.add(channel, batch)?;
            match rest {
                Some(rest) => batch = rest,
                None => break,
            }
        }
        self.turn = (self.turn + extra) % channels;
        Ok(())
    }

    /// Moves every row to the channel that `routes` names.
    fn scatter(&mut self, batch: Batch) -> Result<()> {
        let channels = self.senders.len();
        let (payload, times) = batch.into_parts();
        match payload {
            Payload::Rows(rows) => {
                let per_channel = rows.row_count() / channels + 16;
                let mut parts: Vec<Box<dyn AnyRows>> = Vec::with_capacity(channels);
                let mut part_times: Vec<Option<Vec<EventTime>>> = Vec::with_capacity(channels);
                for channel in 0..channels {
                    // Records with and without time, from two ends of a union, do not share a batch.
                    if matches!(&self.open[channel], Some(OpenBatch::Rows { times: have, .. }) if have.is_some() != times.is_some())
                    {
                        self.seal_channel(channel)?;
                    }
                    match self.open[channel].take() {
                        Some(OpenBatch::Rows { rows, times }) => {
                            self.open_count -= 1;
                            parts.push(rows);
                            part_times.push(times);
                        }
                        Some(OpenBatch::Columns(_)) => return Err(mixed()),
                        None => {
                            parts.push(rows.empty_rows(self.batch_rows.get() + per_channel));
                            part_times
                                .push(times.as_ref().map(|_| Vec::with_capacity(self.batch_rows.get() + per_channel)));
                        }
                    }
                }
                rows.scatter_rows(&self.routes, &mut parts)?;
                if let Some(times) = times {
                    for (time, &channel) in times.into_iter().zip(&self.routes) {
                        if let Some(part) = &mut part_times[channel as usize] {
                            part.push(time);
                        }
                    }
                }
                for (channel, (rows, times)) in parts.into_iter().zip(part_times).enumerate() {
                    if rows.row_count() > 0 {
                        self.open[channel] = Some(OpenBatch::Rows { rows, times });
                        self.open_count += 1;
                        self.seal_if_full(channel)?;
                    }
                }
                Ok(())
            }
            Payload::Columns(columns) => {
                let mut parting = std::mem::take(&mut self.parting);
                parting.set(&self.routes, channels);
                for channel in 0..channels {
                    self.add_columns(channel, &columns, times.as_deref(), Some(parting.of(channel)))?;
                }
                self.parting = parting;
                Ok(())
            }
        }
    }

    /// Appends some rows of columns, or all of them, to what is open on a channel.
    fn add_columns(
        &mut self,
        channel: usize,
        columns: &Columns,
        times: Option<&[EventTime]>,
        rows: Option<&[u32]>,
    ) -> Result<()> {
        if rows.is_some_and(<[u32]>::is_empty) {
            return Ok(());
        }
        if matches!(&self.open[channel], Some(OpenBatch::Columns(open)) if open.has_times() != times.is_some()) {
            self.seal_channel(channel)?;
        }
        let open = match self.open[channel].take() {
            Some(OpenBatch::Rows { .. }) => return Err(mixed()),
            Some(OpenBatch::Columns(open)) => Some(open),
            None => None,
        };
        let mut open = open.unwrap_or_else(|| {
            self.open_count += 1;
            // A few pieces like this one, or a full batch, which the last piece makes a little longer.
            let piece = rows.map_or(columns.len(), <[u32]>::len);
            OpenColumns::new(&columns.batch, times.is_some(), (4 * piece).min(self.batch_rows.get()) + piece)
        });
        open.append(columns, times, rows)?;
        self.open[channel] = Some(OpenBatch::Columns(open));
        self.seal_if_full(channel)
    }

    /// Appends a batch to what is open on a channel.
    fn add(&mut self, channel: usize, batch: Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let large = batch.len() * 2 >= self.batch_rows.get();
        let open = &mut self.open[channel];
        if open.is_none() && large {
            self.push(channel, Element::Batch(batch));
            return Ok(());
        }
        let (payload, times) = batch.into_parts();
        match (open, payload) {
            (open @ None, Payload::Rows(rows)) => {
                *open = Some(OpenBatch::Rows { rows, times });
                self.open_count += 1;
            }
            (Some(OpenBatch::Rows { rows, times: have }), Payload::Rows(more)) => {
                if have.is_some() != times.is_some() {
                    self.seal_channel(channel)?;
                    self.open[channel] = Some(OpenBatch::Rows { rows: more, times });
                    self.open_count += 1;
                } else {
                    rows.append_rows(more)?;
                    if let (Some(have), Some(times)) = (have, times) {
                        have.extend(times);
                    }
                }
            }
            (_, Payload::Columns(columns)) => return self.add_columns(channel, &columns, times.as_deref(), None),
            (Some(OpenBatch::Columns(_)), Payload::Rows(_)) => return Err(mixed()),
        }
        self.seal_if_full(channel)
    }

    fn seal_if_full(&mut self, channel: usize) -> Result<()> {
        let rows = match &self.open[channel] {
            None => 0,
            Some(OpenBatch::Rows { rows, .. }) => rows.row_count(),
            Some(OpenBatch::Columns(open)) => open.len(),
        };
        if rows >= self.batch_rows.get() { self.seal_channel(channel) } else { Ok(()) }
    }

    fn seal_channel(&mut self, channel: usize) -> Result<()> {
        let batch = match self.open[channel].take() {
            None => return Ok(()),
            Some(OpenBatch::Rows { rows, times }) => Batch::from_parts(Payload::Rows(rows), times),
            Some(OpenBatch::Columns(open)) => open.finish()?,
        };
        self.open_count -= 1;
        self.push(channel, Element::Batch(batch));
        Ok(())
    }

    fn push(&mut self, channel: usize, element: Element) {
        if let Element::Batch(batch) = &element {
            self.bytes_out.add(batch.byte_count() as u64);
            self.batch_rows.sent();
        }
        self.sealed[channel].push_back(element);
        self.sealed_count += 1;
    }

    /// Makes batches of all rows that are not in one yet.
    ///
    /// # Errors
    /// `Internal` when columns of different schemas came together.
    pub fn seal(&mut self) -> Result<()> {
        if self.open_count > 0 {
            for channel in 0..self.senders.len() {
                self.seal_channel(channel)?;
            }
        }
        Ok(())
    }

    /// Puts a watermark, barrier or the like behind everything emitted so far, on every channel.
    ///
    /// # Errors
    /// As [`Port::seal`].
    pub fn broadcast(&mut self, element: &Element) -> Result<()> {
        self.seal()?;
        for channel in 0..self.senders.len() {
            self.push(channel, element.clone());
        }
        Ok(())
    }

    /// Rows that the port has been given so far.
    pub fn rows_emitted(&self) -> u64 {
        self.rows_emitted
    }

    /// Whether rows wait to become a batch.
    pub fn has_open(&self) -> bool {
        self.open_count > 0
    }

    /// Whether elements wait for room, or are where there is none for them.
    pub fn has_sealed(&self) -> bool {
        self.sealed_count > 0 || self.is_over
    }

    /// Whether a barrier or the end waits to be sent that may overtake.
    pub fn can_overtake(&self) -> bool {
        let waits = |queue: &VecDeque<Element>| queue.iter().any(|e| matches!(e, Element::Barrier(_) | Element::End));
        self.sealed_count > 0 && self.partitioning.can_be_overtaken() && self.sealed.iter().any(waits)
    }

    /// Sends the newest barrier or the end, and everything before it, whether there is room or not. The records are then
    /// in front of the receiver, who makes them part of the checkpoint. Does nothing where barriers must not overtake.
    pub fn overtake(&mut self) {
        if !self.partitioning.can_be_overtaken() {
            return;
        }
        for (queue, sender) in self.sealed.iter_mut().zip(&self.senders) {
            if let Some(last) = queue.iter().rposition(|e| matches!(e, Element::Barrier(_) | Element::End)) {
                self.sealed_count -= last + 1;
                self.is_over = true;
                sender.send_over(queue.drain(..=last));
            }
        }
    }

    /// Sends what is sealed, as far as there is room. Ready when everything has been sent and channels hold no more than
    /// they should.
    pub fn poll_flush(&mut self, task: &mut Context<'_>) -> Poll<()> {
        if !self.has_sealed() {
            return Poll::Ready(());
        }
        for (queue, sender) in self.sealed.iter_mut().zip(&self.senders) {
            while let Some(element) = queue.pop_front() {
                match sender.try_send(element) {
                    Ok(()) => self.sealed_count -= 1,
                    Err(element) => {
                        queue.push_front(element);
                        if sender.poll_ready(task).is_pending() {
                            break;
                        }
                    }
                }
            }
        }
        if self.is_over {
            // One at a time is waited for.
            self.is_over = self.senders.iter().any(|sender| sender.poll_within(task).is_pending());
        }
        if self.has_sealed() { Poll::Pending } else { Poll::Ready(()) }
    }
}

fn mixed() -> Error {
    Error::internal("typed rows and Arrow columns came together on one edge")
}

#[cfg(test)]
mod tests;
