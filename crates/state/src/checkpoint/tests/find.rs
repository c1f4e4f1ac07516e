//! The checkpoint to restore: found, named, damaged.

use super::*;
use std::fs;

/// A checkpoint with a file of keyed state, in which every key was counted `id` times.
async fn checkpoint(storage: &CheckpointStorage, job_id: JobId, name: &str, id: u64, at: i64) -> CheckpointMetadata {
    let job = storage.job(job_id);
    let mut counter = Counter::new();
    (0..id).for_each(|_| counter.count(0..1000));
    let snapshot = job.write_snapshot(CheckpointId(id), Some(counter.files(&job)), Vec::new(), 0).await.unwrap();
    let metadata = CheckpointMetadata { job_id, ..metadata(name, id, at, snapshot) };
    job.complete(&metadata).await.unwrap();
    metadata
}

fn job(n: u8) -> JobId {
    JobId([n; 16])
}

#[test]
fn the_newest_checkpoint_of_the_jobs_name_is_found() {
    let test = Folder::new();
    test.env.block_on(async {
        assert!(test.storage.find_latest("shop").await.unwrap().is_none());
        checkpoint(&test.storage, job(1), "shop", 1, 100).await;
        checkpoint(&test.storage, job(1), "shop", 2, 200).await;
        checkpoint(&test.storage, job(2), "shop", 1, 150).await;
        checkpoint(&test.storage, job(3), "other", 9, 900).await;
        let (found, metadata) = test.storage.find_latest("shop").await.unwrap().unwrap();
        assert_eq!((found, metadata.checkpoint), (job(1), CheckpointId(2)));
        checkpoint(&test.storage, job(2), "shop", 2, 201).await;
        assert_eq!(test.storage.find_latest("shop").await.unwrap().unwrap().0, job(2));
        assert!(test.storage.find_latest("nobody").await.unwrap().is_none(), "those of others are not taken");
    });
}

#[test]
fn within_a_job_the_later_id_is_newer_even_if_the_clock_went_back() {
    let test = Folder::new();
    test.env.block_on(async {
        checkpoint(&test.storage, job(1), "shop", 9, 500).await;
        checkpoint(&test.storage, job(1), "shop", 10, 300).await;
        let (_, metadata) = test.storage.find_latest("shop").await.unwrap().unwrap();
        assert_eq!(metadata.checkpoint, CheckpointId(10));
    });
}

/// What can happen to the newest of two checkpoints.
type Damage = fn(&Folder, &CheckpointMetadata);

fn metadata_file(test: &Folder, checkpoint: &CheckpointMetadata) -> PathBuf {
    test.path(&format!("{}/chk-{}/_metadata", checkpoint.job_id, checkpoint.checkpoint))
}

fn state_file(test: &Folder, checkpoint: &CheckpointMetadata) -> PathBuf {
    test.path(&format!("{}/{}", checkpoint.job_id, checkpoint.referenced_files().first().unwrap()))
}

fn change(file: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    how(&mut bytes);
    fs::write(file, bytes).unwrap();
}

const DAMAGES: [(&str, Damage); 8] = [
    ("empty metadata", |t, c| change(&metadata_file(t, c), Vec::clear)),
    ("half metadata", |t, c| change(&metadata_file(t, c), |b| b.truncate(b.len() / 2))),
    ("a flipped bit in the metadata", |t, c| change(&metadata_file(t, c), |b| *b.last_mut().unwrap() ^= 1)),
    ("metadata of another checkpoint", |t, c| {
        fs::copy(t.path(&format!("{}/chk-1/_metadata", c.job_id)), metadata_file(t, c)).unwrap();
    }),
    ("a missing file", |t, c| fs::remove_file(state_file(t, c)).unwrap()),
    ("an empty file", |t, c| change(&state_file(t, c), Vec::clear)),
    ("half a file", |t, c| change(&state_file(t, c), |b| b.truncate(b.len() / 2))),
    ("a flipped bit in a file", |t, c| change(&state_file(t, c), |b| b[100] ^= 1)),
];

#[test]
fn instead_of_a_damaged_checkpoint_the_next_older_one_is_used() {
    for (what, damage) in DAMAGES {
        let test = Folder::new();
        test.env.block_on(async {
            checkpoint(&test.storage, job(1), "shop", 1, 100).await;
            let newest = checkpoint(&test.storage, job(1), "shop", 2, 200).await;
            damage(&test, &newest);
            let (found, metadata) = test.storage.find_latest("shop").await.unwrap().unwrap();
            assert_eq!((found, metadata.checkpoint), (job(1), CheckpointId(1)), "{what}");
            let mut counter = Counter::restored(&test.storage.job(found), &metadata.operators[0].subtasks[0]).await;
            assert_eq!(counter.get(5), Some(1), "{what}");
        });
    }
}

#[test]
fn a_named_checkpoint_that_is_damaged_is_refused_with_its_path() {
    for (what, damage) in DAMAGES {
        let test = Folder::new();
        test.env.block_on(async {
            checkpoint(&test.storage, job(1), "shop", 1, 100).await;
            let newest = checkpoint(&test.storage, job(1), "shop", 2, 200).await;
            damage(&test, &newest);
            let path = test.storage.job(job(1)).location(CheckpointId(2));
            let error = test.storage.load_path(&path).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}");
            let text = error.to_string();
            assert!(text.contains(&job(1).to_string()) && text.contains("restore another"), "{what}: {text}");
        });
    }
}

#[test]
fn when_every_checkpoint_is_damaged_nobody_starts_from_nothing_unasked() {
    for (what, damage) in DAMAGES.into_iter().filter(|(what, _)| !what.contains("another checkpoint")) {
        let test = Folder::new();
        test.env.block_on(async {
            let only = checkpoint(&test.storage, job(1), "shop", 1, 100).await;
            damage(&test, &only);
            let error = test.storage.find_latest("shop").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}");
            assert!(error.to_string().contains("without `latest`"), "{what}: {error}");
        });
    }
}

#[test]
fn a_checkpoint_without_metadata_is_not_there() {
    let test = Folder::new();
    test.env.block_on(async {
        checkpoint(&test.storage, job(1), "shop", 1, 100).await;
        let second = checkpoint(&test.storage, job(1), "shop", 2, 200).await;
        fs::remove_file(metadata_file(&test, &second)).unwrap();
        let (_, metadata) = test.storage.find_latest("shop").await.unwrap().unwrap();
        assert_eq!(metadata.checkpoint, CheckpointId(1));
    });
}

#[test]
fn other_folders_are_left_alone() {
    let test = Folder::new();
    test.env.block_on(async {
        fs::create_dir_all(test.path("lost+found/chk-1")).unwrap();
        fs::write(test.path("lost+found/chk-1/_metadata"), "x").unwrap();
        fs::create_dir_all(test.path(&format!("{}/chk-x", job(1)))).unwrap();
        fs::write(test.path("notes.txt"), "x").unwrap();
        assert!(test.storage.find_latest("shop").await.unwrap().is_none());
    });
}

#[test]
fn a_checkpoint_is_named_by_its_folder_or_its_metadata_wherever_it_was_moved() {
    let test = Folder::new();
    test.env.block_on(async {
        let made = checkpoint(&test.storage, job(1), "shop", 2, 100).await;
        let elsewhere = tempfile::tempdir().unwrap();
        let moved = elsewhere.path().join("kept");
        fs::rename(test.path(&job(1).to_string()), &moved).unwrap();
        let memory = CheckpointStorage::memory(&test.env);
        let folder = moved.join("chk-2");
        for path in [
            folder.to_str().unwrap().to_owned(),
            format!("{}/", folder.display()),
            format!("{}/_metadata", folder.display()),
            format!("file://{}", folder.display()),
        ] {
            let (files, metadata) = memory.load_path(&path).await.unwrap();
            assert_eq!(metadata, made, "{path}");
            assert_eq!(Counter::restored(&files, &metadata.operators[0].subtasks[0]).await.get(3), Some(2));
        }
    });
}

#[test]
fn a_path_without_a_checkpoint_is_refused_with_advice() {
    let test = Folder::new();
    test.env.block_on(async {
        let made = checkpoint(&test.storage, job(1), "shop", 1, 100).await;
        fs::create_dir_all(test.path(&format!("{}/chk-7", job(1)))).unwrap();
        let root = test.folder.path().display();
        for (path, words) in [
            (format!("{root}/nowhere/chk-1"), "check the path"),
            (format!("{root}/{}", job(1)), "chk-7`, or use `latest`"),
            (state_file(&test, &made).display().to_string(), "is no checkpoint"),
            (format!("{root}/{}/chk-7", job(1)), "no complete checkpoint"),
            ("hdfs://host/chk-1".to_owned(), "file:///"),
        ] {
            let error = test.storage.load_path(&path).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{path}: {error}");
            assert!(error.to_string().contains(&path) && error.to_string().contains(words), "{path}: {error}");
        }
    });
}

#[test]
fn a_store_that_was_given_has_paths_of_its_own() {
    let env = Env::real().unwrap();
    env.block_on(async {
        let objects = std::sync::Arc::new(object_store::memory::InMemory::new());
        let storage = CheckpointStorage::with_store(&env, objects, "deep/down");
        let made = checkpoint(&storage, job(1), "shop", 1, 100).await;
        assert_eq!(storage.find_latest("shop").await.unwrap().unwrap().1, made);
        for path in [format!("{}/chk-1", job(1)), format!("/{}/chk-1/_metadata", job(1))] {
            assert_eq!(storage.load_path(&path).await.unwrap().1, made);
        }
        assert_eq!(storage.load_path("chk-2").await.err().unwrap().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_with_advice() {
    let test = Folder::new();
    fs::write(test.path("file"), "x").unwrap();
    for (location, words) in [
        ("hdfs://host/checkpoints".to_owned(), "local folders"),
        (test.path("file").display().to_string(), "file"),
        (test.path("file/below").display().to_string(), "file/below"),
        (String::new(), "give a path"),
    ] {
        let error = CheckpointStorage::open(&test.env, &location, &Configuration::new()).err().unwrap();
        assert!(error.to_string().contains(words), "{error}");
    }
    let made = test.path("a/b");
    CheckpointStorage::open(&test.env, &format!("file://{}", made.display()), &Configuration::new()).unwrap();
    assert!(made.is_dir());
}
