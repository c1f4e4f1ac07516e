//! Files that are damaged, missing or of others.

use super::*;
use crate::{Manifest, Snapshot};
use flott_core::Configuration;
use object_store::ObjectStoreExt;
use object_store::path::Path;

fn written(place: &Place) -> Savepoint {
    let mut writer = place.create("sp-1");
    writer.target.file_bytes = 2000;
    writer.add_operator("counts", max()).unwrap().value("total", (0..500u32).map(|n| (n, n))).unwrap();
    writer.finish().unwrap()
}

fn overwrite(place: &Place, path: &str, content: Option<&[u8]>) {
    let (store, path) = (place.store.clone(), Path::from(path));
    let content = content.map(<[u8]>::to_vec);
    place.env.block_on(async move {
        match content {
            Some(content) => store.put(&path, content.into()).await.map(|_| ()).unwrap(),
            None => store.delete(&path).await.unwrap(),
        }
    });
}

#[test]
fn a_damaged_file_ends_the_rows() {
    let place = Place::new();
    let savepoint = written(&place);
    let files = &savepoint.manifest().operators[0].states[0].files;
    let third = savepoint.folder().path_of(&files[2].path).to_string();
    let first_two: u64 = files[..2].iter().map(|file| file.rows).sum();
    let values = || savepoint.operator("counts").unwrap().values::<u32, u32>("total").unwrap();
    overwrite(&place, &third, Some(&vec![0; files[2].bytes as usize]));
    for parts in [["is damaged: its checksum is wrong", &files[2].path], ["is missing", &third]] {
        let mut values = values();
        assert_eq!(values.by_ref().take_while(Result::is_ok).count() as u64, first_two);
        let rest: Vec<_> = values.collect();
        assert!(rest.is_empty(), "it ends after its error");
        let error = savepoint.operator("counts").unwrap().values::<u32, u32>("total").unwrap().find_map(Result::err);
        assert_fails(Err::<(), _>(error.unwrap()), ErrorKind::Corrupt, &[parts[0], parts[1], "state `total`"]);
        let copy = place.change(&savepoint, "sp-2").finish().map(|_| ());
        assert_fails(copy, ErrorKind::Corrupt, &parts);
        assert_fails(place.open("sp-2").map(|_| ()), ErrorKind::Invalid, &["was not completed"]);
        overwrite(&place, &third, None);
    }
}

#[test]
fn what_is_no_savepoint_says_so() {
    let place = Place::new();
    assert_fails(place.open("sp-1").map(|_| ()), ErrorKind::Invalid, &["`sp-1` holds neither", "check the path"]);
    overwrite(&place, "sp-1/manifest.json", Some(b"{}"));
    assert_fails(place.open("sp-1").map(|_| ()), ErrorKind::Corrupt, &["`sp-1/manifest.json`"]);
    overwrite(&place, "sp-2/_metadata", Some(b"FLOTT"));
    assert_fails(
        place.open("sp-2").map(|_| ()),
        ErrorKind::Corrupt,
        &["`sp-2/_metadata`", "not the metadata of a Flott"],
    );
}

#[test]
fn a_savepoint_is_opened_by_path_or_url() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing in a path is a pattern or an escape.
    let path = folder.path().join("a b*%20/sp-1").display().to_string();
    let config = Configuration::new();
    let mut writer = SavepointWriter::create(&path, &config, "Page views").unwrap();
    writer.add_operator("counts", max()).unwrap().value("total", [(1u8, 2u8)]).unwrap();
    writer.finish().unwrap();
    let url = format!("file://{}", path.replace('%', "%25").replace(' ', "%20"));
    for location in [path.clone(), format!("{path}/"), format!("{path}/{}", Manifest::FILE), url] {
        let savepoint = Savepoint::open(&location, &config).unwrap();
        assert_eq!(sorted(savepoint.operator("counts").unwrap().values::<u8, u8>("total").unwrap()), [(1, 2)]);
    }
    let wrong = Savepoint::open(&format!("{}/sp-*", folder.path().display()), &config).map(|_| ());
    assert_fails(wrong, ErrorKind::Invalid, &["sp-*", "there are no wildcards here"]);
    assert!(matches!(Snapshot::open(&path, &config).unwrap(), Snapshot::Savepoint(_)));
}

#[test]
fn a_large_file_goes_through_a_temporary_one() {
    use crate::processor::fetch;
    let place = Place::new();
    let savepoint = written(&place);
    let file = savepoint.manifest().files().next().unwrap();
    let read = |memory_bytes_max| {
        let fetched = fetch::fetch_up_to(memory_bytes_max, savepoint.world(), savepoint.folder(), file);
        let content = place.env.block_on(fetched).unwrap();
        crate::TableReader::open(content).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(read(u64::MAX), read(0));
}
