//! Metadata written, read, damaged.

use super::*;
use proptest::prelude::*;

fn sample() -> CheckpointMetadata {
    let mut snapshot = OperatorSnapshot::default();
    let file = Blob::File { path: "shared/ab".into(), len: u64::MAX, sum: u64::MAX };
    let list = crate::ListSnapshot {
        redistribution: crate::Redistribution::Union,
        schema: None,
        lengths: vec![3],
        items: file.clone(),
    };
    snapshot.lists.insert("offsets \"quoted\"".into(), list);
    snapshot.keyed = Some(crate::KeyedSnapshot {
        range: max().all(),
        files: vec![file, Blob::Inline(vec![0, 255])],
        store: None,
        states: Vec::new(),
        tables: Vec::new(),
    });
    metadata("job \u{1F980}", 7, -5, snapshot)
}

#[test]
fn metadata_comes_back() {
    let bytes = sample().encode().unwrap();
    assert_eq!(CheckpointMetadata::decode(&bytes).unwrap(), sample());
    assert_eq!(sample().referenced_files().into_iter().collect::<Vec<_>>(), ["shared/ab"]);
}

#[test]
fn what_is_wrong_is_named() {
    let good = sample().encode().unwrap();
    let body = good.iter().position(|b| *b == b'\n').unwrap() + 1;
    let with_head = |head: &str, body: &[u8]| {
        let sum = crate::snapshot::checksum(body);
        CheckpointMetadata::decode(&[format!("{head} {sum:016x}\n").as_bytes(), body].concat()).unwrap_err()
    };
    let text = std::str::from_utf8(&good[body..]).unwrap();
    let other_hash = text.replace("\"key-hash-version\":1", "\"key-hash-version\":2");
    let other_parallelism = text.replace("\"parallelism\":1", "\"parallelism\":2");
    for (error, words) in [
        (CheckpointMetadata::decode(b"").unwrap_err(), "empty"),
        (CheckpointMetadata::decode(b"PAR1 some other file\n").unwrap_err(), "not the metadata"),
        (CheckpointMetadata::decode(&good[..good.len() - 1]).unwrap_err(), "cut off"),
        (with_head("FLOTT-CHECKPOINT 3", &good[body..]), "version 3 and this Flott reads 1 to 2"),
        (with_head("FLOTT-CHECKPOINT 1", b"{}"), "cannot be read"),
        (with_head("FLOTT-CHECKPOINT 1", other_hash.as_bytes()), "hashed by version 2"),
        (with_head("FLOTT-CHECKPOINT 1", other_parallelism.as_bytes()), "parallelism 2 and the state of 1"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn pinned_format() {
    let mut metadata = sample();
    metadata.flott_version = "0.1.0".into();
    let text = String::from_utf8(metadata.encode().unwrap()).unwrap();
    assert_eq!(text, PINNED, "metadata is read for ever: raise the version and keep reading this one");
}

const PINNED: &str = concat!(
    "FLOTT-CHECKPOINT 1 bc5927b8ae20a69f\n",
    r#"{"format-version":1,"flott-version":"0.1.0","job-id":"abababababababababababababababab","job-name":"job 🦀","#,
    r#""checkpoint":7,"kind":"Checkpoint","completed-at-ms":-5,"key-hash-version":1,"operators":["#,
    r#"{"id":"b71731f1c0df9c3076c4a455334d0ad6","uid":"count","name":"count","parallelism":1,"max-parallelism":16,"#,
    r#""coordinator":{"inline":"0102ff"},"subtasks":[{"keyed":{"range":{"start":0,"end":16},"files":["#,
    r#"{"file":{"path":"shared/ab","len":18446744073709551615,"sum":"ffffffffffffffff"}},{"inline":"00ff"}]},"#,
    r#""lists":{"offsets \"quoted\"":{"redistribution":"union","lengths":[3],"items":"#,
    r#"{"file":{"path":"shared/ab","len":18446744073709551615,"sum":"ffffffffffffffff"}}}}}],"finished":[false]}]}"#,
);

#[test]
fn stretches_of_files_have_a_version_of_their_own() {
    let mut snapshot = OperatorSnapshot::default();
    let items = Blob::Segment { path: "chk-7/ab".into(), offset: 5, len: 3, sum: u64::MAX };
    let (redistribution, lengths) = (crate::Redistribution::Split, vec![3]);
    snapshot.lists.insert("offsets".into(), crate::ListSnapshot { redistribution, schema: None, lengths, items });
    let mut metadata = metadata("shop", 7, 5, snapshot);
    metadata.flott_version = "0.1.0".into();
    let text = String::from_utf8(metadata.encode().unwrap()).unwrap();
    assert_eq!(text, PINNED_SEGMENT, "metadata is read for ever: raise the version and keep reading this one");
    assert_eq!(CheckpointMetadata::decode(text.as_bytes()).unwrap(), metadata);
}

const PINNED_SEGMENT: &str = concat!(
    "FLOTT-CHECKPOINT 2 e18e7b2454320cae\n",
    r#"{"format-version":2,"flott-version":"0.1.0","job-id":"abababababababababababababababab","job-name":"shop","#,
    r#""checkpoint":7,"kind":"Checkpoint","completed-at-ms":5,"key-hash-version":1,"operators":["#,
    r#"{"id":"b71731f1c0df9c3076c4a455334d0ad6","uid":"count","name":"count","parallelism":1,"max-parallelism":16,"#,
    r#""coordinator":{"inline":"0102ff"},"subtasks":[{"keyed":null,"lists":{"offsets":{"redistribution":"split","#,
    r#""lengths":[3],"items":{"segment":{"path":"chk-7/ab","offset":5,"len":3,"sum":"ffffffffffffffff"}}}}}],"#,
    r#""finished":[false]}]}"#,
);

proptest! {
    #[test]
    fn no_damage_goes_unnoticed(place in any::<prop::sample::Index>(), flip in 1u8.., cut in any::<bool>()) {
        let mut bytes = sample().encode().unwrap();
        let place = place.index(bytes.len());
        if cut {
            bytes.truncate(place);
        } else {
            bytes[place] ^= flip;
        }
        // A changed letter case in the checksum is no damage.
        prop_assert!(CheckpointMetadata::decode(&bytes).map_or_else(|e| e.kind() == ErrorKind::Corrupt, |m| m == sample()));
    }
}
