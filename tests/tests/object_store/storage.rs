//! The checkpoint storage alone: large files, conditional writes, faults, copies.

use super::config;
use super::kind::{KINDS, Kind};
use super::proxy::{Mishaps, Proxy, SOME};
use super::server::Server;
use bytes::Bytes;
use flott::{Configuration, ErrorKind};
use flott_core::{BarrierKind, CheckpointId, JobId, KeyGroupRange, OperatorId, ProcessingTime};
use flott_env::Env;
use flott_state::checkpoint::{
    CheckpointMetadata, CheckpointStorage, JobCheckpoints, KeyedFiles, OperatorMetadata, StateFile,
};
use flott_state::snapshot::{KeyedSnapshot, OperatorSnapshot, StoreFiles};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const JOB: JobId = JobId([7; 16]);
const MIB: usize = 1 << 20;

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

/// Files of a store's snapshot in a folder, with these lengths.
fn snapshot_of(job: &JobCheckpoints, folder: &Path, lens: &[usize], keep: &Arc<()>) -> KeyedFiles {
    let names: Vec<String> = (0..lens.len()).map(|n| format!("{n:06}.sst")).collect();
    let files = names.iter().zip(lens).enumerate().map(|(n, (name, len))| {
        let file = folder.join(name);
        std::fs::write(&file, bytes(n as u64, *len)).unwrap();
        StateFile::on_disk(job.new_shared_file(), file, *len as u64, keep.clone())
    });
    let range = KeyGroupRange { start: 0, end: 127 };
    let files = files.collect();
    let store = Some(StoreFiles { backend: "a-store".into(), names });
    KeyedFiles { range, files, states: Vec::new(), store, tables: Vec::new() }
}

fn metadata(id: u64, snapshot: OperatorSnapshot) -> CheckpointMetadata {
    let operator = OperatorMetadata {
        id: OperatorId::from_uid("count"),
        uid: Some("count".into()),
        name: "count".into(),
        parallelism: 1,
        max_parallelism: flott_core::MaxParallelism::new(128).unwrap(),
        coordinator: None,
        states: Vec::new(),
        subtasks: vec![snapshot],
        finished: vec![false],
    };
    let (kind, at) = (BarrierKind::Checkpoint, ProcessingTime(id as i64));
    CheckpointMetadata::new(JOB, "shop", CheckpointId(id), kind, at, vec![operator])
}

fn check(folder: &Path, lens: &[usize]) {
    for (n, len) in lens.iter().enumerate() {
        let found = std::fs::read(folder.join(format!("{n:06}.sst"))).unwrap();
        assert!(found == bytes(n as u64, *len), "file {n} with {len} bytes came back with {}", found.len());
    }
}

async fn write(job: &JobCheckpoints, id: u64, files: &KeyedFiles) -> flott::Result<KeyedSnapshot> {
    let written = job.write_snapshot(CheckpointId(id), Some(files.clone()), Vec::new(), 0).await?;
    Ok(written.keyed.unwrap())
}

#[test]
fn files_of_any_size_go_and_come_back_whatever_goes_wrong_on_the_way() {
    KINDS.into_iter().for_each(files_go_and_come_back);
}

fn files_go_and_come_back(kind: Kind) {
    let server = Server::of(kind);
    let bucket = format!("files{kind:?}").to_lowercase();
    server.bucket(&bucket);
    let lens = [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 17 * MIB + 3];
    for (seed, mishaps) in [(1, Mishaps::default()), (2, SOME), (3, SOME), (4, SOME)] {
        let (proxy, env) = (Proxy::new(server.port, seed, mishaps), Env::real().unwrap());
        let location = kind.location(&bucket, &format!("of/{seed}"));
        let storage = CheckpointStorage::open(&env, &location, &kind.config(proxy.port)).unwrap();
        let (folder, keep) = (TempDir::new().unwrap(), Arc::new(()));
        env.block_on(env.spawn(async move {
            let job = storage.job(JOB).claim().await.unwrap();
            let files = snapshot_of(&job, folder.path(), &lens, &keep);
            let snapshot = write(&job, 1, &files).await.unwrap();
            assert_eq!((Arc::strong_count(&keep), files.unwritten_bytes()), (1, 0), "the local files are let go");
            // Nothing is written twice.
            std::fs::remove_file(folder.path().join("000005.sst")).unwrap();
            assert_eq!(write(&job, 2, &files).await.unwrap(), snapshot);
            let back = folder.path().join("back");
            job.fetch(&snapshot, &back).await.unwrap();
            check(&back, &lens);
            for (n, blob) in snapshot.files.iter().enumerate() {
                assert!(job.read_blob(blob).await.unwrap() == bytes(n as u64, lens[n]));
            }
            let done = metadata(2, OperatorSnapshot { keyed: Some(snapshot), ..OperatorSnapshot::default() });
            job.complete(&done).await.unwrap();
            let (id, found) = storage.find_latest("shop").await.unwrap().unwrap();
            assert_eq!((id, &found), (JOB, &done));
            let named = format!("{location}/{JOB}/chk-2").replace("s3://", "s3a://");
            assert_eq!(storage.load_path(&named).await.unwrap().1, done);
        }))
        .unwrap();
        assert_eq!(proxy.mishaps() > 0, seed > 1);
    }
}

#[test]
fn many_large_files_at_once_do_not_wait_for_each_other_for_ever() {
    let server = Server::shared();
    server.bucket("many");
    let env = Env::real().unwrap();
    let storage = CheckpointStorage::open(&env, "s3://many/x", &config(server.port)).unwrap();
    // More parts than may be on their way at once, of as many files as are written at once.
    let (folder, lens) = (TempDir::new().unwrap(), [10 * MIB + 1; 9]);
    env.block_on(async {
        let job = storage.job(JOB);
        let files = snapshot_of(&job, folder.path(), &lens, &Arc::new(()));
        let written = env.timeout(std::time::Duration::from_secs(100), write(&job, 1, &files)).await;
        let snapshot = written.expect("no upload waits for another for ever").unwrap();
        job.fetch(&snapshot, &folder.path().join("back")).await.unwrap();
        check(&folder.path().join("back"), &lens);
    });
}

#[test]
fn an_upload_that_fails_is_given_up() {
    let server = Server::shared();
    server.bucket("given-up");
    let (proxy, env) = (Proxy::new(server.port, 1, Mishaps::default()), Env::real().unwrap());
    let mut config = config(proxy.port);
    config.set("flott.checkpoint-storage.retry-timeout", "300 ms");
    let storage = CheckpointStorage::open(&env, "s3://given-up/x", &config).unwrap();
    let folder = TempDir::new().unwrap();
    env.block_on(async {
        let job = storage.job(JOB);
        let mut files = snapshot_of(&job, folder.path(), &[17 * MIB], &Arc::new(()));
        // The file is shorter than was said: its last part cannot be read.
        files.files =
            vec![StateFile::on_disk("shared/x".into(), folder.path().join("000000.sst"), 29 << 20, Arc::new(()))];
        let error = write(&job, 1, &files).await.unwrap_err();
        assert!(error.to_string().contains("000000.sst"), "{error}");
        // Giving up is not waited for by anyone.
        let given_up = async {
            while server.open_uploads("given-up") > 0 {
                env.sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        env.timeout(std::time::Duration::from_secs(20), given_up).await.expect("no upload is left open");
        assert!(job.read("shared/x").await.is_err());
    });
}

#[test]
fn an_upload_of_a_process_that_was_killed_is_ended_by_the_next() {
    let server = Server::shared();
    server.bucket("abandoned");
    let env = Env::real().unwrap();
    let storage = CheckpointStorage::open(&env, "s3://abandoned/x *", &config(server.port)).unwrap();
    let folder = TempDir::new().unwrap();
    // Whoever opens it to read waits for somebody who writes: the upload stays begun.
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    env.block_on(async {
        let hung = storage.job(JOB).claim().await.unwrap();
        let mut files = snapshot_of(&hung, folder.path(), &[1], &Arc::new(()));
        files.files = vec![StateFile::on_disk("shared/x".into(), pipe.clone(), 17 << 20, Arc::new(()))];
        let writing = env.spawn(async move { write(&hung, 1, &files).await });
        let begun = async {
            while server.open_uploads("abandoned") == 0 {
                env.sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        env.timeout(std::time::Duration::from_secs(20), begun).await.expect("an upload is begun");
        let next = storage.job(JOB).claim().await.unwrap();
        let ended = async {
            // It is noted down right after it was begun.
            while server.open_uploads("abandoned") > 0 {
                next.sweep(&[]).await.unwrap();
            }
        };
        env.timeout(std::time::Duration::from_secs(20), ended).await.expect("no upload is left open");
        assert_eq!(next.sweep(&[]).await.unwrap(), 0, "the note is gone too");
        drop(std::fs::OpenOptions::new().write(true).open(&pipe).unwrap());
        assert!(writing.await.unwrap().is_err());
    });
}

#[test]
fn of_two_that_run_a_job_the_older_one_can_neither_complete_nor_delete() {
    KINDS.into_iter().for_each(run_a_job_twice);
}

fn run_a_job_twice(kind: Kind) {
    let server = Server::of(kind);
    let bucket = format!("fence{kind:?}").to_lowercase();
    server.bucket(&bucket);
    for (seed, mishaps) in [(1, Mishaps::default()), (2, SOME), (3, SOME)] {
        let (proxy, env) = (Proxy::new(server.port, seed, mishaps), Env::real().unwrap());
        let storage =
            CheckpointStorage::open(&env, &kind.location(&bucket, &seed.to_string()), &kind.config(proxy.port))
                .unwrap();
        env.block_on(async {
            let older = storage.job(JOB).claim().await.unwrap();
            older.complete(&metadata(1, OperatorSnapshot::default())).await.unwrap();
            let newer = storage.job(JOB).claim().await.unwrap();
            let of = |error: flott::Result<()>| error.unwrap_err().kind();
            assert_eq!(of(older.complete(&metadata(2, OperatorSnapshot::default())).await), ErrorKind::Fenced);
            assert_eq!(of(older.delete_checkpoint(CheckpointId(1)).await), ErrorKind::Fenced);
            assert_eq!(of(older.sweep(&[]).await.map(drop)), ErrorKind::Fenced);
            assert_eq!(newer.list().await.unwrap(), [CheckpointId(1)]);
            newer.complete(&metadata(2, OperatorSnapshot::default())).await.unwrap();
            newer.delete_checkpoint(CheckpointId(1)).await.unwrap();
            assert_eq!(newer.list().await.unwrap(), [CheckpointId(2)]);
        });
    }
}

#[test]
fn a_job_restarts_from_copies_on_this_machine_and_from_the_store_when_they_are_damaged() {
    let server = Server::shared();
    server.bucket("copies");
    let (proxy, env) = (Proxy::new(server.port, 1, Mishaps::default()), Env::real().unwrap());
    let (folder, local) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut config = config(proxy.port);
    config.set("execution.checkpointing.local-backup.enabled", "true");
    config.set("execution.checkpointing.local-backup.dirs", local.path().to_str().unwrap());
    let storage = CheckpointStorage::open(&env, "s3://copies/x", &config).unwrap();
    let lens = [100, 6 * MIB];
    env.block_on(async {
        let job = storage.job(JOB).claim().await.unwrap();
        let files = snapshot_of(&job, folder.path(), &lens, &Arc::new(()));
        let snapshot = write(&job, 1, &files).await.unwrap();
        let keyed = Some(snapshot.clone());
        job.complete(&metadata(1, OperatorSnapshot { keyed, ..OperatorSnapshot::default() })).await.unwrap();
        let reads = proxy.gets();
        job.fetch(&snapshot, &folder.path().join("1")).await.unwrap();
        check(&folder.path().join("1"), &lens);
        assert_eq!(proxy.gets(), reads, "all came from the copies");
        // A bit of one copy is flipped, the other is gone: nobody notices but the store.
        let copies = files_below(local.path());
        let copies: Vec<_> = copies.iter().filter(|file| !file.ends_with("lock")).collect();
        assert_eq!(copies.len(), 2);
        for copy in copies {
            let mut content = std::fs::read(copy).unwrap();
            std::fs::remove_file(copy).unwrap();
            if content.len() > 100 {
                content[4000] ^= 1;
                std::fs::write(copy, content).unwrap();
            }
        }
        job.fetch(&snapshot, &folder.path().join("2")).await.unwrap();
        check(&folder.path().join("2"), &lens);
        assert!(proxy.gets() >= reads + 2);
        // The next checkpoint does without the files, and so do the copies.
        job.complete(&metadata(2, OperatorSnapshot::default())).await.unwrap();
        assert_eq!(files_below(local.path()).iter().filter(|file| !file.ends_with("lock")).count(), 0);
    });
    drop(storage);
    assert_eq!(files_below(local.path()).len(), 0, "copies go with the process");
}

#[test]
fn a_new_process_of_the_same_name_goes_on_with_the_copies_of_the_one_before() {
    let server = Server::shared();
    server.bucket("kept-copies");
    let (proxy, env) = (Proxy::new(server.port, 1, Mishaps::default()), Env::real().unwrap());
    let (folder, local) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let open = |id: &str| {
        let mut config = config(proxy.port);
        config.set("execution.checkpointing.local-backup.enabled", "true");
        config.set("process.working-dir", local.path().to_str().unwrap());
        config.set("taskmanager.resource-id", id);
        CheckpointStorage::open(&env, "s3://kept-copies/x", &config)
    };
    let error = open("../a").err().unwrap().to_string();
    assert!(error.contains("taskmanager.resource-id") && error.contains("`../a`"), "{error}");
    let lens = [100, 6 * MIB, 2000];
    let copies = || files_below(local.path()).iter().filter(|file| !file.ends_with("lock")).count();
    let of = |id, snapshot: &KeyedSnapshot| {
        metadata(id, OperatorSnapshot { keyed: Some(snapshot.clone()), ..OperatorSnapshot::default() })
    };
    let snapshot = env.block_on(async {
        let storage = open("a").unwrap();
        let job = storage.job(JOB).claim().await.unwrap();
        let files = snapshot_of(&job, folder.path(), &lens, &Arc::new(()));
        let snapshot = write(&job, 1, &files).await.unwrap();
        job.complete(&of(1, &snapshot)).await.unwrap();
        // Of another job, of which nothing more is heard.
        let other = storage.job(JobId([8; 16]));
        let elsewhere = TempDir::new().unwrap();
        write(&other, 1, &snapshot_of(&other, elsewhere.path(), &[10], &Arc::new(()))).await.unwrap();
        // A process of the same name beside it has copies of its own, which go with it.
        drop(open("a").unwrap());
        snapshot
    });
    assert_eq!(copies(), 4, "they stay when the process ends");
    // One copy is damaged before the next process comes.
    let large = files_below(local.path()).into_iter().find(|file| file.metadata().unwrap().len() == 2000).unwrap();
    std::fs::write(&large, vec![0; 2000]).unwrap();
    for (reads, run) in [(1, "1"), (0, "2")] {
        let storage = open("a").unwrap();
        env.block_on(async {
            let job = storage.job(JOB).claim().await.unwrap();
            let before = proxy.gets();
            job.fetch(&snapshot, &folder.path().join(run)).await.unwrap();
            check(&folder.path().join(run), &lens);
            assert_eq!(proxy.gets() - before, reads, "only what is damaged comes from the store");
            // What is still named stays, what is another job's goes.
            job.complete(&of(run.parse::<u64>().unwrap() + 1, &snapshot)).await.unwrap();
        });
        assert_eq!(copies(), 3);
    }
    // The folder is another's, and the process of this name has no copies there.
    let storage = open("b").unwrap();
    env.block_on(async {
        let before = proxy.gets();
        storage.job(JOB).fetch(&snapshot, &folder.path().join("3")).await.unwrap();
        assert!(proxy.gets() >= before + 3);
    });
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_wrong_is_said_at_once_and_without_secrets() {
    let server = Server::shared();
    server.bucket("errors");
    let env = Env::real().unwrap();
    let open = |location: &str, config: &Configuration| CheckpointStorage::open(&env, location, config);
    env.block_on(async {
        let storage = open("s3://no-such-bucket/x", &config(server.port)).unwrap();
        let error = storage.job(JOB).write("shared/a", Bytes::from_static(b"a")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(
            error.to_string().contains("s3://no-such-bucket/x") && error.to_string().contains("NoSuchBucket"),
            "{error}"
        );

        let mut config = config(9);
        config.set("flott.checkpoint-storage.retry-timeout", "200 ms");
        let error = open("s3://errors/x", &config).unwrap().find_latest("shop").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("s3://errors/x"), "{error}");
        for (_, secret) in Kind::S3.settings(9).into_iter().filter(|(key, _)| key.contains("-key")) {
            assert!(!format!("{error:?} {error}").contains(&secret), "{error}");
        }
    });
    let mut half = config(server.port);
    half.set("flott.checkpoint-storage.part-size", "1 mb");
    assert!(open("s3://errors/x", &half).err().unwrap().to_string().contains("5 mb"));
    let error = open("hdfs://host/x", &config(server.port)).err().unwrap().to_string();
    assert!(error.contains("S3 (s3, s3a, s3p)"), "{error}");
}
