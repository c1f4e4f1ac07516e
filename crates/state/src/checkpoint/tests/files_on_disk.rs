//! The files of a store's snapshot, on a local disk, as parts of checkpoints.

use super::*;
use crate::snapshot::StoreFiles;
use flott_core::KeyGroupRange;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Says when it is dropped.
struct Keep(Arc<AtomicBool>);

impl Drop for Keep {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const NAMES: [&str; 3] = ["CURRENT", "000007.sst", "000009.sst"];

/// A snapshot of three files in `folder`, which says when its files are not needed any more.
pub fn snapshot(job: &JobCheckpoints, folder: &Path) -> (KeyedFiles, Arc<AtomicBool>) {
    std::fs::create_dir_all(folder).unwrap();
    let is_dropped = Arc::new(AtomicBool::new(false));
    let keep = Arc::new(Keep(is_dropped.clone()));
    let files = NAMES.map(|name| {
        std::fs::write(folder.join(name), name.repeat(1000)).unwrap();
        let len = 1000 * name.len() as u64;
        StateFile::on_disk(job.new_shared_file(), folder.join(name), len, keep.clone())
    });
    let names = NAMES.map(str::to_owned).to_vec();
    let store = Some(StoreFiles { backend: "a-store".into(), names });
    (
        KeyedFiles {
            range: KeyGroupRange { start: 0, end: 15 },
            files: files.to_vec(),
            store,
            states: Vec::new(),
            tables: Vec::new(),
        },
        is_dropped,
    )
}

pub fn check(folder: &Path) {
    for name in NAMES {
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), name.repeat(1000));
    }
}

#[test]
fn they_go_into_a_local_folder_and_come_back_as_links_or_not() {
    let test = Folder::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let memory = CheckpointStorage::memory(&test.env);
    test.env.block_on(async {
        for storage in [&test.storage, &memory] {
            let job = storage.job(JOB);
            let (files, is_dropped) = snapshot(&job, &elsewhere.path().join("snapshot"));
            assert_eq!(files.unwritten_bytes(), files.byte_count());
            let first = job.write_snapshot(CheckpointId(1), Some(files.clone()), Vec::new(), 1 << 20).await.unwrap();
            assert!(is_dropped.load(Ordering::Relaxed), "the local snapshot is let go");
            assert_eq!(files.unwritten_bytes(), 0);
            std::fs::remove_dir_all(elsewhere.path().join("snapshot")).unwrap();
            let again = job.write_snapshot(CheckpointId(2), Some(files), Vec::new(), 1 << 20).await.unwrap();
            assert_eq!(first, again, "what is written is not written again");
            job.complete(&metadata("shop", 2, 5, again)).await.unwrap();
            let (_, found) = storage.find_latest("shop").await.unwrap().unwrap();
            let keyed = found.operators[0].subtasks[0].keyed.clone().unwrap();
            assert_eq!(keyed.store.as_ref().unwrap().backend, "a-store");
            let back = elsewhere.path().join("back");
            job.fetch(&keyed, &back).await.unwrap();
            check(&back);
            std::fs::remove_dir_all(back).unwrap();
        }
    });
}

#[test]
fn damage_is_named_with_its_path() {
    let test = Folder::new();
    let elsewhere = tempfile::tempdir().unwrap();
    test.env.block_on(async {
        let job = test.storage.job(JOB);
        let (files, _) = snapshot(&job, &elsewhere.path().join("snapshot"));
        let written = job.write_snapshot(CheckpointId(1), Some(files), Vec::new(), 0).await.unwrap();
        let keyed = written.keyed.clone().unwrap();
        let path = keyed.files[1].path().unwrap().to_owned();
        let file = PathBuf::from(job.store.display(&path));
        let content = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let missing = job.fetch(&keyed, &elsewhere.path().join("1")).await.unwrap_err();
        std::fs::write(&file, &content[..100]).unwrap();
        let cut = job.fetch(&keyed, &elsewhere.path().join("2")).await.unwrap_err();
        for error in [missing, cut] {
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains(&path) && error.to_string().contains("restore another"), "{error}");
        }
        // As many bytes as there should be, and others: found before a job starts, with the owner's name.
        std::fs::write(&file, vec![0; content.len()]).unwrap();
        let error = job.verify(&metadata("shop", 1, 5, written)).await.unwrap_err().to_string();
        assert!(error.contains(&path) && error.contains("operator `count`, subtask 1 of 1"), "{error}");
    });
}

#[test]
fn a_name_that_leads_out_of_the_folder_is_refused() {
    let test = Folder::new();
    let elsewhere = tempfile::tempdir().unwrap();
    test.env.block_on(async {
        let job = test.storage.job(JOB);
        let (files, _) = snapshot(&job, &elsewhere.path().join("snapshot"));
        let mut keyed = job.write_snapshot(CheckpointId(1), Some(files), Vec::new(), 0).await.unwrap().keyed.unwrap();
        for name in ["../x", "", "..", "a/b"] {
            keyed.store.as_mut().unwrap().names[2] = name.into();
            let error = job.fetch(&keyed, &elsewhere.path().join("back")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}");
        }
        keyed.store.as_mut().unwrap().names.pop();
        assert!(job.fetch(&keyed, &elsewhere.path().join("back")).await.is_err());
    });
}
