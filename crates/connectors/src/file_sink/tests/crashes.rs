use super::faults::Fault;
use super::*;
use proptest::prelude::*;

fn ops() -> Vec<Op> {
    vec![
        Op::Rows(0..9),
        Op::Checkpoint,
        Op::Rows(9..30),
        Op::Rows(30..35),
        Op::Checkpoint,
        Op::Checkpoint,
        Op::Time,
        Op::Rows(35..50),
        Op::Checkpoint,
        Op::Rows(50..60),
    ]
}

fn in_two_buckets(sink: FileSink<u32>) -> FileSink<u32> {
    sink.with_bucket_assigner(|row: &u32, _: &BucketContext, bucket: &mut String| {
        bucket.push_str(if row % 7 < 4 { "a" } else { "" })
    })
}

fn by_time(sink: FileSink<u32>) -> FileSink<u32> {
    in_two_buckets(sink).with_rolling_policy(RollingPolicy::default().with_part_bytes(50))
}

fn with_checkpoints(sink: FileSink<u32>) -> FileSink<u32> {
    in_two_buckets(sink).with_rolling_policy(RollingPolicy::on_checkpoint())
}

/// Lets every single step fail in turn, and checks that the finished files hold every row once.
fn every_step(change: fn(FileSink<u32>) -> FileSink<u32>, parallelism: u32, fault: Fault) {
    for step in 0.. {
        let folder = folder();
        let mut job = job(&folder, ops(), change);
        let result = job.run(parallelism, Faults::at(step, fault));
        let had_checkpoint = job.checkpoint.is_some();
        match result {
            Ok(()) => {
                assert!(step > 40, "only {step} steps");
                return;
            }
            Err(e) if fault == Fault::DiskFull => assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}"),
            Err(_) => {}
        }
        job.run(parallelism, Faults::default()).unwrap();
        assert_eq!(rows(&out(&folder)), (0..60).collect::<Vec<_>>(), "step {step}");
        // What a process leaves behind that dies before its first checkpoint is nobody's.
        if had_checkpoint {
            assert_eq!(hidden(&out(&folder)).len(), 0, "step {step}");
        }
    }
}

#[test]
fn a_crash_before_any_step_loses_and_doubles_nothing() {
    for change in [in_two_buckets, by_time, with_checkpoints] {
        every_step(change, 1, Fault::Crash);
    }
    every_step(by_time, 2, Fault::Crash);
}

#[test]
fn a_crash_in_the_middle_of_a_write_loses_and_doubles_nothing() {
    for change in [in_two_buckets, by_time, with_checkpoints] {
        every_step(change, 1, Fault::CrashInWrite);
    }
}

#[test]
fn a_full_disk_is_a_limit_error_and_loses_and_doubles_nothing() {
    for change in [in_two_buckets, by_time, with_checkpoints] {
        every_step(change, 1, Fault::DiskFull);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn crash_after_crash_at_any_parallelism_loses_and_doubles_nothing(
        crashes in proptest::collection::vec((0..60usize, 1..4u32, prop_oneof![
            Just(Fault::Crash), Just(Fault::CrashInWrite), Just(Fault::DiskFull),
        ]), 0..6),
        parallelism in 1..4u32,
        way in 0..3usize,
    ) {
        let folder = folder();
        let change = [in_two_buckets, by_time, with_checkpoints][way];
        let mut job = job(&folder, ops(), change);
        for (step, parallelism, fault) in crashes {
            // It may also come to its end.
            let _ = job.run(parallelism, Faults::at(step, fault));
        }
        job.run(parallelism, Faults::default()).unwrap();
        prop_assert_eq!(rows(&out(&folder)), (0..60).collect::<Vec<_>>());
    }
}
