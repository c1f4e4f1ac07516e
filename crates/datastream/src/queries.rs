//! Looking at the keyed state of a running job: by key (Flink's queryable state), and by SQL.

use crate::JobClient;
use flott_core::schema::{Decoder, Schema};
use flott_core::{Data, Error, Key, KeyHash, Result, codec, error::ResultExt};
use flott_state::canonical::TableKind;
use flott_state::keyed::{StateAnswer, StateQuery};
use std::io::Write;

/// Which state of a running job a question in SQL is about. Either is what all records up to one moment have made of it, in
/// all subtasks alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateOf {
    /// That of the latest complete checkpoint. The job does nothing for it.
    LatestCheckpoint,
    /// That of now: the job takes a savepoint for the question, and goes on.
    Now,
}

/// Each is answered by the task that owns the key, between two batches: what is seen is what all records up to one moment
/// have made of it, whether or not a checkpoint has it yet. The job must allow it (`queryable-state.enable`), and its
/// operator needs a uid. For many keys at once ask in SQL.
impl JobClient {
    /// The value of a key in the state `state` of the operator with this uid; also that of reducing state, and the
    /// accumulator of aggregating state.
    ///
    /// # Errors
    /// `Invalid` when the job does not allow it, there is no such state, or it holds something else; `Unavailable` when the
    /// job does not run.
    pub fn query_value<K: Key, V: Data>(&self, uid: &str, state: &str, key: &K) -> Result<Option<V>> {
        let answer = self.query(uid, state, key)?;
        let kinds = [TableKind::Value, TableKind::Reducing, TableKind::Aggregating];
        let decoder = decoder::<V>(&answer, &kinds, &answer.state.table.value)?;
        if answer.state.table.namespace != Schema::Unit {
            return Err(Error::invalid(format!(
                "state `{state}` has a value for each window of a key; ask with `query_windows`"
            )));
        }
        answer.rows.iter().next().map(|row| decoder.from_bytes(row.value)).transpose()
    }

    /// The elements of a key's list, in order.
    ///
    /// # Errors
    /// As [`JobClient::query_value`].
    pub fn query_list<K: Key, V: Data>(&self, uid: &str, state: &str, key: &K) -> Result<Vec<V>> {
        let answer = self.query(uid, state, key)?;
        let decoder = decoder::<V>(&answer, &[TableKind::List], &answer.state.table.value)?;
        answer.rows.iter().map(|row| decoder.from_bytes(row.value)).collect()
    }

    /// The entries of a key's map, in no particular order.
    ///
    /// # Errors
    /// As [`JobClient::query_value`].
    pub fn query_map<K: Key, UK: Key, UV: Data>(&self, uid: &str, state: &str, key: &K) -> Result<Vec<(UK, UV)>> {
        let answer = self.query(uid, state, key)?;
        let keys = decoder::<UK>(&answer, &[TableKind::Map], &answer.state.table.map_key)?;
        let values = decoder::<UV>(&answer, &[TableKind::Map], &answer.state.table.value)?;
        answer.rows.iter().map(|row| Ok((keys.from_bytes(row.map_key)?, values.from_bytes(row.value)?))).collect()
    }

    /// What a key has in each of its windows, in no particular order. The state `window contents` has what is kept of their
    /// records, as a struct of which the field `acc` is an `Option` of it: of `reduce` a record, of `aggregate` an accumulator,
    /// of `process` and `apply` a list of records with their times.
    ///
    /// # Errors
    /// As [`JobClient::query_value`].
    pub fn query_windows<K: Key, W: Key, V: Data>(&self, uid: &str, state: &str, key: &K) -> Result<Vec<(W, V)>> {
        let answer = self.query(uid, state, key)?;
        let windows = decoder::<W>(&answer, &[TableKind::Value], &answer.state.table.namespace)?;
        let values = decoder::<V>(&answer, &[TableKind::Value], &answer.state.table.value)?;
        answer.rows.iter().map(|row| Ok((windows.from_bytes(row.namespace)?, values.from_bytes(row.value)?))).collect()
    }

    /// Asks all state of the job in SQL and writes what is answered to `out`, a JSON object a line, without the columns that
    /// are null. A state is the table `<uid>.<state>`, as for `flott savepoint query`.
    ///
    /// The stream goes on. One question is worked on at a time, within `flott.queryable-state.sql.memory` and
    /// `flott.queryable-state.sql.timeout`; for that time the state is on the local disk as tables, in a folder of
    /// `io.tmp.dirs`. Needs the cargo feature `query` of the crate `flott`.
    ///
    /// # Errors
    /// `Invalid` when the job does not allow it, was built without SQL, or the statement is wrong; `Unavailable` when the job
    /// does not run or has no checkpoint yet; `Limit` when it takes too much memory or time, after some lines perhaps.
    pub fn query_sql(&self, of: StateOf, sql: &str, out: &mut (dyn Write + Send)) -> Result<()> {
        self.control().query_sql(of, sql, out)
    }

    fn query<K: Key>(&self, uid: &str, state: &str, key: &K) -> Result<StateAnswer> {
        let query = StateQuery { state: state.to_owned(), key_schema: Schema::of::<K>(), key: codec::to_bytes(key)? };
        self.control().query(uid, KeyHash::of(key), query)
    }
}

/// Reads what the answer holds as `V`.
fn decoder<V: Data>(answer: &StateAnswer, kinds: &[TableKind], written: &Schema) -> Result<Decoder<V>> {
    let name = &answer.state.name;
    if !kinds.contains(&answer.state.table.kind) {
        return Err(Error::invalid(format!(
            "state `{name}` is of kind {}, not {}; ask for what it is",
            answer.state.table.kind, kinds[0]
        )));
    }
    Decoder::new(written).in_context(|| format!("state `{name}`"))
}
