//! Storage that fails: what is tried again, what is not, and that nothing is lost.

use super::flaky::{Fault, Flaky};
use super::*;
use std::sync::Arc;
use std::time::Duration;

/// Runs a test on a flaky store in simulated time.
fn on_flaky<F: Future<Output = ()>>(seed: u64, test: impl FnOnce(Env, Arc<Flaky>, CheckpointStorage) -> F) {
    Env::run_simulation(seed, |env| {
        let objects = Arc::new(Flaky::default());
        let storage = CheckpointStorage::with_store(&env, objects.clone(), "checkpoints");
        test(env, objects, storage)
    })
    .unwrap();
}

#[test]
fn a_request_is_tried_again_with_longer_and_longer_waits() {
    on_flaky(1, |env, objects, storage| async move {
        let job = storage.job(JOB);
        objects.expect(&[Fault::Refused, Fault::LostAnswer, Fault::Refused]);
        let start = env.elapsed();
        job.write("shared/a", Bytes::from_static(b"content")).await.unwrap();
        let took = env.elapsed() - start;
        assert!((Duration::from_millis(700)..Duration::from_millis(2400)).contains(&took), "{took:?}");
        objects.expect(&[Fault::Refused, Fault::Refused]);
        assert_eq!(job.read("shared/a").await.unwrap(), "content");
    });
}

#[test]
fn after_some_attempts_the_error_counts() {
    on_flaky(1, |_, objects, storage| async move {
        objects.expect(&[Fault::Refused; 10]);
        let error = storage.job(JOB).write("shared/a", Bytes::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("shared/a"), "{error}");
        assert_eq!(*objects.requests.lock().unwrap(), 4);
    });
}

#[test]
fn what_stays_wrong_is_not_tried_again_but_a_disk_may_have_room_soon() {
    let faults =
        [(Fault::Full, ErrorKind::Unavailable, "free some space", 4), (Fault::Denied, ErrorKind::Invalid, "access", 1)];
    for (fault, kind, words, requests) in faults {
        on_flaky(1, |_, objects, storage| async move {
            objects.expect(&[fault; 10]);
            let error = storage.job(JOB).write("shared/a", Bytes::new()).await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(*objects.requests.lock().unwrap(), requests);
        });
    }
}

#[test]
fn a_lost_answer_to_the_completion_is_no_other_jobmanager() {
    on_flaky(1, |_, objects, storage| async move {
        let job = storage.job(JOB);
        objects.expect(&[Fault::LostAnswer]);
        let metadata = metadata("shop", 1, 5, OperatorSnapshot::default());
        job.complete(&metadata).await.unwrap();
        assert_eq!(job.load(CheckpointId(1)).await.unwrap(), metadata);
    });
}

#[test]
fn a_storage_that_does_not_answer_is_not_taken_for_an_empty_one() {
    on_flaky(1, |_, objects, storage| async move {
        let job = storage.job(JOB);
        job.complete(&metadata("shop", 1, 5, OperatorSnapshot::default())).await.unwrap();
        job.complete(&metadata("shop", 2, 6, OperatorSnapshot::default())).await.unwrap();
        for answered in 0..6 {
            let mut faults = vec![Fault::None; answered];
            faults.extend([Fault::Refused; 4]);
            objects.expect(&faults);
            let error = storage.find_latest("shop").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "after {answered} answers: {error}");
        }
        objects.expect(&[]);
        assert_eq!(storage.find_latest("shop").await.unwrap().unwrap().1.checkpoint, CheckpointId(2));
    });
}

#[test]
fn a_checkpoint_whose_upload_failed_is_made_up_for_by_the_next() {
    for seed in 0..30 {
        on_flaky(seed, |env, objects, storage| async move {
            let job = storage.job(JOB);
            let mut counter = Counter::new();
            let mut good = None;
            for id in 1..=20 {
                counter.count(0..100 * (env.random() % 10));
                counter.count(0..3);
                let faults = match env.random() % 3 {
                    0 => vec![Fault::Full],
                    1 => vec![Fault::None, Fault::Full],
                    _ => Vec::new(),
                };
                objects.expect(&faults);
                let files = counter.files(&job);
                if env.random() % 2 == 0
                    && let Some(last) = files.files.last()
                {
                    // Whether it succeeds or not.
                    let _ = job.write_ahead(CheckpointId(id), last).await;
                }
                let written = job.write_snapshot(CheckpointId(id), Some(files), Vec::new(), 100).await;
                if let Ok(snapshot) = written {
                    good = Some((snapshot, [counter.get(0), counter.get(50), counter.get(900)]));
                }
            }
            objects.expect(&[]);
            if let Some((snapshot, counts)) = good {
                let mut restored = Counter::restored(&job, &snapshot).await;
                assert_eq!([restored.get(0), restored.get(50), restored.get(900)], counts, "seed {seed}");
            }
        });
    }
}
