use super::job::Checkpoint;
use super::*;
use flott_core::codec;
use std::sync::atomic::{AtomicBool, Ordering};

fn ops() -> Vec<Op> {
    vec![
        Op::Rows(0..9),
        Op::Checkpoint,
        Op::Rows(9..14),
        Op::Checkpoint,
        Op::Rows(14..40),
        Op::Checkpoint,
        Op::Rows(40..50),
    ]
}

/// One file for everything.
fn one_file(sink: FileSink<u32>) -> FileSink<u32> {
    let rolling = RollingPolicy::on_checkpoint().with_roll_on_checkpoint(false);
    sink.with_rolling_policy(rolling)
}

fn states(checkpoint: &Checkpoint) -> Vec<FileWriterState> {
    checkpoint.states.iter().map(|bytes| codec::from_bytes(bytes).unwrap()).collect()
}

#[test]
fn a_file_in_progress_is_cut_and_gone_on_with() {
    let folder = folder();
    let mut job = job(&folder, ops(), one_file);
    job.run_until(1, Faults::default(), 3).unwrap();
    let names = hidden(&out(&folder));
    assert_eq!(names.len(), 1);
    let path = out(&folder).join(&names[0]);
    fs::write(&path, fs::read_to_string(&path).unwrap() + &"junk\n".repeat(100)).unwrap();
    job.run(1, Faults::default()).unwrap();
    let finished = finished(&out(&folder));
    assert_eq!(finished.len(), 1);
    assert!(names[0].contains(finished.keys().next().unwrap()));
    assert_eq!(rows(&out(&folder)), (0..50).collect::<Vec<_>>());
}

#[test]
fn a_file_that_is_gone_on_with_gets_no_second_title() {
    let folder = folder();
    let path = out(&folder);
    let mut job = Job::new(ops(), move || one_file(FileSink::new(&path, Printed::new("title\n"))));
    job.run_until(1, Faults::default(), 2).unwrap();
    job.run(1, Faults::default()).unwrap();
    let titles = finished(&out(&folder)).into_values().flatten().filter(|line| line == "title").count();
    assert_eq!((titles, rows(&out(&folder)).len()), (1, 50));
}

#[test]
fn states_of_several_writers_merge_and_spread() {
    let folder = folder();
    let mut job = job(&folder, ops(), one_file);
    for (parallelism, ops, open) in [(2, 2, 2), (3, 4, 3), (1, 6, 1)] {
        job.run_until(parallelism, Faults::default(), ops).unwrap();
        assert_eq!(hidden(&out(&folder)).len(), open, "parallelism {parallelism}");
    }
    job.run(2, Faults::default()).unwrap();
    assert_eq!(rows(&out(&folder)), (0..50).collect::<Vec<_>>());
    assert!(hidden(&out(&folder)).is_empty());
}

#[test]
fn a_writer_that_fails_removes_what_no_checkpoint_knows() {
    let folder = folder();
    let mut job = job(&folder, ops(), |sink| sink);
    job.run_until(2, Faults::default(), 1).unwrap();
    let is_clean = || hidden(&out(&folder)).is_empty();
    // They are removed beside the caller.
    for _ in 0..1000 {
        if is_clean() {
            break;
        }
        job.env.block_on(job.env.sleep(std::time::Duration::from_millis(5)));
    }
    assert!(is_clean());
}

#[test]
fn a_write_that_is_under_way_when_the_writer_fails_is_over_before_the_next_one_begins() {
    let folder = folder();
    let faults = Faults::default();
    let (gate, reached) = faults.close_gate();
    let env = flott_env::Env::real().unwrap();
    env.block_on(async {
        let sink = one_file(sink(&out(&folder))).with_disk(Disk { faults: faults.clone() });
        let cx = crate::harness::sink_context(&env, 0, 1, flott_core::Configuration::new());
        let mut writer = flott_api::Sink::create_writer(&sink, &cx, vec![]).await.unwrap();
        flott_api::SinkWriter::write(&mut writer, (10..34).collect(), None).await.unwrap();
        let (later, is_open) = (env.clone(), Arc::new(AtomicBool::new(false)));
        let opens = is_open.clone();
        let opened = env.spawn(async move {
            later.sleep(std::time::Duration::from_millis(30)).await;
            opens.store(true, Ordering::SeqCst);
            drop(gate);
        });
        reached.recv().unwrap();
        drop(writer);
        assert!(is_open.load(Ordering::SeqCst));
        opened.await.unwrap();
    });
}

#[test]
fn files_of_other_jobs_are_left_alone() {
    let folder = folder();
    let mut first = job(&folder, ops(), one_file);
    first.run_until(1, Faults::default(), 2).unwrap();
    fs::write(out(&folder).join(".part-0-other.inprogress.1"), "1000\n").unwrap();
    fs::write(out(&folder).join("part-0-other"), "1001\n").unwrap();
    let mut second = job(&folder, vec![Op::Rows(100..110)], one_file);
    second.run(1, Faults::default()).unwrap();
    first.run(1, Faults::default()).unwrap();
    let expected: Vec<u32> = (0..50).chain(100..110).chain([1001]).collect();
    assert_eq!(rows(&out(&folder)), expected);
    assert_eq!(hidden(&out(&folder)).len(), 1);
}

#[test]
fn an_older_checkpoint_is_refused_if_files_were_published_after_it() {
    for change in [one_file, |sink: FileSink<u32>| sink.with_rolling_policy(RollingPolicy::on_checkpoint())] {
        let folder = folder();
        let mut job = job(&folder, ops(), change);
        job.run_until(1, Faults::default(), 2).unwrap();
        let old = job.checkpoint.clone();
        // Of the attempt that took the checkpoint, and of the next ones.
        job.run_until(1, Faults::default(), 4).unwrap();
        job.run(1, Faults::default()).unwrap();
        job.checkpoint = old;
        let error = job.run(1, Faults::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("published after the checkpoint that is restored"), "{error}");
        assert!(error.to_string().contains(finished(&out(&folder)).keys().last().unwrap()), "{error}");
    }
}

#[test]
fn files_that_were_moved_away_let_an_older_checkpoint_be_restored() {
    let folder = folder();
    let mut job = job(&folder, ops(), |sink| sink.with_rolling_policy(RollingPolicy::on_checkpoint()));
    job.run_until(1, Faults::default(), 2).unwrap();
    let (old, before) = (job.checkpoint.clone(), finished(&out(&folder)));
    job.run(1, Faults::default()).unwrap();
    for name in finished(&out(&folder)).keys().filter(|name| !before.contains_key(*name)) {
        fs::remove_file(out(&folder).join(name)).unwrap();
    }
    job.checkpoint = old;
    job.run(1, Faults::default()).unwrap();
    assert_eq!(rows(&out(&folder)), (0..50).collect::<Vec<_>>());
}

/// Restores after `change` was done to the file in progress.
fn after_change(change: impl Fn(&str)) -> flott_core::Error {
    let folder = folder();
    let mut job = job(&folder, ops(), one_file);
    job.run_until(1, Faults::default(), 2).unwrap();
    let states = states(job.checkpoint.as_ref().unwrap());
    change(&states[0].in_progress[0].path);
    let error = job.run(1, Faults::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(&states[0].in_progress[0].path), "{error}");
    error
}

#[test]
fn a_file_in_progress_that_is_gone_or_too_short_is_an_error_that_names_it() {
    assert!(after_change(|path| fs::remove_file(path).unwrap()).to_string().contains("is gone, and with it 18 bytes"));
    assert!(after_change(|path| fs::write(path, "0\n").unwrap()).to_string().contains("has 2 bytes"));
}

/// Restores a checkpoint with a pending file after `change` was done to it, and to what it is to become.
fn pending(ignores: bool, change: impl Fn(&str, &str)) -> flott_core::Result<Vec<u32>> {
    let folder = folder();
    let mut job = job(&folder, ops(), move |sink| {
        let sink = sink.with_rolling_policy(RollingPolicy::on_checkpoint());
        if ignores { sink.ignore_missing_pending() } else { sink }
    });
    job.run_until(1, Faults::default(), 2).unwrap();
    let committable: FileCommittable = codec::from_bytes(&job.checkpoint.as_ref().unwrap().committables[0]).unwrap();
    fs::rename(&committable.target, &committable.path).unwrap();
    change(&committable.path, &committable.target);
    job.run(1, Faults::default()).map(|()| rows(&out(&folder)))
}

#[test]
fn a_pending_file_is_published_once() {
    assert_eq!(pending(false, |_, _| {}).unwrap(), (0..50).collect::<Vec<_>>());
    assert_eq!(pending(false, |path, target| fs::rename(path, target).unwrap()).unwrap(), (0..50).collect::<Vec<_>>());
    let longer = |path: &str, _: &str| fs::write(path, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n").unwrap();
    assert_eq!(pending(false, longer).unwrap(), (0..50).collect::<Vec<_>>());
}

#[test]
fn a_pending_file_that_cannot_be_published_is_an_error_that_names_both_names() {
    let gone = |path: &str, _: &str| fs::remove_file(path).unwrap();
    let error = pending(false, gone).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("neither the pending file") && error.to_string().contains("18 bytes are gone"),
        "{error}"
    );
    assert_eq!(pending(true, gone).unwrap(), (9..50).collect::<Vec<_>>());
    let error = pending(false, |path, target| assert!(fs::copy(path, target).unwrap() > 0)).unwrap_err();
    assert!(error.to_string().contains("both the pending file"), "{error}");
    let error = pending(false, |path, _| fs::write(path, "0\n").unwrap()).unwrap_err();
    assert!(error.to_string().contains("has 2 bytes"), "{error}");
}
