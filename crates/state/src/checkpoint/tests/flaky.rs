//! An object store that does what it is told to do wrong.

use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Mutex;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// It is not done.
    Refused,
    /// It is done and reported as failed.
    LostAnswer,
    /// The disk is full.
    Full,
    /// The user may not.
    Denied,
}

/// A store in memory with faults to come, one for each request.
#[derive(Debug, Default)]
pub(super) struct Flaky {
    memory: InMemory,
    pub faults: Mutex<VecDeque<Fault>>,
    pub requests: Mutex<usize>,
}

impl Flaky {
    pub fn expect(&self, faults: &[Fault]) {
        *self.requests.lock().unwrap() = 0;
        *self.faults.lock().unwrap() = faults.iter().copied().collect();
    }

    /// Takes the next fault; an error if it strikes before the request.
    fn next(&self) -> Result<Fault> {
        *self.requests.lock().unwrap() += 1;
        let fault = self.faults.lock().unwrap().pop_front().unwrap_or(Fault::None);
        match fault {
            Fault::None | Fault::LostAnswer => Ok(fault),
            Fault::Refused => Err(failed(io::ErrorKind::ConnectionReset)),
            Fault::Full => Err(failed(io::ErrorKind::StorageFull)),
            Fault::Denied => Err(failed(io::ErrorKind::PermissionDenied)),
        }
    }
}

fn failed(kind: io::ErrorKind) -> Error {
    Error::Generic { store: "flaky", source: Box::new(io::Error::from(kind)) }
}

fn answer<T>(fault: Fault, value: T) -> Result<T> {
    if fault == Fault::LostAnswer { Err(failed(io::ErrorKind::TimedOut)) } else { Ok(value) }
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flaky")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let fault = self.next()?;
        answer(fault, self.memory.put_opts(at, payload, options).await?)
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.memory.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.next()?;
        answer(fault, self.memory.get_opts(at, options).await?)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.next() {
            Ok(_) => self.memory.delete_stream(paths),
            Err(error) => Box::pin(futures_util::stream::iter([Err(error)])),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.next() {
            Ok(_) => self.memory.list(prefix),
            Err(error) => Box::pin(futures_util::stream::iter([Err(error)])),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let fault = self.next()?;
        answer(fault, self.memory.list_with_delimiter(prefix).await?)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.memory.copy_opts(from, to, options).await
    }
}
