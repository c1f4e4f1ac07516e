use super::*;
use flott_api::SinkWriter;
use flott_core::{Configuration, ProcessingTime};
use flott_env::Env;
use std::time::Duration;

#[test]
fn a_file_that_is_full_gets_no_more_records() {
    let folder = folder();
    job(&folder, vec![Op::Rows(10..100)], |sink| sink).run(1, Faults::default()).unwrap();
    let lens: Vec<usize> = finished(&out(&folder)).into_values().map(|lines| lines.len()).collect();
    // A line has 3 bytes: 14 lines are the first to reach 40.
    assert_eq!(lens.iter().filter(|len| **len == 14).count(), 6);
    assert_eq!(lens.iter().sum::<usize>(), 90);
}

#[test]
fn every_checkpoint_closes_files_if_wanted() {
    let folder = folder();
    let ops = vec![Op::Rows(0..3), Op::Checkpoint, Op::Rows(3..5), Op::Checkpoint, Op::Checkpoint, Op::Rows(5..6)];
    let mut job = job(&folder, ops, |sink| sink.with_rolling_policy(RollingPolicy::on_checkpoint()));
    job.run_until(1, Faults::default(), 2).unwrap();
    assert!(hidden(&out(&folder)).is_empty());
    job.run(1, Faults::default()).unwrap();
    let files: Vec<Vec<String>> = finished(&out(&folder)).into_values().collect();
    assert_eq!(files.len(), 3);
    assert_eq!(rows(&out(&folder)), [0, 1, 2, 3, 4, 5]);
}

/// Closes of files, in seconds, of a writer that gets a record at each of `writes`, in seconds.
fn closes(rolling: RollingPolicy, writes: &[u64]) -> Vec<u64> {
    let folder = folder();
    let sink = FileSink::<u32>::new(out(&folder), Printed::new("")).with_rolling_policy(rolling);
    Env::run_simulation(1, |env| async move {
        let cx = crate::harness::sink_context(&env, 0, 1, Configuration::new());
        let mut writer = sink.create_writer(&cx, vec![]).await.unwrap();
        let start = env.now();
        let second = |time: ProcessingTime| (time.0 - start.0) as u64 / 1000;
        let mut closes = Vec::new();
        for write in writes.iter().copied().chain([u64::MAX]) {
            let until = start.plus(Duration::from_secs(write.min(1000)));
            while let Some(due) = writer.next_wakeup().filter(|due| *due <= until) {
                env.sleep_until(due).await;
                writer.on_time(env.now()).await.unwrap();
                closes.push(second(env.now()));
            }
            env.sleep_until(until).await;
            if write < u64::MAX {
                writer.write(vec![1], None).await.unwrap();
            }
        }
        closes
    })
    .unwrap()
}

#[test]
fn a_file_is_closed_after_a_minute_or_a_minute_without_records() {
    assert_eq!(closes(RollingPolicy::default(), &[0, 30, 59, 61, 200]), [60, 121, 260]);
    let inactive =
        RollingPolicy::default().with_rollover_interval(None).with_inactivity_interval(Duration::from_secs(10));
    assert_eq!(closes(inactive, &[0, 9, 18, 27, 50]), [37, 60]);
    let never = inactive.with_inactivity_interval(None);
    assert_eq!(closes(never, &[0, 100]), [0; 0]);
}

#[test]
fn the_hour_at_which_a_record_is_written_is_its_bucket() {
    let folder = folder();
    let sink = FileSink::<u32>::new(out(&folder), Printed::new("")).with_bucket_assigner(DateTimeBucketAssigner::new());
    let committed = Env::run_simulation(1, |env| async move {
        let cx = crate::harness::sink_context(&env, 0, 1, Configuration::new());
        let mut writer = sink.create_writer(&cx, vec![]).await.unwrap();
        for row in 0..4 {
            writer.write(vec![row], None).await.unwrap();
            env.sleep(Duration::from_secs(30 * 60)).await;
        }
        writer.flush(true).await.unwrap();
        let files = writer.prepare_commit().await.unwrap();
        let mut committer = sink.create_committer(&cx).unwrap().unwrap();
        flott_api::Committer::commit(&mut committer, files).await
    });
    committed.unwrap().unwrap();
    let folders: Vec<(String, Vec<String>)> = finished(&out(&folder))
        .into_iter()
        .map(|(path, lines)| (path.split_once('/').unwrap().0.to_owned(), lines))
        .collect();
    let lines = |rows: [&str; 2]| rows.map(str::to_owned).to_vec();
    assert_eq!(folders, [("2020-01-01--00".into(), lines(["0", "1"])), ("2020-01-01--01".into(), lines(["2", "3"]))]);
}
