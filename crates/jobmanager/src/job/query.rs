//! Looking at the state of a running job: a question goes to the task that owns the key, and is answered there between two
//! batches.

use super::handle::JobHandle;
use super::master::JobMaster;
use flott_api::JobStatus;
use flott_api::control::{OperatorQuery, TaskCommand, TaskId};
use flott_core::config::QUERYABLE_STATE;
use flott_core::{Error, KeyHash, OperatorId, Result, SubtaskIndex};
use flott_state::keyed::{StateAnswer, StateQuery};
use tokio::sync::oneshot;

/// Questions that wait or are under way, of one job.
pub(super) const QUERIES_MAX: usize = 64;

/// A question on its way to the job master.
pub(super) struct Question {
    pub uid: String,
    pub hash: KeyHash,
    pub query: StateQuery,
    pub answer: oneshot::Sender<Result<StateAnswer>>,
}

impl JobHandle {
    /// What the key of hash `hash` has in a state of the operator with this uid, now. While 64 questions are under way
    /// another one waits.
    ///
    /// # Errors
    /// `Invalid` when the job does not allow it, there is no such operator or state, or the key is of another type;
    /// `Unavailable` when the job does not run.
    pub async fn query(&self, uid: &str, hash: KeyHash, query: StateQuery) -> Result<StateAnswer> {
        let _turn = self.queries.acquire().await.map_err(|_| over(self.name()))?;
        let (answer, answered) = oneshot::channel();
        let question = Question { uid: uid.to_owned(), hash, query, answer };
        self.questions.send(question).await.map_err(|_| over(self.name()))?;
        answered.await.map_err(|_| {
            if self.status().is_terminal() {
                over(self.name())
            } else {
                Error::unavailable("the task that has the key has stopped; ask again")
            }
        })?
    }
}

fn over(name: &str) -> Error {
    Error::unavailable(format!("job `{name}` is over; the state of a job that runs can be looked at"))
}

impl JobMaster {
    /// Where a question goes; if it goes nowhere, it is answered.
    pub(super) fn route(&self, question: Question) -> Option<(TaskId, TaskCommand)> {
        let Question { uid, hash, query, answer } = question;
        match self.owner(&uid, hash) {
            Ok((task, operator)) => Some((task, TaskCommand::Query(OperatorQuery { operator, query, answer }))),
            Err(error) => {
                // Who asked may have gone.
                let _ = answer.send(Err(error));
                None
            }
        }
    }

    fn owner(&self, uid: &str, hash: KeyHash) -> Result<(TaskId, OperatorId)> {
        let job = self.job();
        if !job.config.get(&QUERYABLE_STATE)? {
            return Err(Error::invalid(format!(
                "state of job `{}` cannot be looked at; set `{}` to true",
                job.name, QUERYABLE_STATE.key
            )));
        }
        let operator = OperatorId::from_uid(uid);
        let vertex = job.vertices.iter().find(|vertex| vertex.operators.iter().any(|o| o.id == operator));
        let Some(vertex) = vertex else {
            let operators = job.vertices.iter().flat_map(|vertex| &vertex.operators);
            let uids: Vec<&str> = operators.filter_map(|operator| operator.uid.as_deref()).collect();
            return Err(Error::invalid(format!(
                "the job has no operator with uid `{uid}`, but `{}`; choose one of them, or give the operator its uid",
                uids.join("`, `")
            )));
        };
        let attempt = self.machine().attempt().filter(|_| self.machine().status() == JobStatus::Running);
        let attempt =
            attempt.ok_or_else(|| Error::unavailable("not all tasks of the job run; ask again when they do"))?;
        let subtask = vertex.max_parallelism.owner(vertex.max_parallelism.key_group(hash), vertex.parallelism);
        Ok((TaskId { vertex: vertex.id, subtask: SubtaskIndex(subtask), attempt }, operator))
    }
}
