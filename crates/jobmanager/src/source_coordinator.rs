//! The enumerator of one source in one run of the job: asks it, and carries its decisions to the readers. Pure but
//! for the enumerator itself, which is user code: its errors and panics come back as [`SourceCommand::Fail`].
//!
//! | event | commands |
//! |---|---|
//! | started | discover, if the enumerator wants to |
//! | discovered | splits and "no more" to readers; discover again, if the enumerator wants to |
//! | split requested | splits and "no more" to readers; put off until the first discovery is done |
//! | discovery failed | fail the job |
//!
//! The snapshot is taken while no decision is under way, and the job master sends the barrier right after it. So a
//! split is either in the enumerator's snapshot or was sent to its reader before the barrier: never both, never
//! neither.

use flott_api::control::{SplitBytes, TaskCommand};
use flott_api::source::{AnyEnumerator, Assigned, EnumeratorContext};
use flott_api::{AnySource, Discovery};
use flott_core::{Error, OperatorId, Result, SubtaskIndex, VertexId};
use flott_env::catch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What has happened.
#[derive(Debug)]
pub enum SourceEvent {
    /// The job has been deployed.
    Started,
    /// The work that [`SourceCommand::Discover`] asked for is done.
    Discovered(Result<Vec<SplitBytes>>),
    /// A reader has nothing to read.
    SplitRequested(SubtaskIndex),
}

/// What is to be done.
pub enum SourceCommand {
    /// Send this to a reader.
    Send(SubtaskIndex, TaskCommand),
    /// Do this work where it may block, after its delay, and answer with [`SourceEvent::Discovered`].
    Discover(Discovery<SplitBytes>),
    /// The source cannot go on.
    Fail(Error),
}

/// The coordinator of one source.
pub struct SourceCoordinator {
    operator: OperatorId,
    name: Arc<str>,
    vertex: VertexId,
    parallelism: u32,
    enumerator: Box<dyn AnyEnumerator>,
    /// Readers that have asked while the first discovery was under way; `None` when it is done.
    held: Option<BTreeSet<SubtaskIndex>>,
    /// Readers that have been told that there is no more.
    no_more: BTreeSet<SubtaskIndex>,
}

impl SourceCoordinator {
    /// The coordinator of `source`, the operator `operator` called `name` in `vertex`, new or as it was at a
    /// checkpoint.
    ///
    /// # Errors
    /// What the source returns, or its panic.
    pub fn new(
        operator: OperatorId,
        name: Arc<str>,
        vertex: VertexId,
        source: &dyn AnySource,
        cx: &EnumeratorContext,
        restored: Option<&[u8]>,
    ) -> Result<Self> {
        let enumerator = catch(|| source.enumerator(cx, restored)).map_err(|e| in_source(e, &name))?;
        let parallelism = cx.parallelism;
        Ok(SourceCoordinator {
            operator,
            name,
            vertex,
            parallelism,
            enumerator,
            held: Some(BTreeSet::new()),
            no_more: BTreeSet::new(),
        })
    }

    /// The source.
    pub fn operator(&self) -> OperatorId {
        self.operator
    }

    /// The vertex that the source's readers are in.
    pub fn vertex(&self) -> VertexId {
        self.vertex
    }

    /// Takes an event and says what is to be done about it, in this order.
    pub fn on(&mut self, event: SourceEvent) -> Vec<SourceCommand> {
        let mut out = Vec::new();
        if let Err(error) = self.decide(event, &mut out) {
            out.push(SourceCommand::Fail(in_source(error, &self.name)));
        }
        out
    }

    /// What the enumerator remembers: everything that was not assigned yet.
    ///
    /// # Errors
    /// What the enumerator returns, or its panic.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        catch(|| self.enumerator.snapshot()).map_err(|e| in_source(e, &self.name))
    }

    fn decide(&mut self, event: SourceEvent, out: &mut Vec<SourceCommand>) -> Result<()> {
        match event {
            SourceEvent::Started => {
                let first = self.discovery()?;
                // An enumerator that wants to wait first has something to give in the meantime, or makes readers wait
                // itself.
                if first.as_ref().is_none_or(|work| !work.delay.is_zero()) {
                    self.held = None;
                }
                out.extend(first.map(SourceCommand::Discover));
            }
            SourceEvent::Discovered(splits) => {
                let splits = splits?;
                let assigned = catch(|| self.enumerator.on_discovered(splits))?;
                self.send(assigned, out)?;
                for reader in self.held.take().unwrap_or_default() {
                    self.answer(reader, out)?;
                }
                out.extend(self.discovery()?.map(SourceCommand::Discover));
            }
            SourceEvent::SplitRequested(reader) if reader.0 >= self.parallelism => {
                return Err(Error::internal(format!("reader {reader} of {} has asked for a split", self.parallelism)));
            }
            SourceEvent::SplitRequested(reader) => {
                if let Some(held) = &mut self.held {
                    held.insert(reader);
                } else {
                    self.answer(reader, out)?;
                }
            }
        }
        Ok(())
    }

    fn discovery(&mut self) -> Result<Option<Discovery<SplitBytes>>> {
        catch(|| Ok(self.enumerator.discover()))
    }

    fn answer(&mut self, reader: SubtaskIndex, out: &mut Vec<SourceCommand>) -> Result<()> {
        if self.no_more.contains(&reader) {
            // Its question has crossed our answer.
            return Ok(());
        }
        let assigned = catch(|| self.enumerator.on_split_request(reader))?;
        self.send(assigned, out)
    }

    /// Splits first, then "no more", each reader's together.
    fn send(&mut self, assigned: Assigned, out: &mut Vec<SourceCommand>) -> Result<()> {
        let mut splits: BTreeMap<SubtaskIndex, Vec<SplitBytes>> = BTreeMap::new();
        for (reader, split) in assigned.splits {
            if reader.0 >= self.parallelism || self.no_more.contains(&reader) {
                return Err(Error::internal(format!(
                    "its enumerator gave split `{}` to reader {reader}, which {}",
                    split.id,
                    if reader.0 >= self.parallelism { "does not exist" } else { "was told that there are no more" }
                )));
            }
            splits.entry(reader).or_default().push(split);
        }
        let operator = self.operator;
        out.extend(
            splits.into_iter().map(|(r, splits)| SourceCommand::Send(r, TaskCommand::AddSplits { operator, splits })),
        );
        for reader in assigned.no_more {
            if reader.0 < self.parallelism && self.no_more.insert(reader) {
                out.push(SourceCommand::Send(reader, TaskCommand::NoMoreSplits { operator }));
            }
        }
        Ok(())
    }
}

fn in_source(error: Error, name: &str) -> Error {
    error.in_context(format!("source `{name}`"))
}

#[cfg(test)]
mod tests;
