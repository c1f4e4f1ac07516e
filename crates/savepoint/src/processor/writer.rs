//! Making a savepoint: a new one, or another one with changes. (Flink: `SavepointWriter`.)

use super::copy::copy;
use super::files::Target;
use super::open::{Savepoint, World};
use super::operator::{ALL, operator_name, position, state_position};
use crate::folder::Folder;
use crate::manifest::{Manifest, OperatorEntry};
use flott_core::error::ResultExt;
use flott_core::{CheckpointId, Configuration, Error, JobId, MaxParallelism, OperatorId, Result};
use flott_env::Env;
use futures_util::{TryStreamExt, stream};

/// Files that are copied at the same time.
const COPIES_MAX: usize = 8;

/// Writes a savepoint, from nothing or from another savepoint, which is never changed.
///
/// Rows are written as they are given. The savepoint is there when [`SavepointWriter::finish`] has returned; before that,
/// and if it is never called, the folder has files without a manifest, which nobody takes for a savepoint.
///
/// ```
/// # use flott_core::{Configuration, MaxParallelism, Result};
/// # use flott_savepoint::{Savepoint, SavepointWriter};
/// # fn main() -> Result<()> {
/// # let folder = tempfile::tempdir().map_err(|e| flott_core::Error::io("a folder", e))?;
/// # let path = |name: &str| folder.path().join(name).display().to_string();
/// # let config = Configuration::new();
/// # let mut writer = SavepointWriter::create(&path("sp-1"), &config, "Page views")?;
/// # let counts = [("ada".to_owned(), 3u64), ("bob".to_owned(), 1)];
/// # writer.add_operator("counts", MaxParallelism::new(128)?)?.value("total", counts)?.value("old", [(1u8, ())])?;
/// let before = writer.finish()?;
///
/// let mut writer = SavepointWriter::from_existing(&before, &path("sp-2"), &config)?;
/// writer
///     .operator("counts")?
///     .remove_state("old")?
///     .update_values("total", |key: &String, total: u64| Ok(if key == "ada" { Some(total + 1) } else { None }))?
///     .set_uid("page-counts")?;
/// let after = writer.finish()?;
/// let found: Vec<_> = after.operator("page-counts")?.values::<String, u64>("total")?.collect::<Result<_>>()?;
/// assert_eq!(found, [("ada".to_owned(), 4)]);
/// # Ok(())
/// # }
/// ```
pub struct SavepointWriter {
    pub(crate) target: Target,
    manifest: Manifest,
    /// Where files come from that were not written here.
    source: Option<Folder>,
}

/// An operator of a savepoint that is being written. Its methods follow one another in one expression.
pub struct OperatorWriter<'w> {
    pub(super) writer: &'w mut SavepointWriter,
    /// Its place in the manifest.
    at: usize,
}

impl SavepointWriter {
    /// Starts a savepoint of a job of this name in the folder at `location`, a path or a URL. `config` holds the keys of
    /// object stores (`s3.access-key` and so on).
    ///
    /// # Errors
    /// `Invalid` when the location cannot be used or has a savepoint already; `Unavailable` when the store does not
    /// answer.
    pub fn create(location: &str, config: &Configuration, job_name: &str) -> Result<SavepointWriter> {
        let world = World::new(&Env::real()?, config);
        Self::create_folder(world, Folder::make(location, config)?, job_name)
    }

    /// As [`SavepointWriter::create`], in a folder of any store.
    ///
    /// # Errors
    /// As [`SavepointWriter::create`].
    pub fn create_in(env: &Env, folder: Folder, job_name: &str) -> Result<SavepointWriter> {
        Self::create_folder(World::new(env, &Configuration::new()), folder, job_name)
    }

    fn create_folder(world: World, folder: Folder, job_name: &str) -> Result<SavepointWriter> {
        let job: JobId = world.env.random_job_id();
        let manifest = Manifest::new(job, job_name, CheckpointId(1), world.env.now(), Vec::new());
        Self::new(world, folder, manifest, None)
    }

    /// Starts a savepoint that has all that `savepoint` has, in another folder.
    ///
    /// # Errors
    /// As [`SavepointWriter::create`].
    pub fn from_existing(savepoint: &Savepoint, location: &str, config: &Configuration) -> Result<SavepointWriter> {
        Self::from_existing_in(savepoint, Folder::make(location, config)?)
    }

    /// As [`SavepointWriter::from_existing`], in a folder of any store.
    ///
    /// # Errors
    /// As [`SavepointWriter::create`].
    pub fn from_existing_in(savepoint: &Savepoint, folder: Folder) -> Result<SavepointWriter> {
        let source = Some(savepoint.folder().clone());
        Self::new(savepoint.world().clone(), folder, savepoint.manifest().clone(), source)
    }

    fn new(world: World, folder: Folder, manifest: Manifest, source: Option<Folder>) -> Result<SavepointWriter> {
        if world.env.block_on(folder.read_optional(Manifest::FILE))?.is_some() {
            return Err(folder.is_taken());
        }
        let mut target = Target::new(world, folder);
        target.taken = manifest.files().map(|file| file.path.clone()).collect();
        Ok(SavepointWriter { target, manifest, source })
    }

    /// Adds an operator that nothing is kept of yet, with as many key groups as `max_parallelism` says: the job that is
    /// restored must have as many. It is written as if it had run with parallelism 1; a job is restored from it at any.
    ///
    /// # Errors
    /// `Invalid` when there is one with this uid.
    pub fn add_operator(&mut self, uid: &str, max_parallelism: MaxParallelism) -> Result<OperatorWriter<'_>> {
        self.check_is_free(uid)?;
        self.manifest.operators.push(OperatorEntry {
            id: OperatorId::from_uid(uid),
            uid: Some(uid.to_owned()),
            name: uid.to_owned(),
            parallelism: 1,
            max_parallelism,
            finished: vec![false],
            coordinator: None,
            states: Vec::new(),
        });
        let at = self.manifest.operators.len() - 1;
        Ok(OperatorWriter { writer: self, at })
    }

    /// The operator with this uid, to be changed. One without a uid is found by its id in hexadecimal digits.
    ///
    /// # Errors
    /// `Invalid` when there is none, with those that there are.
    pub fn operator(&mut self, uid: &str) -> Result<OperatorWriter<'_>> {
        let at = position(&self.manifest.operators, uid)?;
        Ok(OperatorWriter { writer: self, at })
    }

    /// Leaves an operator out, with all its state.
    ///
    /// # Errors
    /// As [`SavepointWriter::operator`].
    pub fn remove_operator(&mut self, uid: &str) -> Result<&mut Self> {
        let at = position(&self.manifest.operators, uid)?;
        let operator = self.manifest.operators.remove(at);
        operator.states.iter().for_each(|state| self.target.discard(&state.files));
        Ok(self)
    }

    /// Copies the files that were not touched, byte for byte, and writes the manifest.
    ///
    /// # Errors
    /// `Corrupt` when a file of the other savepoint is missing or damaged; `Invalid` when somebody has written a savepoint
    /// into the folder meanwhile; those of the stores.
    pub fn finish(self) -> Result<Savepoint> {
        let SavepointWriter { target, manifest, source } = self;
        let env = &target.world.env;
        let Manifest { job_id, job_name, savepoint, operators, .. } = manifest;
        let manifest = Manifest::new(job_id, job_name, savepoint, env.now(), operators);
        env.block_on(async {
            let files = manifest.files().filter(|file| !target.written.contains(&file.path)).map(Ok);
            let copied = stream::iter(files).try_for_each_concurrent(COPIES_MAX, async |file| {
                let from = source.as_ref().ok_or_else(|| Error::internal("a file comes from no savepoint"))?;
                copy(from, &target.folder, file).await
            });
            copied.await?;
            // A manifest that is there after a power failure promises that all the others are.
            target.folder.sync(env, manifest.files().map(|file| file.path.as_str())).await?;
            target.folder.write_manifest(&manifest).await?;
            target.folder.sync(env, std::iter::once(Manifest::FILE)).await
        })?;
        Ok(Savepoint::new(target.world, target.folder, manifest))
    }

    fn check_is_free(&self, uid: &str) -> Result<()> {
        let id = OperatorId::from_uid(uid);
        match self.manifest.operators.iter().any(|other| other.id == id) {
            false => Ok(()),
            true => Err(Error::invalid(format!(
                "there is an operator `{uid}` already; change it by `operator`, or remove it first by `remove_operator`"
            ))),
        }
    }

    /// Where a file of the manifest is now.
    pub(super) fn folder_of(&self, path: &str) -> Result<Folder> {
        match &self.source {
            _ if self.target.written.contains(path) => Ok(self.target.folder.clone()),
            Some(source) => Ok(source.clone()),
            None => Err(Error::internal("a file comes from no savepoint")),
        }
    }
}

impl OperatorWriter<'_> {
    /// What the manifest will say of it.
    pub fn entry(&self) -> &OperatorEntry {
        &self.writer.manifest.operators[self.at]
    }

    pub(super) fn entry_mut(&mut self) -> &mut OperatorEntry {
        &mut self.writer.manifest.operators[self.at]
    }

    /// Sets what people call it, for an operator that was added: else it is its uid.
    pub fn set_name(&mut self, name: &str) -> &mut Self {
        name.clone_into(&mut self.entry_mut().name);
        self
    }

    /// Gives it another uid, and so the id by which a job finds its state. (Flink: `changeOperatorIdentifier`.)
    ///
    /// # Errors
    /// `Invalid` when there is an operator with this uid.
    pub fn set_uid(&mut self, uid: &str) -> Result<&mut Self> {
        let id = OperatorId::from_uid(uid);
        if self.entry().id != id {
            self.writer.check_is_free(uid)?;
        }
        let entry = self.entry_mut();
        (entry.id, entry.uid) = (id, Some(uid.to_owned()));
        Ok(self)
    }

    /// Leaves a state out.
    ///
    /// # Errors
    /// `Invalid` when there is none of this name, with those that there are.
    pub fn remove_state(&mut self, state: &str) -> Result<&mut Self> {
        let at = state_position(self.entry(), state, ALL)?;
        let state = self.entry_mut().states.remove(at);
        self.writer.target.discard(&state.files);
        Ok(self)
    }

    /// Runs `work` on the place of the operator, for errors.
    pub(super) fn placed<T>(&mut self, state: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let operator = operator_name(self.entry());
        work(self).in_context(|| format!("state `{state}` of operator `{operator}`"))
    }
}
