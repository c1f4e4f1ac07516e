//! Tests of a savepoint's folder.

use super::manifest::manifest;
use crate::{Folder, Manifest, TableFile, WrittenTable};
use flott_core::ErrorKind;
use object_store::local::LocalFileSystem;
use std::sync::Arc;

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test looks at the files and damages them")]
async fn the_manifest_is_written_once_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let savepoint = Folder::new(store, "savepoints/sp-1").unwrap();
    let missing = savepoint.read_manifest().await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Invalid);
    assert!(missing.to_string().contains("`savepoints/sp-1/manifest.json`"), "{missing}");

    savepoint.write_manifest(&manifest()).await.unwrap();
    assert_eq!(savepoint.read_manifest().await.unwrap(), manifest());
    assert_eq!(savepoint.write_manifest(&manifest()).await.unwrap_err().kind(), ErrorKind::Invalid);
    let path = folder.path().join("savepoints/sp-1");
    let names: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [Manifest::FILE], "nothing is left beside it");

    std::fs::write(path.join(Manifest::FILE), "{").unwrap();
    let damaged = savepoint.read_manifest().await.unwrap_err();
    assert_eq!(damaged.kind(), ErrorKind::Corrupt);

    let written = WrittenTable { bytes: 3, rows: 0, key_groups: None, checksum: xxhash_rust::xxh3::xxh3_64(b"abc") };
    let file = TableFile::new("counts/a.parquet", written);
    assert!(savepoint.read(&file).await.unwrap_err().to_string().contains("`savepoints/sp-1/counts/a.parquet`"));
    std::fs::create_dir(path.join("counts")).unwrap();
    std::fs::write(path.join("counts/a.parquet"), "abc").unwrap();
    assert_eq!(savepoint.read(&file).await.unwrap(), "abc");
    std::fs::write(path.join("counts/a.parquet"), "abd").unwrap();
    assert_eq!(savepoint.read(&file).await.unwrap_err().kind(), ErrorKind::Corrupt);
}
