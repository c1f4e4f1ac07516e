//! Object stores of the clouds, opened by URL: which one, with whose keys.
//!
//! Keys come from Flink's options, else from where the cloud's own tools look for them: environment variables, the
//! machine's account. Another kind of store, such as HDFS, gets its line in [`open`] and an `ObjectStore` of its own.

use super::location::{RemoteKind, RemoteLocation};
use flott_core::config::CHECKPOINT_STORAGE_REQUEST_TIMEOUT;
use flott_core::{Configuration, Error, Result};
use object_store::ObjectStore;
use object_store::multipart::MultipartStore;
use std::sync::Arc;
use std::time::Duration;

/// How long connecting may take.
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A bucket.
pub(super) struct Bucket {
    pub objects: Arc<dyn ObjectStore>,
    /// The same store, for uploads in parts.
    pub parts: Arc<dyn MultipartStore>,
}

impl Bucket {
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    fn new<S: ObjectStore + MultipartStore>(store: S) -> Bucket {
        let store = Arc::new(store);
        Bucket { objects: store.clone(), parts: store }
    }
}

/// How long requests may take.
#[derive(Clone, Copy)]
#[cfg_attr(not(any(feature = "s3", feature = "gcs", feature = "azure")), expect(dead_code, reason = "nobody asks"))]
struct Times {
    /// A request.
    request: Duration,
    /// All attempts together, if the store itself tries again.
    retry: Option<Duration>,
}

/// Opens the bucket. Nothing is asked of it yet. The store itself tries again for as long as `retry_for` says, if it is
/// set; else attempts are counted by [`super::retry`] alone, which knows which operations may be repeated.
pub(super) fn open(location: &RemoteLocation, config: &Configuration, retry_for: Option<Duration>) -> Result<Bucket> {
    let times = Times { request: config.get(&CHECKPOINT_STORAGE_REQUEST_TIMEOUT)?, retry: retry_for };
    match location.kind {
        RemoteKind::S3 => s3(location, config, times),
        RemoteKind::Gcs => gcs(location, config, times),
        RemoteKind::Azure => azure(location, config, times),
    }
}

#[cfg(feature = "s3")]
fn s3(location: &RemoteLocation, config: &Configuration, times: Times) -> Result<Bucket> {
    use flott_core::config::{S3_ACCESS_KEY, S3_ENDPOINT, S3_ENDPOINT_REGION, S3_PATH_STYLE_ACCESS, S3_SECRET_KEY};
    use object_store::aws::{AmazonS3Builder, S3ConditionalPut};

    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&location.bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(retries(times));
    match (config.get_optional(&S3_ACCESS_KEY)?, config.get_optional(&S3_SECRET_KEY)?) {
        (Some(access), Some(secret)) => builder = builder.with_access_key_id(access).with_secret_access_key(secret),
        (None, None) => {}
        _ => {
            return Err(Error::invalid(format!(
                "set both of `{}` and `{}`, or neither",
                S3_ACCESS_KEY.key, S3_SECRET_KEY.key
            )));
        }
    }
    if let Some(region) = config.get_optional(&S3_ENDPOINT_REGION)? {
        builder = builder.with_region(region);
    }
    let endpoint = config.get_optional(&S3_ENDPOINT)?;
    // A bucket in the host name needs a name server that knows it; most stores other than Amazon's have none.
    let path_style = config.get_optional(&S3_PATH_STYLE_ACCESS)?.or(endpoint.as_ref().map(|_| true));
    if let Some(path_style) = path_style {
        builder = builder.with_virtual_hosted_style_request(!path_style);
    }
    let is_plain = endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    if let Some(endpoint) = endpoint {
        // Without a scheme, as Flink allows it.
        let endpoint = if endpoint.contains("://") { endpoint } else { format!("https://{endpoint}") };
        builder = builder.with_endpoint(endpoint);
    }
    built(location, builder.with_client_options(client(times.request, is_plain)).build()).map(Bucket::new)
}

#[cfg(feature = "gcs")]
fn gcs(location: &RemoteLocation, config: &Configuration, times: Times) -> Result<Bucket> {
    use flott_core::config::{GCS_ENDPOINT, GCS_KEY_FILE};
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

    let mut builder =
        GoogleCloudStorageBuilder::from_env().with_bucket_name(&location.bucket).with_retry(retries(times));
    if let Some(file) = config.get_optional(&GCS_KEY_FILE)? {
        builder = builder.with_service_account_path(file);
    }
    let endpoint = config.get_optional(&GCS_ENDPOINT)?;
    let is_plain = endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    if let Some(endpoint) = endpoint {
        builder = builder.with_config(GoogleConfigKey::BaseUrl, endpoint);
    }
    built(location, builder.with_client_options(client(times.request, is_plain)).build()).map(Bucket::new)
}

#[cfg(feature = "azure")]
fn azure(location: &RemoteLocation, config: &Configuration, times: Times) -> Result<Bucket> {
    use flott_core::config::{AZURE_ACCOUNT_KEY_PREFIX, AZURE_ENDPOINT};
    use object_store::azure::MicrosoftAzureBuilder;

    let mut builder =
        MicrosoftAzureBuilder::from_env().with_container_name(&location.bucket).with_retry(retries(times));
    if let Some(account) = &location.account {
        builder = builder.with_account(account);
        let prefix = format!("{AZURE_ACCOUNT_KEY_PREFIX}{account}.");
        if let Some((_, key)) = config.iter().find(|(name, _)| name.starts_with(&prefix)) {
            builder = builder.with_access_key(key);
        }
    }
    let endpoint = config.get_optional(&AZURE_ENDPOINT)?;
    let is_plain = endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    built(location, builder.with_client_options(client(times.request, is_plain)).build()).map(Bucket::new)
}

#[cfg(not(feature = "s3"))]
fn s3(location: &RemoteLocation, _: &Configuration, _: Times) -> Result<Bucket> {
    Err(not_compiled_in(location, "s3"))
}

#[cfg(not(feature = "gcs"))]
fn gcs(location: &RemoteLocation, _: &Configuration, _: Times) -> Result<Bucket> {
    Err(not_compiled_in(location, "gcs"))
}

#[cfg(not(feature = "azure"))]
fn azure(location: &RemoteLocation, _: &Configuration, _: Times) -> Result<Bucket> {
    Err(not_compiled_in(location, "azure"))
}

#[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure")))]
fn not_compiled_in(location: &RemoteLocation, feature: &str) -> Error {
    Error::invalid(format!(
        "`{}` cannot be used for checkpoints: this program was built without it; build it with the cargo feature \
         `{feature}` of the crate `flott`",
        location.name()
    ))
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
fn retries(times: Times) -> object_store::RetryConfig {
    let default = object_store::RetryConfig::default();
    match times.retry {
        Some(retry_timeout) => object_store::RetryConfig { retry_timeout, ..default },
        None => object_store::RetryConfig { max_retries: 0, ..default },
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
fn client(timeout: Duration, is_plain: bool) -> object_store::ClientOptions {
    object_store::ClientOptions::new()
        .with_timeout(timeout)
        .with_connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .with_allow_http(is_plain)
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
fn built<S>(location: &RemoteLocation, store: object_store::Result<S>) -> Result<S> {
    store.map_err(|e| {
        Error::invalid(format!(
            "`{}` cannot be used for checkpoints: {e}; look at the options of the store in docs/checkpoints.md",
            location.name()
        ))
    })
}
