//! Opening a savepoint by its path or URL.

use super::operator::{SavepointOperator, position};
use crate::folder::Folder;
use crate::manifest::Manifest;
use flott_core::config::IO_TMP_DIRS;
use flott_core::{Configuration, Error, ErrorKind, Result};
use flott_env::{Env, TempFolder};
use flott_state::checkpoint::CheckpointMetadata;

/// The metadata of a checkpoint, in its folder.
const CHECKPOINT_FILE: &str = "_metadata";

/// A canonical savepoint, to be read from outside a job. (Flink: `SavepointReader`.)
///
/// ```
/// # use flott_core::{Configuration, MaxParallelism, Result};
/// # use flott_savepoint::{Savepoint, SavepointWriter};
/// # fn main() -> Result<()> {
/// # let folder = tempfile::tempdir().map_err(|e| flott_core::Error::io("a folder", e))?;
/// # let path = folder.path().join("sp-1").display().to_string();
/// let config = Configuration::new();
/// let mut writer = SavepointWriter::create(&path, &config, "Page views")?;
/// let counts = [("ada".to_owned(), 3u64), ("bob".to_owned(), 1)];
/// writer.add_operator("counts", MaxParallelism::new(128)?)?.value("total", counts)?;
/// writer.finish()?;
///
/// let savepoint = Savepoint::open(&path, &config)?;
/// let mut found = savepoint.operator("counts")?.values::<String, u64>("total")?.collect::<Result<Vec<_>>>()?;
/// found.sort();
/// assert_eq!(found, [("ada".to_owned(), 3), ("bob".to_owned(), 1)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Savepoint {
    world: World,
    folder: Folder,
    manifest: Manifest,
}

/// What reading and writing savepoints needs of the machine.
#[derive(Clone)]
pub(crate) struct World {
    pub env: Env,
    /// Where files that are too large for memory are kept while they are read.
    pub temp: TempFolder,
}

impl World {
    pub fn new(env: &Env, config: &Configuration) -> World {
        World { env: env.clone(), temp: TempFolder::choose(config.raw(IO_TMP_DIRS.key), 0) }
    }
}

/// What is found at a path: a canonical savepoint, or a checkpoint of which only the description can be read here.
pub enum Snapshot {
    /// A canonical savepoint.
    Savepoint(Box<Savepoint>),
    /// A checkpoint, or a native savepoint, which is one too.
    Checkpoint {
        /// Its folder, for people.
        folder: String,
        /// What it consists of.
        metadata: Box<CheckpointMetadata>,
    },
}

impl Snapshot {
    /// Opens the folder at `location`, a path or a URL; its `manifest.json` or `_metadata` may be named too. `config`
    /// holds the keys of object stores (`s3.access-key` and so on).
    ///
    /// # Errors
    /// `Invalid` when there is neither a savepoint nor a checkpoint; `Corrupt` when it cannot be used; `Unavailable`
    /// when the store does not answer.
    pub fn open(location: &str, config: &Configuration) -> Result<Snapshot> {
        let world = World::new(&Env::real()?, config);
        let opened = Folder::open(folder_of(location), config).and_then(|folder| Self::open_folder(world, folder));
        opened.map_err(|error| match location.contains(['*', '?']) {
            true => Error::new(error.kind(), format!("{error}; there are no wildcards here, name one savepoint")),
            false => error,
        })
    }

    fn open_folder(world: World, folder: Folder) -> Result<Snapshot> {
        let read = |file| world.env.block_on(folder.read_optional(file));
        if let Some(content) = read(Manifest::FILE)? {
            let manifest = Manifest::decode(&folder.name_of(Manifest::FILE), &content)?;
            return Ok(Snapshot::Savepoint(Box::new(Savepoint { world, folder, manifest })));
        }
        let Some(content) = read(CHECKPOINT_FILE)? else {
            return Err(Error::invalid(format!(
                "`{}` holds neither `{}` nor `{CHECKPOINT_FILE}`: it is no savepoint and no checkpoint, or one that was not \
                 completed; check the path",
                folder.name(),
                Manifest::FILE
            )));
        };
        let metadata = CheckpointMetadata::decode(&content).map_err(|e| {
            let file = folder.name_of(CHECKPOINT_FILE);
            Error::new(e.kind(), format!("the checkpoint's metadata `{file}` cannot be used: {e}"))
        })?;
        Ok(Snapshot::Checkpoint { folder: folder.name().to_owned(), metadata: Box::new(metadata) })
    }
}

impl Savepoint {
    /// Opens the savepoint in the folder at `location`, a path or a URL. `config` holds the keys of object stores
    /// (`s3.access-key` and so on). Only the manifest is read.
    ///
    /// # Errors
    /// `Invalid` when there is no savepoint, or a checkpoint instead; `Corrupt` when the manifest cannot be used;
    /// `Unavailable` when the store does not answer.
    pub fn open(location: &str, config: &Configuration) -> Result<Savepoint> {
        Self::expect(Snapshot::open(location, config)?)
    }

    /// As [`Savepoint::open`], in a folder of any store.
    ///
    /// # Errors
    /// As [`Savepoint::open`].
    pub fn open_folder(env: &Env, folder: Folder) -> Result<Savepoint> {
        Self::expect(Snapshot::open_folder(World::new(env, &Configuration::new()), folder)?)
    }

    fn expect(found: Snapshot) -> Result<Savepoint> {
        match found {
            Snapshot::Savepoint(savepoint) => Ok(*savepoint),
            Snapshot::Checkpoint { folder, .. } => Err(Error::invalid(format!(
                "`{folder}` is a checkpoint or a native savepoint, whose state only its own state backend can read; \
                 restore a job from it and take a canonical savepoint"
            ))),
        }
    }

    pub(super) fn new(world: World, folder: Folder, manifest: Manifest) -> Savepoint {
        Savepoint { world, folder, manifest }
    }

    /// Reads every file through, and says what is wrong with those that are missing, cut off or not what was written.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer.
    pub fn verify(&self) -> Result<Vec<Error>> {
        let mut damages = Vec::new();
        for file in self.manifest.files() {
            match self.world.env.block_on(self.folder.read_pieces(file, async |_| Ok(()))) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => damages.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(damages)
    }

    /// What it consists of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where it is.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Its operators, in the order of the manifest.
    pub fn operators(&self) -> impl Iterator<Item = SavepointOperator<'_>> {
        self.manifest.operators.iter().map(|entry| SavepointOperator::new(self, entry))
    }

    /// The operator with this uid. One without a uid is found by its id in hexadecimal digits.
    ///
    /// # Errors
    /// `Invalid` when there is none, with those that there are.
    pub fn operator(&self, uid: &str) -> Result<SavepointOperator<'_>> {
        let at = position(&self.manifest.operators, uid)?;
        Ok(SavepointOperator::new(self, &self.manifest.operators[at]))
    }
}

#[cfg(feature = "query")]
impl Savepoint {
    /// The tables that statements know, as [`crate::Query::tables`].
    ///
    /// # Errors
    /// As [`crate::Query::open`].
    pub fn tables(&self) -> Result<Vec<String>> {
        let memory = crate::QueryLimits::default().memory;
        let query = self.world.env.block_on(crate::Query::open(&self.folder, &self.manifest, memory))?;
        Ok(query.tables().to_vec())
    }

    /// Runs a statement over the tables of the savepoint and writes what it answers, as [`crate::Query::run`].
    ///
    /// # Errors
    /// As [`crate::Query::open`] and [`crate::Query::run`].
    pub fn query(&self, sql: &str, format: crate::AnswerFormat, out: &mut (dyn std::io::Write + Send)) -> Result<()> {
        self.query_within(crate::QueryLimits::default(), sql, format, out)
    }

    /// As [`Savepoint::query`], within these limits.
    ///
    /// # Errors
    /// As [`Savepoint::query`]; `Limit` when it takes too long, after a part of the answer perhaps.
    pub fn query_within(
        &self,
        limits: crate::QueryLimits,
        sql: &str,
        format: crate::AnswerFormat,
        out: &mut (dyn std::io::Write + Send),
    ) -> Result<()> {
        let env = &self.world.env;
        let answer = async {
            let query = crate::Query::open(&self.folder, &self.manifest, limits.memory).await?;
            query.run(sql, format, out).await
        };
        let Some(time) = limits.time else { return env.block_on(answer) };
        let too_long =
            || Error::limit(format!("the question took longer than the {time:?} that were left; ask for less"));
        env.block_on(env.timeout(time, answer)).ok_or_else(too_long)?
    }
}

/// The folder, where one of its files is named.
fn folder_of(location: &str) -> &str {
    let location = match location.trim_end_matches('/') {
        "" => location,
        trimmed => trimmed,
    };
    for file in [Manifest::FILE, CHECKPOINT_FILE] {
        match location.strip_suffix(file) {
            Some("") => return ".",
            Some(folder) if folder.ends_with('/') => return folder,
            _ => {}
        }
    }
    location
}
