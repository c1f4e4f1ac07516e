//! An object store that is slow and fails now and then, sometimes after it has done what it was asked to.

use async_trait::async_trait;
use flott_env::Env;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub struct Flaky {
    pub inner: Arc<InMemory>,
    pub env: Env,
    /// The part of writes that fail, of files whose path ends so.
    pub failing: f64,
    pub suffix: &'static str,
    pub slowest: Duration,
}

impl Flaky {
    async fn wait(&self) {
        self.env.sleep(self.slowest.mul_f64(self.env.random_f64())).await;
    }

    fn fails(&self, location: &Path) -> Result<()> {
        if location.as_ref().ends_with(self.suffix) && self.env.random_f64() < self.failing / 2.0 {
            return Err(Error::Generic { store: "flaky", source: "it is one of those days".into() });
        }
        Ok(())
    }
}

impl fmt::Debug for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flaky")
    }
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flaky")
    }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.wait().await;
        self.fails(location)?;
        let result = self.inner.put_opts(location, payload, opts).await;
        self.wait().await;
        self.fails(location)?;
        result
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.wait().await;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
