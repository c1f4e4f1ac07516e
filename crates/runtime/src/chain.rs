//! Operators in a row, run as one task: a call of one is a call of the next.
//!
//! Nodes stand in an order in which each comes before those it feeds, so the rest of the slice behind a node is
//! where its output goes: no reference counting, no locks.
//!
//! What waits on its way out is asked for and sent in [`exits`]; the keyed state of all operators is looked after in [`state`].

mod exits;
mod state;

use crate::exchange::Port;
use crate::metrics::HotKeyGauges;
use crate::sink::SinkTask;
use flott_api::{Operator, OperatorContext, Output, Progress, Readiness};
use flott_core::{Batch, Element, Error, ProcessingTime, Result, Watermark};
use flott_state::checkpoint::{LocalStores, StoreFolder};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;

/// Where a node's output goes.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) tag: Option<Arc<str>>,
    pub(crate) target: Target,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Node(usize),
    Exit(usize),
}

/// An operator with its surroundings.
pub(crate) struct Node {
    pub(crate) operator: Box<dyn Operator>,
    pub(crate) cx: OperatorContext,
    pub(crate) links: Vec<Link>,
    /// The folder of the store on which its keyed state lies, if it does, and the store's backend. Dropped after it.
    pub(crate) store: Option<(StoreFolder, LocalStores)>,
    /// If keyed state watches which keys are hot.
    pub(crate) hot_keys: Option<HotKeyGauges>,
}

/// A way out of the task.
pub(crate) enum Exit {
    Port(Port),
    Sink(SinkTask),
}

impl Exit {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        match self {
            Exit::Port(port) => port.emit(batch),
            Exit::Sink(sink) => {
                sink.emit(batch);
                Ok(())
            }
        }
    }

    fn rows_emitted(&self) -> u64 {
        match self {
            Exit::Port(port) => port.rows_emitted(),
            Exit::Sink(sink) => sink.rows_emitted(),
        }
    }

    fn broadcast(&mut self, element: &Element) -> Result<()> {
        match self {
            Exit::Port(port) => port.broadcast(element),
            // A sink is asked directly at a barrier and at the end.
            Exit::Sink(_) => Ok(()),
        }
    }
}

/// The operators and exits of a task.
pub(crate) struct Chain {
    pub(crate) nodes: Vec<Node>,
    pub(crate) exits: Vec<Exit>,
    /// Where a source's rows go.
    pub(crate) entry: Vec<Link>,
    /// The node whose code runs, for the report of a panic.
    pub(crate) running: Rc<Cell<usize>>,
}

impl Chain {
    fn output(&mut self) -> ChainOutput<'_> {
        ChainOutput {
            links: &self.entry,
            base: 0,
            rest: &mut self.nodes,
            exits: &mut self.exits,
            running: &self.running,
        }
    }

    /// Calls one node with the rest of the chain as its output.
    pub(crate) fn with<T>(
        &mut self,
        n: usize,
        call: impl FnOnce(&mut dyn Operator, &mut OperatorContext, &mut dyn Output) -> Result<T>,
    ) -> Result<T> {
        with_node(&mut self.nodes[n..], n, &mut self.exits, &self.running, call)
    }

    /// Opens all operators, the last first, so that each finds its successors open.
    pub(crate) fn open(&mut self) -> Result<()> {
        for n in (0..self.nodes.len()).rev() {
            self.with(n, |operator, cx, _| operator.open(cx))?;
        }
        Ok(())
    }

    /// Records for the chain: from its source, or for an input of its head.
    pub(crate) fn process(&mut self, input: usize, batch: Batch) -> Result<()> {
        match (input, self.entry.as_slice()) {
            (0, _) => self.output().emit(batch),
            (_, [Link { target: Target::Node(0), .. }]) => {
                process(&mut self.nodes, 0, &mut self.exits, &self.running, input, batch)
            }
            _ => Err(Error::internal("records came for a second input of an operator that has one")),
        }
    }

    /// Moves the head's event time to `watermark` and fires a slice of its timers.
    pub(crate) fn advance_head(&mut self, watermark: Watermark) -> Result<Progress> {
        if !self.has_head() {
            return Ok(Progress::Done);
        }
        self.with(0, |operator, cx, out| {
            cx.watermark = watermark;
            if let Some(keyed) = &mut cx.keyed {
                keyed.set_now(cx.env.now());
            }
            operator.advance_event_time(watermark, cx, out)
        })
    }

    /// All of the head's timers have fired: passes the watermark through the chain.
    pub(crate) fn pass_watermark(&mut self, watermark: Watermark) -> Result<()> {
        if self.has_head() {
            self.with(0, |operator, cx, out| operator.on_watermark(watermark, cx, out))
        } else {
            self.output().watermark(watermark)
        }
    }

    /// All inputs are idle.
    pub(crate) fn idle(&mut self) -> Result<()> {
        self.output().idle()
    }

    /// An input of the head has ended, and with the first so have those of the operators behind it.
    pub(crate) fn end_input(&mut self, input: usize) -> Result<()> {
        if self.has_head() { self.with(0, |operator, cx, out| operator.end_input(input, cx, out)) } else { Ok(()) }
    }

    /// Whether all input of the chain goes to `target`.
    pub(crate) fn is_head(&self, target: Target) -> bool {
        matches!(self.entry.as_slice(), [Link { tag: None, target: head }] if *head == target)
    }

    /// Records that were in flight, for an operator or sink anywhere in the chain.
    pub(crate) fn deliver(&mut self, target: Target, input: usize, batch: Batch) -> Result<()> {
        match target {
            Target::Node(n) => process(&mut self.nodes[n..], n, &mut self.exits, &self.running, input, batch),
            Target::Exit(n) => self.exits[n].emit(batch),
        }
    }

    /// Moves event time on for an operator anywhere in the chain.
    pub(crate) fn advance_at(&mut self, target: Target, watermark: Watermark) -> Result<()> {
        match target {
            Target::Node(n) => advance(&mut self.nodes[n..], n, &mut self.exits, &self.running, watermark),
            Target::Exit(_) => Ok(()),
        }
    }

    /// An operator that was restored says again how far event time had come, without its timers being fired.
    pub(crate) fn say_again(&mut self, target: Target, watermark: Watermark, is_idle: bool) -> Result<()> {
        let Target::Node(n) = target else { return Ok(()) };
        self.with(n, |operator, cx, out| {
            cx.watermark = watermark;
            if watermark > Watermark::MIN {
                operator.on_watermark(watermark, cx, out)?;
            }
            if is_idle { operator.on_idle(cx, out) } else { Ok(()) }
        })
    }

    /// Whether one operator takes all input, so that its timers can fire in slices.
    fn has_head(&self) -> bool {
        matches!(self.entry.as_slice(), [Link { tag: None, target: Target::Node(0) }])
    }

    /// Whether some operator waits for something outside before it takes more input.
    pub(crate) fn poll_ready(&mut self, task: &mut Context<'_>) -> Result<Readiness> {
        let mut readiness = Readiness::Ready;
        for n in 0..self.nodes.len() {
            if self.with(n, |operator, cx, out| operator.poll(task, cx, out))? == Readiness::Busy {
                readiness = Readiness::Busy;
            }
        }
        Ok(readiness)
    }

    /// The earliest time at which an operator or a sink wants to be called.
    pub(crate) fn next_wakeup(&self) -> Option<ProcessingTime> {
        let nodes = self.nodes.iter().filter_map(|n| n.cx.next_wakeup());
        let sinks = self.exits.iter().filter_map(|e| match e {
            Exit::Port(_) => None,
            Exit::Sink(sink) => sink.next_wakeup(),
        });
        nodes.chain(sinks).min()
    }
}

struct ChainOutput<'a> {
    links: &'a [Link],
    /// The position in the chain of `rest`'s first node.
    base: usize,
    rest: &'a mut [Node],
    exits: &'a mut [Exit],
    running: &'a Cell<usize>,
}

impl ChainOutput<'_> {
    fn deliver(&mut self, target: Target, batch: Batch) -> Result<()> {
        match target {
            Target::Node(n) => process(&mut self.rest[n - self.base..], n, self.exits, self.running, 0, batch),
            Target::Exit(n) => self.exits[n].emit(batch),
        }
    }

    fn emit_tagged(&mut self, tag: Option<&str>, batch: Batch) -> Result<()> {
        let links = self.links;
        let mut targets = links.iter().filter(|l| l.tag.as_deref() == tag).map(|l| l.target);
        let Some(mut target) = targets.next() else { return Ok(()) };
        // Every receiver but the last gets a copy.
        for next in targets {
            self.deliver(target, batch.clone())?;
            target = next;
        }
        self.deliver(target, batch)
    }
}

impl Output for ChainOutput<'_> {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        if batch.is_empty() { Ok(()) } else { self.emit_tagged(None, batch) }
    }

    fn emit_side(&mut self, tag: &str, batch: Batch) -> Result<()> {
        if batch.is_empty() { Ok(()) } else { self.emit_tagged(Some(tag), batch) }
    }

    fn watermark(&mut self, watermark: Watermark) -> Result<()> {
        for link in self.links {
            match link.target {
                Target::Node(n) => {
                    advance(&mut self.rest[n - self.base..], n, self.exits, self.running, watermark)?;
                }
                Target::Exit(n) => self.exits[n].broadcast(&Element::Watermark(watermark))?,
            }
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<()> {
        for link in self.links {
            match link.target {
                Target::Node(n) => {
                    with_node(&mut self.rest[n - self.base..], n, self.exits, self.running, |o, cx, out| {
                        o.on_idle(cx, out)
                    })?
                }
                Target::Exit(n) => self.exits[n].broadcast(&Element::Idle)?,
            }
        }
        Ok(())
    }
}

/// Calls the first of `nodes`, which is node `n` of the chain, with the others as its output.
fn with_node<T>(
    nodes: &mut [Node],
    n: usize,
    exits: &mut [Exit],
    running: &Cell<usize>,
    call: impl FnOnce(&mut dyn Operator, &mut OperatorContext, &mut dyn Output) -> Result<T>,
) -> Result<T> {
    let Some((node, rest)) = nodes.split_first_mut() else {
        return Err(Error::internal("an operator's output leads nowhere"));
    };
    let before = running.replace(n);
    let out = ChainOutput { links: &node.links, base: n + 1, rest, exits, running };
    let mut out = CountedOutput { out, rows: 0, watermark: None };
    let result = call(&mut *node.operator, &mut node.cx, &mut out);
    node.cx.metrics.records_out.add(out.rows);
    if let Some(watermark) = out.watermark {
        node.cx.metrics.output_watermark.set(watermark.0);
    }
    match result {
        Ok(value) => {
            running.set(before);
            Ok(value)
        }
        // The place is noted by the innermost operator only: that is where it happened.
        Err(e) if e.context().iter().any(|c| c.starts_with("operator `")) => Err(e),
        Err(e) => Err(e.in_context(format!("operator `{}`", node.cx.info.operator_name))),
    }
}

fn process(
    nodes: &mut [Node],
    n: usize,
    exits: &mut [Exit],
    running: &Cell<usize>,
    input: usize,
    batch: Batch,
) -> Result<()> {
    with_node(nodes, n, exits, running, |operator, cx, out| {
        cx.metrics.records_in.add(batch.len() as u64);
        if let Some(keyed) = &mut cx.keyed {
            keyed.set_now(cx.env.now());
        }
        operator.process(input, batch, cx, out)
    })
}

/// Fires all due timers of a node within the chain and lets it pass the watermark on.
fn advance(
    nodes: &mut [Node],
    n: usize,
    exits: &mut [Exit],
    running: &Cell<usize>,
    watermark: Watermark,
) -> Result<()> {
    with_node(nodes, n, exits, running, |operator, cx, out| {
        if watermark <= cx.watermark {
            return Ok(());
        }
        cx.watermark = watermark;
        while operator.advance_event_time(watermark, cx, out)? == Progress::More {}
        operator.on_watermark(watermark, cx, out)
    })
}

/// Notes what an operator sends: its rows, and how far its event time has come.
struct CountedOutput<'a> {
    out: ChainOutput<'a>,
    rows: u64,
    watermark: Option<Watermark>,
}

impl Output for CountedOutput<'_> {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        self.rows += batch.len() as u64;
        self.out.emit(batch)
    }

    fn emit_side(&mut self, tag: &str, batch: Batch) -> Result<()> {
        self.rows += batch.len() as u64;
        self.out.emit_side(tag, batch)
    }

    fn watermark(&mut self, watermark: Watermark) -> Result<()> {
        self.watermark = Some(watermark);
        self.out.watermark(watermark)
    }

    fn idle(&mut self) -> Result<()> {
        self.out.idle()
    }
}
