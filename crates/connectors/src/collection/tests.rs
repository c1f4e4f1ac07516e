use super::*;
use crate::harness::Job;

#[test]
fn the_order_is_kept() {
    let mut job = Job::start(&CollectionSource::new(0..100), 1).unwrap();
    job.run().unwrap();
    assert_eq!(job.rows(), (0..100).collect::<Vec<_>>());
}

#[test]
fn one_reader_gets_all() {
    let mut job = Job::start(&CollectionSource::new(["a", "b", "c"].map(String::from)), 3).unwrap();
    job.run().unwrap();
    assert_eq!(job.rows(), ["a", "b", "c"]);
    assert_eq!(job.readers().iter().filter(|r| !r.rows.is_empty()).count(), 1);
}

#[test]
fn an_empty_collection_ends_at_once() {
    let mut job = Job::start(&CollectionSource::<u8>::new([]), 1).unwrap();
    job.run().unwrap();
    assert!(job.rows().is_empty());
}

#[test]
fn a_restored_job_goes_on_behind_the_last_element() {
    let source = CollectionSource::new(0..50);
    for stop in [0, 1, 20, 49, 50] {
        let mut job = Job::start(&source, 1).unwrap();
        job.rows_max = 5;
        job.run_rows(stop).unwrap();
        let mut rows = job.rows();
        let mut job = Job::restore(&source, 2, &job.checkpoint()).unwrap();
        job.run().unwrap();
        rows.extend(job.rows());
        assert_eq!(rows, (0..50).collect::<Vec<_>>());
    }
}

#[test]
fn another_collection_is_an_error() {
    let mut job = Job::start(&CollectionSource::new(0..50), 1).unwrap();
    job.run_rows(10).unwrap();
    let error = Job::restore(&CollectionSource::new(0..49), 1, &job.checkpoint()).unwrap().run().unwrap_err();
    assert_eq!(error.kind(), flott_core::ErrorKind::Invalid);
    assert!(error.to_string().contains("has 49 elements and had 50"), "{error}");
}
