use super::*;

const INTERVAL: Duration = Duration::from_secs(10);

fn set_age(folder: &TempDir, path: &str, seconds: u64) {
    let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 - seconds);
    fs::File::options().write(true).open(folder.path().join(path)).unwrap().set_modified(time).unwrap();
}

#[test]
fn new_files_are_found_every_interval() {
    let folder = folder(&[("a", "1\n")]);
    let source = source(&folder, "").monitor_continuously(INTERVAL);
    assert_eq!(source.boundedness(), Boundedness::ContinuousUnbounded);
    let mut job = Job::start(&source, 2).unwrap();
    job.run_rows(1).unwrap();
    assert!(job.is_idle());
    write(&folder, "sub/b", "2\n");
    write(&folder, ".c", "3\n");
    assert_eq!(job.discover().unwrap(), Some(INTERVAL));
    job.run_rows(2).unwrap();
    assert!(job.is_idle());
    assert_eq!(sorted(job.rows()), ["1", "2"]);
}

#[test]
fn the_oldest_file_comes_first_and_then_the_path_decides() {
    let folder = folder(&[("a", "4\n"), ("b", "1\n"), ("c", "2\n"), ("d", "3\n")]);
    for (path, age) in [("a", 1), ("b", 3), ("c", 2), ("d", 2)] {
        set_age(&folder, path, age);
    }
    let mut job = Job::start(&source(&folder, "").monitor_continuously(INTERVAL), 1).unwrap();
    job.run_rows(4).unwrap();
    assert_eq!(job.rows(), ["1", "2", "3", "4"]);
}

#[test]
fn a_path_is_read_once_whatever_happens_to_the_file() {
    let folder = folder(&[("a", "1\n"), ("b", "2\n"), ("c", "3\n")]);
    let mut job = Job::start(&source(&folder, "").monitor_continuously(INTERVAL), 1).unwrap();
    job.run_rows(3).unwrap();
    write(&folder, "a", "1\n11\n");
    set_age(&folder, "b", 0);
    fs::remove_file(folder.path().join("c")).unwrap();
    job.discover().unwrap();
    write(&folder, "c", "33\n");
    job.discover().unwrap();
    assert!(job.is_idle());
}

#[test]
fn a_file_counts_when_there_is_something_in_it() {
    let folder = folder(&[("a", "")]);
    let mut job = Job::start(&source(&folder, "").monitor_continuously(INTERVAL), 1).unwrap();
    assert!(job.is_idle());
    write(&folder, "a", "1\n");
    job.discover().unwrap();
    job.run_rows(1).unwrap();
    assert_eq!(job.rows(), ["1"]);
}

#[test]
fn a_restored_job_knows_what_was_read() {
    let folder = folder(&[("a", &numbers(0..20)), ("b", &numbers(20..40)), ("c", &numbers(40..60))]);
    let source = source(&folder, "").monitor_continuously(INTERVAL);
    for stop in [0, 5, 20, 30, 59] {
        let mut job = Job::start(&source, 1).unwrap();
        job.run_rows(stop).unwrap();
        let mut rows = job.rows();
        let mut job = Job::restore(&source, 3, &job.checkpoint()).unwrap();
        job.run_rows(60 - rows.len()).unwrap();
        assert!(job.is_idle());
        rows.extend(job.rows());
        assert_eq!(sorted(rows), sorted((0..60).map(|n| n.to_string()).collect()));
    }
}

#[test]
fn a_watched_folder_may_be_empty_but_must_be_there_at_first() {
    let folder = folder(&[]);
    let watched = source(&folder, "").monitor_continuously(INTERVAL);
    let mut job = Job::start(&watched, 1).unwrap();
    assert!(job.is_idle());
    let gone = folder.path().to_owned();
    fs::remove_dir(&gone).unwrap();
    let error = job.discover().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("gone for now"), "{error}");
    assert_eq!(super::error(&watched).kind(), ErrorKind::Invalid);
    let pattern = FileSource::new(gone.join("*.txt"), LINES).monitor_continuously(INTERVAL);
    assert!(Job::start(&pattern, 1).unwrap().is_idle());
}
