//! Restoring a changed graph: what becomes of each operator, said before anything runs. Pure.

use super::{CheckpointMetadata, JobStates, OperatorMetadata, StateFate, StateReport, compare_states};
use flott_core::{Error, MaxParallelism, OperatorId, Result};
use std::collections::BTreeMap;
use std::fmt;

/// An operator of the job that is to be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOperator {
    /// What state is bound to.
    pub id: OperatorId,
    /// The uid that the user gave, if any.
    pub uid: Option<String>,
    /// For people.
    pub name: String,
    /// Number of key groups.
    pub max_parallelism: MaxParallelism,
}

/// What becomes of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// In the job and in the checkpoint: it goes on with its state.
    Kept,
    /// Not in the checkpoint: it starts with empty state.
    New,
    /// Not in the job any more: its state is left behind.
    Dropped,
}

/// What becomes of each operator; prints as one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// First those of the job in its order, then what is dropped.
    pub operators: Vec<OperatorReport>,
}

/// What becomes of one operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorReport {
    /// Its id.
    pub id: OperatorId,
    /// Its uid, if it has one.
    pub uid: Option<String>,
    /// Its name: that of the job, or of the checkpoint if it is dropped.
    pub name: String,
    /// What becomes of it.
    pub fate: Fate,
    /// Bytes of its state in the checkpoint.
    pub byte_count: u64,
    /// What becomes of each of its states, if that was asked for.
    pub states: Vec<StateReport>,
}

/// What becomes of each operator when a job with `operators` is restored from `metadata`. An operator of the checkpoint
/// that has no state is not worth a word.
///
/// # Errors
/// `Invalid` when state would be dropped and `ignore_unclaimed` is not set, when a max parallelism has changed, or
/// when two operators have the same id.
pub fn compare(
    metadata: &CheckpointMetadata,
    operators: &[JobOperator],
    ignore_unclaimed: bool,
) -> Result<RestoreReport> {
    let mut report = RestoreReport::default();
    for (place, operator) in operators.iter().enumerate() {
        if operators[..place].iter().any(|other| other.id == operator.id) {
            return Err(Error::invalid(format!(
                "two operators have the uid of `{}`; give each its own",
                operator.name
            )));
        }
        let found = metadata.operator(operator.id);
        if let Some(found) = found.filter(|found| found.needs_max_parallelism()) {
            check_max_parallelism(operator, found)?;
        }
        report.operators.push(OperatorReport {
            id: operator.id,
            uid: operator.uid.clone(),
            name: operator.name.clone(),
            fate: if found.is_some() { Fate::Kept } else { Fate::New },
            byte_count: found.map_or(0, OperatorMetadata::byte_count),
            states: Vec::new(),
        });
    }
    let gone = metadata.operators.iter().filter(|found| operators.iter().all(|operator| operator.id != found.id));
    report.operators.extend(gone.filter(|found| found.has_state()).map(|found| OperatorReport {
        id: found.id,
        uid: found.uid.clone(),
        name: found.name.clone(),
        fate: Fate::Dropped,
        byte_count: found.byte_count(),
        states: Vec::new(),
    }));
    let unclaimed_state = report.of(Fate::Dropped).next().filter(|_| !ignore_unclaimed);
    if let Some(first) = unclaimed_state {
        return Err(unclaimed(metadata, &report, first));
    }
    Ok(report)
}

fn check_max_parallelism(operator: &JobOperator, found: &OperatorMetadata) -> Result<()> {
    let (wanted, was) = (operator.max_parallelism.get(), found.max_parallelism.get());
    if wanted == was {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "operator `{}` has max parallelism {wanted}, and {was} in the checkpoint, which decides where its keys are; set \
         it to {was}, or give the operator another uid to start it with empty state",
        operator.name
    )))
}

fn unclaimed(metadata: &CheckpointMetadata, report: &RestoreReport, first: &OperatorReport) -> Error {
    let others = match report.of(Fate::Dropped).count() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let cause = if first.uid.is_some() {
        "the job has no operator with this uid"
    } else {
        "it had no uid, and an operator without one is found again only while the graph stays as it is"
    };
    Error::invalid(format!(
        "checkpoint {} of job `{}` holds state of {first}{others}, which the job does not claim: {cause}; give the \
         operator its uid again, or set `execution.state-recovery.ignore-unclaimed-state` to true to leave the state \
         behind. All operators:\n{report}",
        metadata.checkpoint, metadata.job_name
    ))
}

impl RestoreReport {
    /// Adds what becomes of each state of the operators that the job has, given what it registers.
    pub fn add_states(&mut self, metadata: &CheckpointMetadata, job: &BTreeMap<OperatorId, JobStates>) {
        for operator in self.operators.iter_mut().filter(|operator| operator.fate == Fate::Kept) {
            if let Some(found) = metadata.operator(operator.id) {
                let states = job.get(&operator.id).cloned().unwrap_or_default();
                operator.states = compare_states(found, &states);
            }
        }
    }

    /// Whether a state cannot be taken over.
    pub fn is_refused(&self) -> bool {
        let states = self.operators.iter().flat_map(|operator| &operator.states);
        states.into_iter().any(|state| matches!(state.fate, StateFate::Incompatible(_)))
    }

    /// The operators of one fate.
    pub fn of(&self, fate: Fate) -> impl Iterator<Item = &OperatorReport> {
        self.operators.iter().filter(move |operator| operator.fate == fate)
    }
}

impl fmt::Display for RestoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, operator) in self.operators.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            match operator.fate {
                Fate::Kept => write!(f, "kept    {operator}: {} bytes of state", operator.byte_count)?,
                Fate::New => write!(f, "new     {operator}: starts with empty state")?,
                Fate::Dropped => {
                    write!(f, "dropped {operator}: {} bytes of state are left behind", operator.byte_count)?
                }
            }
            operator.states.iter().try_for_each(|state| write!(f, "\n  {state}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for OperatorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.uid {
            Some(uid) => write!(f, "operator `{}` (uid {uid})", self.name),
            None => write!(f, "operator `{}` (id {})", self.name, self.id),
        }
    }
}

#[cfg(test)]
mod tests;
