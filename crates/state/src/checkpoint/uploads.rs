//! Uploads in parts that are under way, noted down so that those of a process that was killed can be ended: a store charges
//! for their parts, and the interface to it lists none.
//!
//! ```text
//! <job-id>/uploads/<name>     { at, id }     made when the store has given the upload its id, before any part is sent;
//!                                            deleted when it is finished or given up
//! ```
//!
//! Whoever tidies a job's folder ends what is noted there. A process that is killed between the store's answer and the note
//! leaves an upload without parts, which takes up no room.

use super::store::{Remote, Store};
use flott_core::{Error, ErrorKind, Result};
use object_store::path::Path;
use object_store::{Error as StoreError, MultipartId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const UPLOADS_PREFIX: &str = "uploads/";

/// An upload as it is noted down.
#[derive(Serialize, Deserialize)]
struct Note {
    /// The path in the bucket.
    at: String,
    id: MultipartId,
}

/// An upload in parts. Dropped before it is finished, whether it failed or nobody waits for it any more, its parts are
/// given up, so that they take up no room.
pub(super) struct Upload {
    store: Store,
    remote: Arc<Remote>,
    pub at: Path,
    pub id: MultipartId,
    note: String,
    pub is_open: bool,
}

impl Upload {
    /// Notes down that the upload with this id has been begun.
    pub async fn begun(store: &Store, remote: &Arc<Remote>, at: Path, id: MultipartId) -> Result<Upload> {
        let note = format!("{UPLOADS_PREFIX}{:016x}{:016x}", store.env.random(), store.env.random());
        let (store, remote) = (store.clone(), remote.clone());
        let upload = Upload { store, remote, at, id, note, is_open: true };
        let noted = Note { at: upload.at.to_string(), id: upload.id.clone() };
        let noted =
            serde_json::to_vec(&noted).map_err(|e| Error::internal("an upload cannot be noted down").with_source(e))?;
        upload.store.put(&upload.note, noted.into()).await?;
        Ok(upload)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (store, remote) = (self.store.clone(), self.remote.clone());
        let (at, id, note, is_open) = (self.at.clone(), self.id.clone(), self.note.clone(), self.is_open);
        let ending = async move {
            // What cannot be given up now stays noted.
            if is_open && !has_ended(remote.parts.abort_multipart(&at, &id).await) {
                tracing::debug!(
                    "an upload to `{at}` was begun and could not be given up; whoever tidies the folder does it"
                );
            } else if let Err(error) = store.delete(&note).await {
                tracing::debug!("the note of an upload that has ended stays: {error}");
            }
        };
        self.store.env.spawn(ending).detach();
    }
}

impl Store {
    /// Ends the uploads that are noted down in these files of the folder, if any is one, and says which files are to be
    /// left for another time. Nobody may be writing there, other than one who must not.
    pub async fn end_uploads(&self, files: &[String]) -> Result<Vec<String>> {
        let super::store::Place::Remote(remote) = &self.place else { return Ok(Vec::new()) };
        let mut open = Vec::new();
        for file in files.iter().filter(|file| file.starts_with(UPLOADS_PREFIX)) {
            let noted = match self.get(file).await {
                Ok(noted) => noted,
                // It has ended meanwhile.
                Err(error) if error.kind() == ErrorKind::Corrupt => continue,
                Err(error) => return Err(error),
            };
            // A note that cannot be read says nothing, and is deleted.
            let Ok(Note { at, id }) = serde_json::from_slice(&noted) else { continue };
            let Ok(path) = Path::parse(at) else { continue };
            let parts = remote.parts.clone();
            let ended = self.env.spawn(async move { has_ended(parts.abort_multipart(&path, &id).await) });
            if !ended.await? {
                tracing::warn!(
                    "an upload that a killed process has left cannot be ended now: `{}`",
                    self.display(file)
                );
                open.push(file.clone());
            }
        }
        Ok(open)
    }
}

/// Whether an upload is over after the attempt to give it up: then the store knows it no more.
fn has_ended(aborted: object_store::Result<()>) -> bool {
    match aborted {
        Ok(()) | Err(StoreError::NotFound { .. }) => true,
        Err(error) => error.to_string().contains("NoSuchUpload"),
    }
}
