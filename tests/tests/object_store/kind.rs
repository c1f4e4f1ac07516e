//! Kinds of object stores: the same tests run against a server for each.
//!
//! For S3 the server is moto and for Azure Microsoft's own Azurite. For Google Cloud Storage there is none to be had that
//! knows listings, uploads in parts and conditions of its XML interface, which is the one that is used. That interface is
//! S3's but for keys and conditions, so moto plays that part too, behind a proxy that puts conditions into S3's words:
//! what Flott and its library send and understand is seen, what Google does is not.

use flott_core::Configuration;

/// The account of Azurite and its key, which everybody knows.
pub const AZURE_ACCOUNT: &str = "devstoreaccount1";
pub const AZURE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A key file that asks for no key, as the library knows it for servers of one's own.
const GCS_KEY_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/object_store/no-key.json");

/// A kind of object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    S3,
    Gcs,
    Azure,
}

pub const KINDS: [Kind; 3] = [Kind::S3, Kind::Gcs, Kind::Azure];

impl Kind {
    /// A folder of a bucket.
    pub fn location(self, bucket: &str, folder: &str) -> String {
        match self {
            Kind::S3 => format!("s3://{bucket}/{folder}"),
            Kind::Gcs => format!("gs://{bucket}/{folder}"),
            Kind::Azure => format!("abfss://{bucket}@{AZURE_ACCOUNT}.dfs.core.windows.net/{folder}"),
        }
    }

    /// Options with which its URLs mean the server at this port.
    pub fn settings(self, port: u16) -> Vec<(String, String)> {
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut settings = match self {
            Kind::S3 => vec![
                ("s3.endpoint".into(), endpoint),
                ("s3.access-key".into(), "a-key".into()),
                ("s3.secret-key".into(), "a-hidden-secret".into()),
                ("s3.endpoint.region".into(), "us-east-1".into()),
            ],
            Kind::Gcs => vec![
                ("fs.gs.storage.root.url".into(), endpoint),
                ("fs.gs.auth.service.account.json.keyfile".into(), GCS_KEY_FILE.into()),
            ],
            Kind::Azure => vec![
                ("flott.azure.endpoint".into(), format!("{endpoint}/{AZURE_ACCOUNT}")),
                (format!("fs.azure.account.key.{AZURE_ACCOUNT}.blob.core.windows.net"), AZURE_KEY.into()),
            ],
        };
        settings.push(("flott.checkpoint-storage.request-timeout".into(), "2 s".into()));
        settings.push(("flott.checkpoint-storage.part-size".into(), "5 mb".into()));
        settings
    }

    /// The same as a configuration.
    pub fn config(self, port: u16) -> Configuration {
        let mut config = Configuration::new();
        for (key, value) in self.settings(port) {
            config.set(key, value);
        }
        config
    }
}
