//! A checkpoint or a native savepoint as a canonical savepoint, without the job.

use super::Place;
use flott_core::{Configuration, Error, KeyGroupRange, Result, error::ResultExt};
use flott_env::Env;
use flott_savepoint::{Manifest, operator_folder};
use flott_state::canonical::StateDescription;
use flott_state::checkpoint::{
    CheckpointMetadata, JobCheckpoints, LocalStores, OperatorMetadata, SubtaskRestore, redistribute,
};
use flott_state::keyed::RowWalk;
use flott_state::operator::{EncodedList, OperatorState};
use flott_state::store::StateBackend;
use flott_state::{KeyedSnapshot, OperatorSnapshot};
use std::sync::Arc;

/// Writes what `metadata` says, whose files are in `from`, as a canonical savepoint into the folder `to`. `backend` opens a
/// state backend by its name.
///
/// # Errors
/// `Invalid` when that cannot be, saying why; `Corrupt` when a file cannot be read; those of the storage.
pub async fn convert(
    env: &Env,
    from: &JobCheckpoints,
    metadata: &CheckpointMetadata,
    to: &JobCheckpoints,
    backend: impl Fn(&str) -> Result<Arc<dyn StateBackend>>,
) -> Result<Manifest> {
    let mut converted = metadata.clone();
    for operator in &mut converted.operators {
        let name = operator.name.clone();
        one(env, from, operator, to, &backend).await.in_context(|| format!("operator `{name}`"))?;
    }
    let manifest = Manifest::of_checkpoint(&converted)?;
    to.write_new(Manifest::FILE, manifest.encode()?.into()).await?;
    Ok(manifest)
}

async fn one(
    env: &Env,
    from: &JobCheckpoints,
    operator: &mut OperatorMetadata,
    to: &JobCheckpoints,
    backend: &impl Fn(&str) -> Result<Arc<dyn StateBackend>>,
) -> Result<()> {
    if operator.subtasks.iter().any(|subtask| subtask.in_flight.as_ref().is_some_and(|f| f.elements > 0)) {
        return Err(Error::invalid(
            "the checkpoint's barriers have overtaken records, which have no table; take a savepoint, whose barriers do not",
        ));
    }
    let folder = operator_folder(operator.uid.as_deref(), operator.id);
    if let Some(coordinator) = &operator.coordinator {
        let bytes = from.read_blob(coordinator).await?;
        operator.coordinator = Some(to.write_file(format!("{folder}/coordinator"), bytes).await?);
    }
    let states = operator.states.clone();
    let restores = redistribute(operator, operator.max_parallelism, operator.parallelism)?;
    for (number, (subtask, restore)) in (0..).zip(operator.subtasks.iter_mut().zip(restores)) {
        let place = Place { env, folder: to, operator: &folder, subtask: number };
        let keyed = match &subtask.keyed {
            None => None,
            Some(keyed) => Some(convert_keyed(&place, from, keyed, &states, backend).await?),
        };
        let lists = lists(from, &restore).await?;
        let OperatorSnapshot { lists, .. } = place.write(None, None, lists).await?;
        *subtask = OperatorSnapshot { keyed, lists, in_flight: None };
    }
    Ok(())
}

/// The lists of one subtask, of which each item is to be there once.
async fn lists(from: &JobCheckpoints, restore: &SubtaskRestore) -> Result<Vec<EncodedList>> {
    let mut own = restore.clone();
    // The others' copies are theirs to write.
    own.lists.retain(|_, list| !list.copy);
    let mut state = OperatorState::new();
    from.restore_operator_state(&own, &mut state).await?;
    state.snapshot()
}

async fn convert_keyed(
    place: &Place<'_>,
    from: &JobCheckpoints,
    keyed: &KeyedSnapshot,
    states: &[Arc<StateDescription>],
    backend: &impl Fn(&str) -> Result<Arc<dyn StateBackend>>,
) -> Result<KeyedSnapshot> {
    let range: KeyGroupRange = keyed.range;
    if !keyed.tables.is_empty() {
        return Err(Error::invalid("it is a canonical savepoint already"));
    }
    let one = std::slice::from_ref(keyed);
    let Some(store) = &keyed.store else {
        let files = from.read_keyed(one).await?;
        return place.write_rows(RowWalk::of_checkpoint(files, range, states)?, range, states.to_vec()).await;
    };
    let stores = LocalStores::new(place.env, backend(&store.backend)?, Arc::new(Configuration::new()))?;
    let opened = stores.open(from, one, range).await?;
    place.write_rows(RowWalk::of_store(opened.store.clone(), range, states), range, states.to_vec()).await
}
