//! Savepoints in buckets: made, copied within the store and into others, read through a bad connection.

use super::config;
use super::proxy::{Mishaps, Proxy, SOME};
use super::server::Server;
use flott::savepoint::{Savepoint, SavepointWriter};
use flott::{Configuration, ErrorKind, Result};
use flott_core::MaxParallelism;

/// More than is uploaded at once, and nothing that could be made smaller.
const LARGE_BYTES: usize = 9 << 20;

fn large() -> Vec<u8> {
    let mut bytes = vec![0; LARGE_BYTES];
    fastrand::Rng::with_seed(1).fill(&mut bytes);
    bytes
}

/// Asserts that everything is there.
fn check(savepoint: &Savepoint) {
    let counts = savepoint.operator("counts").unwrap();
    let mut found = counts.values::<u32, u64>("total").unwrap().collect::<Result<Vec<_>>>().unwrap();
    found.sort();
    assert!(found == (0..10_000).map(|n| (n, u64::from(n) * 3)).collect::<Vec<_>>());
    let found = counts.values::<u8, Vec<u8>>("large").unwrap().collect::<Result<Vec<_>>>().unwrap();
    assert!(found == [(1, large())]);
}

#[test]
fn they_are_made_copied_and_read() {
    let server = Server::shared();
    server.bucket("savepoints");
    server.bucket("other");
    let config = config(server.port);
    let folder = tempfile::TempDir::new().unwrap();
    let local = |name: &str| folder.path().join(name).display().to_string();
    let mut writer = SavepointWriter::create("s3://savepoints/of/sp-1", &config, "shop").unwrap();
    writer
        .add_operator("counts", MaxParallelism::new(128).unwrap())
        .unwrap()
        .value("total", (0..10_000u32).map(|n| (n, u64::from(n) * 3)))
        .unwrap()
        .value("large", [(1u8, large())])
        .unwrap();
    let mut savepoint = writer.finish().unwrap();
    check(&savepoint);
    // Within the bucket nothing is read: the store copies.
    let proxy = Proxy::new(server.port, 0, Mishaps::default());
    let through = super::config(proxy.port);
    let opened = Savepoint::open("s3://savepoints/of/sp-1", &through).unwrap();
    let before = proxy.gets();
    let copy = SavepointWriter::from_existing(&opened, "s3a://savepoints/of/copy", &through).unwrap().finish().unwrap();
    assert!(proxy.gets() <= before + 1, "{} files were read", proxy.gets() - before);
    check(&copy);
    // Once more, into a folder, and out of it into another bucket.
    for location in ["s3a://savepoints/of/sp-2", "s3://savepoints/of/sp-3", &local("sp-4"), "s3://other/sp-5"] {
        savepoint = SavepointWriter::from_existing(&savepoint, location, &config).unwrap().finish().unwrap();
        check(&savepoint);
        check(&Savepoint::open(location, &config).unwrap());
    }
    assert_eq!(server.open_uploads("savepoints") + server.open_uploads("other"), 0);

    let taken = SavepointWriter::create("s3://other/sp-5", &config, "shop").map(|_| ()).unwrap_err();
    assert!(taken.to_string().contains("`s3://other/sp-5/manifest.json` is there already"), "{taken}");
    let missing = Savepoint::open("s3://other/sp-6", &config).map(|_| ()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Invalid, "{missing}");
    assert!(missing.to_string().contains("`s3://other/sp-6` holds neither `manifest.json`"), "{missing}");
    let keyless = Savepoint::open("s3://AKIA:hidden@other/sp-5", &Configuration::new()).map(|_| ()).unwrap_err();
    assert!(!keyless.to_string().contains("hidden"), "{keyless}");

    for seed in 1..4 {
        let proxy = Proxy::new(server.port, seed, SOME);
        check(&Savepoint::open("s3://savepoints/of/sp-1", &super::config(proxy.port)).unwrap());
    }
}
