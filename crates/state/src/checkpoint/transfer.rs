//! Files as streams: from a local disk into storage, and back. Memory is bounded by a part per request and a limit on
//! requests, whatever the size of the file.
//!
//! ```text
//! local storage    a link to the file, or a copy if it is on another disk
//! remote storage   parts, a few at a time; the upload is given up if one fails or nobody waits for it any more
//! back             a link if the storage is local, else a stream that goes on where it broke off
//! ```

use super::failure::io_error;
use super::local::{self, Incoming};
use super::store::{Place, Remote, Store};
use super::uploads::Upload;
use crate::snapshot::{Blob, checksum};
use bytes::Bytes;
use flott_core::{Error, ErrorKind, Result};
use flott_env::Env;
use futures_util::stream::FuturesOrdered;
use futures_util::{StreamExt, TryStreamExt};
use object_store::multipart::PartId;
use object_store::{GetOptions, GetRange, PutPayload};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::AcquireError;

/// Parts of one file that are on their way at once.
const PARTS_OF_A_FILE_MAX: usize = 4;
/// S3 takes no more parts than 10,000.
const PARTS_MAX: u64 = 9_000;
/// Bytes of a stream that are put into a file at once.
const PIECE_BYTES: usize = 1 << 20;
/// How often in a row a stream may break off without having brought anything.
const FRUITLESS_MAX: u32 = 4;

/// Bytes that are to be written.
#[derive(Clone)]
pub(super) enum Source {
    /// In memory.
    Bytes(Bytes),
    /// A file on a local disk, which nobody changes.
    File { path: PathBuf, len: u64 },
}

impl Source {
    pub fn len(&self) -> u64 {
        match self {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::File { len, .. } => *len,
        }
    }

    /// A stretch of the bytes.
    pub async fn read(&self, env: &Env, offset: u64, len: u64) -> Result<Bytes> {
        match self {
            Source::Bytes(bytes) => Ok(bytes.slice(offset as usize..(offset + len) as usize)),
            Source::File { path, .. } => {
                let file = path.clone();
                let read = env.blocking(move || local::read_at(&file, offset, len)).await?;
                read.map(Bytes::from).map_err(|e| unreadable(path, &e))
            }
        }
    }
}

/// What stored bytes must be: those of a whole file, or of a stretch that begins at `offset`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub offset: Option<u64>,
    pub len: u64,
    pub sum: u64,
}

impl Expected {
    /// Where a blob is stored and what is expected there, if it is not inline.
    pub fn of(blob: &Blob) -> Option<(&str, Expected)> {
        match blob {
            Blob::Inline(_) => None,
            Blob::File { path, len, sum } => Some((path, Expected { offset: None, len: *len, sum: *sum })),
            Blob::Segment { path, offset, len, sum } => {
                Some((path, Expected { offset: Some(*offset), len: *len, sum: *sum }))
            }
        }
    }

    /// Whether bytes of this length and checksum are what is expected.
    pub fn is(&self, (len, sum): (u64, u64)) -> bool {
        len == self.len && sum == self.sum
    }
}

impl Store {
    /// Writes a file from wherever its bytes are and returns their checksum. It is safe when this returns.
    pub async fn put_source(&self, path: &str, source: &Source) -> Result<u64> {
        match (&self.place, source) {
            (Place::Local(_), Source::File { path: file, len }) => self.link_into(path, file, *len).await,
            (Place::Remote(remote), source) if source.len() > remote.part_bytes => {
                self.put_parts(path, source, remote).await
            }
            (place, source) => {
                // What is in memory already takes no more of it by being sent.
                let _permit = match (place, source) {
                    (Place::Remote(remote), Source::File { .. }) => {
                        Some(remote.permits.acquire().await.map_err(closed)?)
                    }
                    _ => None,
                };
                let bytes = source.read(&self.env, 0, source.len()).await?;
                let sum = checksum(&bytes);
                self.put(path, bytes).await?;
                Ok(sum)
            }
        }
    }

    async fn link_into(&self, path: &str, file: &Path, len: u64) -> Result<u64> {
        let Some(to) = self.local_path(path) else {
            return Err(Error::internal("a folder of this machine has no paths"));
        };
        let from = file.to_owned();
        let linked = self
            .env
            .blocking(move || {
                local::link_or_copy(&from, &to)?;
                local::checksum(&to)
            })
            .await?;
        let what = || format!("`{}` cannot be written", self.display(path));
        let (found, sum) = linked.map_err(|e| io_error(&what(), &e))?;
        if found != len {
            return Err(Error::internal(format!("{}: `{}` has changed its length", what(), file.display())));
        }
        self.sync(path).await?;
        Ok(sum)
    }

    async fn put_parts(&self, path: &str, source: &Source, remote: &Arc<Remote>) -> Result<u64> {
        let at = self.at(path);
        let id = self
            .request("written", path, || {
                let (parts, at) = (remote.parts.clone(), at.clone());
                async move { parts.create_multipart(&at).await }
            })
            .await?;
        let mut upload = Upload::begun(self, remote, at, id).await?;
        let part_bytes = remote.part_bytes.max(source.len().div_ceil(PARTS_MAX));
        let mut sum = xxhash_rust::xxh3::Xxh3::new();
        let mut sent = Vec::new();
        let mut under_way = FuturesOrdered::new();
        let mut offset = 0;
        while offset < source.len() {
            let permit = loop {
                if under_way.len() < PARTS_OF_A_FILE_MAX
                    && let Ok(permit) = remote.permits.try_acquire()
                {
                    break permit;
                }
                // What is under way holds permits, and goes on only while it is waited for.
                match under_way.try_next().await? {
                    Some(part) => sent.push(part),
                    None => {
                        break remote.permits.acquire().await.map_err(closed)?;
                    }
                }
            };
            let part = source.read(&self.env, offset, part_bytes.min(source.len() - offset)).await?;
            sum.update(&part);
            let number = (offset / part_bytes) as usize;
            offset += part.len() as u64;
            let sending = self.put_part(path, remote, &upload, number, part);
            under_way.push_back(async move {
                let sent = sending.await;
                drop(permit);
                sent
            });
        }
        while let Some(part) = under_way.try_next().await? {
            sent.push(part);
        }
        drop(under_way);
        self.finish(path, remote, &mut upload, sent, source.len()).await?;
        Ok(sum.digest())
    }

    fn put_part(
        &self,
        path: &str,
        remote: &Remote,
        upload: &Upload,
        number: usize,
        bytes: Bytes,
    ) -> impl Future<Output = Result<PartId>> + use<> {
        let (parts, at, id) = (remote.parts.clone(), upload.at.clone(), upload.id.clone());
        let (store, path) = (self.clone(), path.to_owned());
        async move {
            let attempt = || {
                let (parts, at, id, payload) = (parts.clone(), at.clone(), id.clone(), PutPayload::from(bytes.clone()));
                async move { parts.put_part(&at, &id, number, payload).await }
            };
            store.request("written", &path, attempt).await
        }
    }

    async fn finish(
        &self,
        path: &str,
        remote: &Remote,
        upload: &mut Upload,
        sent: Vec<PartId>,
        len: u64,
    ) -> Result<()> {
        let finished = self
            .request("written", path, || {
                let (parts, at, id, sent) = (remote.parts.clone(), upload.at.clone(), upload.id.clone(), sent.clone());
                async move { parts.complete_multipart(&at, &id, sent).await }
            })
            .await;
        // The upload is gone if it was finished by an attempt whose answer was lost.
        match finished {
            Err(error) if error.kind() != ErrorKind::Invalid || self.len(path).await? != Some(len) => Err(error),
            _ => {
                upload.is_open = false;
                Ok(())
            }
        }
    }

    /// Puts a stored file into the local file `to`, which does not exist yet. Its length is checked in any case, its
    /// content unless it is linked: what reads a linked file finds damage by itself.
    ///
    /// # Errors
    /// `Corrupt` when it is missing or not what is expected.
    pub async fn fetch(&self, path: &str, expected: Expected, to: &Path) -> Result<()> {
        if expected.offset.is_some() {
            let bytes = self.read_expected(path, expected).await?;
            let file = to.to_owned();
            let written = self.env.blocking(move || local::write(&file, &bytes)).await?;
            return written.map_err(|e| unwritable(to, &e));
        }
        if let Some(from) = self.local_path(path) {
            return self.link_out(path, from, expected, to).await;
        }
        let file = to.to_owned();
        let opened = self.env.blocking(move || Incoming::create(&file)).await?;
        let mut incoming = opened.map_err(|e| unwritable(to, &e))?;
        let mut fruitless = 0;
        while incoming.len() < expected.len {
            let before = incoming.len();
            let (read, broken) = self.stream_into(path, expected, incoming).await?;
            incoming = read;
            match broken {
                None => break,
                Some(_) if incoming.len() > before => fruitless = 0,
                Some(error) if fruitless == FRUITLESS_MAX => return Err(error),
                Some(_) => fruitless += 1,
            }
        }
        let (len, sum) = self.env.blocking(move || incoming.finish()).await?.map_err(|e| unwritable(to, &e))?;
        self.check(path, expected, len, Some(sum))
    }

    /// Reads from where the file ends. Also returns why the stream broke off, if it did.
    async fn stream_into(
        &self,
        path: &str,
        expected: Expected,
        incoming: Incoming,
    ) -> Result<(Incoming, Option<Error>)> {
        let (at, start) = (self.at(path), incoming.len());
        let answer = self
            .request("read", path, || {
                let (objects, at) = (self.objects.clone(), at.clone());
                async move { objects.get_opts(&at, from(start)).await }
            })
            .await?;
        self.check(path, expected, answer.meta.size, None)?;
        let (env, what) = (self.env.clone(), self.display(path));
        let reading = async move {
            let mut incoming = incoming;
            let mut stream = answer.into_stream();
            let (mut pieces, mut bytes) = (Vec::new(), 0);
            loop {
                let next = stream.next().await;
                let has_more = matches!(next, Some(Ok(_)));
                let broken = match next {
                    Some(Ok(piece)) => {
                        bytes += piece.len();
                        pieces.push(piece);
                        None
                    }
                    Some(Err(error)) => Some(super::failure::store_error("read", &format!("`{what}`"), &error)),
                    None => None,
                };
                if bytes >= PIECE_BYTES || !has_more {
                    let whole = std::mem::take(&mut pieces);
                    bytes = 0;
                    let added = env.blocking(move || incoming.append(&whole).map(|()| incoming)).await?;
                    incoming = added.map_err(|e| Error::io(format!("the copy of `{what}`"), e))?;
                }
                if !has_more {
                    return Ok((incoming, broken));
                }
            }
        };
        // A connection is the I/O runtime's.
        self.env.spawn(reading).await?
    }

    /// Bytes, which are what is expected.
    ///
    /// # Errors
    /// `Corrupt` when they are missing or something else.
    pub async fn read_expected(&self, path: &str, expected: Expected) -> Result<Bytes> {
        let bytes = match expected.offset {
            None => self.get(path).await?,
            Some(offset) => self.get_range(path, offset, expected.len).await?,
        };
        self.check(path, expected, bytes.len() as u64, Some(checksum(&bytes)))?;
        Ok(bytes)
    }

    async fn link_out(&self, path: &str, from: PathBuf, expected: Expected, to: &Path) -> Result<()> {
        let target = to.to_owned();
        let linked = self.env.blocking(move || local::link_or_copy(&from, &target)).await?;
        match linked {
            Ok(len) => self.check(path, expected, len, None),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::corrupt(format!(
                "`{}` cannot be read: there is no such file; restore another checkpoint",
                self.display(path)
            ))),
            Err(e) => Err(unwritable(to, &e)),
        }
    }

    /// Whether a file is what it should be.
    pub fn check(&self, path: &str, expected: Expected, len: u64, sum: Option<u64>) -> Result<()> {
        let place = expected.offset.map_or(String::new(), |offset| format!(" from byte {offset} on"));
        let damage = if len != expected.len {
            format!("it has {len} bytes{place} instead of {}", expected.len)
        } else if sum.is_some_and(|sum| sum != expected.sum) {
            format!("its checksum{place} is wrong")
        } else {
            return Ok(());
        };
        Err(Error::corrupt(format!("`{}` is damaged: {damage}; restore another checkpoint", self.display(path))))
    }
}

fn closed(_: AcquireError) -> Error {
    Error::internal("uploads have been closed")
}

fn from(start: u64) -> GetOptions {
    GetOptions { range: (start > 0).then_some(GetRange::Offset(start)), ..GetOptions::default() }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Error {
    Error::unavailable(format!(
        "`{}`, a file of a state backend, cannot be read: {error}; the next checkpoint tries again",
        file.display()
    ))
}

fn unwritable(file: &Path, error: &std::io::Error) -> Error {
    io_error(&format!("`{}`, a copy of a file of a checkpoint, cannot be written", file.display()), error)
}
