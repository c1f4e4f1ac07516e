//! Where checkpoints are, as users write it: a path or a URL. Pure.

use flott_core::{Error, Result};
use std::path::PathBuf;

/// What a location names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A folder of this machine.
    Local(PathBuf),
    /// A folder of a bucket.
    Remote(RemoteLocation),
}

/// A folder of a bucket of an object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteLocation {
    pub kind: RemoteKind,
    /// As the user wrote it, such as `s3a`.
    pub scheme: String,
    /// The bucket; on Azure the container.
    pub bucket: String,
    /// On Azure the storage account, if the URL says it.
    pub account: Option<String>,
    /// The host as written, for people.
    pub authority: String,
    /// The folder within the bucket.
    pub prefix: String,
}

/// A kind of object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RemoteKind {
    S3,
    Gcs,
    Azure,
}

const EXAMPLES: &str = "give a path, or a URL such as file:///data/checkpoints or s3://bucket/checkpoints";

impl Location {
    /// A path, `file:///path`, `file:/path`, `s3://bucket/prefix` (`s3a`, `s3p` are the same), `gs://bucket/prefix`,
    /// `abfss://container@account.dfs.core.windows.net/prefix` (`abfs`, `wasb`, `wasbs`, `az` are the same).
    pub fn parse(location: &str) -> Result<Location> {
        let (scheme, rest) = match location.split_once(':') {
            // A scheme has more than one letter, other than the drive in `C:\`.
            Some((scheme, rest)) if scheme.len() > 1 && (scheme == "file" || rest.starts_with("//")) => (scheme, rest),
            _ => return local(location, Some(location.to_owned())),
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "file" => return local(location, percent_decoded(rest)),
            "s3" | "s3a" | "s3p" | "s3n" => RemoteKind::S3,
            "gs" => RemoteKind::Gcs,
            "abfs" | "abfss" | "wasb" | "wasbs" | "az" => RemoteKind::Azure,
            other => {
                // What stands before an @ may be a secret and is not repeated.
                let shown = if rest.contains('@') { format!("{other}://") } else { location.to_owned() };
                return Err(Error::invalid(format!(
                    "`{shown}` cannot be used for checkpoints: there are local folders (file), S3 (s3, s3a, s3p), \
                     Google Cloud Storage (gs) and Azure Blob Storage (abfss, wasbs, az); {EXAMPLES}"
                )));
            }
        };
        RemoteLocation::parse(kind, scheme, rest).map(Location::Remote)
    }
}

impl RemoteLocation {
    fn parse(kind: RemoteKind, scheme: &str, rest: &str) -> Result<RemoteLocation> {
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let (bucket, account) = match (kind, authority.split_once('@')) {
            (RemoteKind::Azure, Some((container, host))) => {
                (container, Some(host.split('.').next().unwrap_or(host).to_owned()))
            }
            (RemoteKind::S3 | RemoteKind::Gcs, Some(_)) => {
                // What stands before the @ may be a secret and is not repeated.
                return Err(Error::invalid(format!(
                    "a URL of checkpoints must not hold access keys; write {scheme}://bucket/folder and set the keys as \
                     options or in the environment"
                )));
            }
            (_, None) => (authority, None),
        };
        if bucket.is_empty() || bucket.contains([':', '?', '#']) {
            return Err(Error::invalid(format!("`{scheme}://...` names no bucket for checkpoints; {EXAMPLES}")));
        }
        Ok(RemoteLocation {
            kind,
            scheme: scheme.to_owned(),
            bucket: bucket.to_owned(),
            account,
            authority: authority.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }

    /// The bucket for people.
    pub fn name(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }
}

fn local(location: &str, path: Option<String>) -> Result<Location> {
    match path {
        Some(path) if !path.is_empty() => Ok(Location::Local(PathBuf::from(path))),
        _ => Err(Error::invalid(format!("`{location}` names no folder for checkpoints; {EXAMPLES}"))),
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |c: Option<u8>| (c? as char).to_digit(16);
            bytes.push((digit(rest.next())? * 16 + digit(rest.next())?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn remote(location: &str) -> RemoteLocation {
        match Location::parse(location).unwrap() {
            Location::Remote(remote) => remote,
            Location::Local(path) => panic!("{location} is the folder {}", path.display()),
        }
    }

    #[test]
    fn locations_are_paths_or_file_urls() {
        for (location, folder) in [
            ("ckpt", "ckpt"),
            ("/var/ckpt", "/var/ckpt"),
            ("/var/a:b", "/var/a:b"),
            ("file:///var/my%20ckpt", "/var/my ckpt"),
            ("file:/var/ckpt", "/var/ckpt"),
        ] {
            assert_eq!(Location::parse(location).unwrap(), Location::Local(Path::new(folder).to_owned()), "{location}");
        }
        for wrong in ["", "file://", "http://host/x", "hdfs://name/x", "s3://", "s3:///x"] {
            let error = Location::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("file:///data"), "{error}");
        }
    }

    #[test]
    fn or_buckets_as_flink_writes_them() {
        for scheme in ["s3", "s3a", "s3p"] {
            let found = remote(&format!("{scheme}://bucket/a/b/"));
            assert_eq!((found.kind, &*found.bucket, &*found.prefix), (RemoteKind::S3, "bucket", "a/b"));
        }
        assert_eq!(remote("gs://bucket").prefix, "");
        for url in [
            "abfss://box@shop.dfs.core.windows.net/a",
            "wasbs://box@shop.blob.core.windows.net/a",
            "abfs://box@shop.dfs.core.windows.net/a",
        ] {
            let found = remote(url);
            assert_eq!((&*found.bucket, found.account.as_deref(), &*found.prefix), ("box", Some("shop"), "a"));
        }
        assert_eq!(remote("az://box/a").account, None);
    }

    #[test]
    fn keys_in_a_url_are_refused_and_not_repeated() {
        let error = Location::parse("s3://AKIA:hidden@bucket/x").unwrap_err().to_string();
        assert!(!error.contains("hidden") && !error.contains("AKIA"), "{error}");
    }
}
