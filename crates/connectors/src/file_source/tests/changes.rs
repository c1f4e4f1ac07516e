use super::*;

/// Reads part of a file, changes it, and goes on after a restore.
fn restored(range_bytes: u64, change: impl FnOnce(&PathBuf)) -> flott_core::Result<Vec<String>> {
    let folder = folder(&[("a", &numbers(0..100))]);
    let source = source(&folder, "").with_range_bytes(range_bytes);
    let mut job = Job::start(&source, 1).unwrap();
    job.run_rows(10).unwrap();
    let mut rows = job.rows();
    let checkpoint = job.checkpoint();
    change(&folder.path().join("a"));
    let mut job = Job::restore(&source, 2, &checkpoint).unwrap();
    job.run()?;
    rows.extend(job.rows());
    Ok(rows)
}

fn error(range_bytes: u64, change: impl FnOnce(&PathBuf)) -> String {
    let error = restored(range_bytes, change).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("has changed since it was found: "), "{error}");
    error.to_string()
}

#[test]
fn a_file_that_is_as_it_was_is_gone_on_with() {
    for range_bytes in [1000, 50] {
        let rows = restored(range_bytes, |_| {}).unwrap();
        assert_eq!(sorted(rows), sorted((0..100).map(|n| n.to_string()).collect()));
    }
}

#[test]
fn a_file_that_is_gone_is_an_error() {
    assert!(error(1000, |path| fs::remove_file(path).unwrap()).contains("it is gone"));
}

#[test]
fn a_file_that_has_become_shorter_is_an_error() {
    let text = error(1000, |path| fs::write(path, numbers(0..50)).unwrap());
    assert!(text.contains("it has 140 bytes and had 290"), "{text}");
}

#[test]
fn a_file_that_was_written_again_is_an_error() {
    let text = error(1000, |path| fs::write(path, numbers(200..400)).unwrap());
    assert!(text.contains("what precedes byte 32, where reading goes on, is not what was read"), "{text}");
}

#[test]
fn a_file_that_was_written_again_is_an_error_for_its_other_parts_too() {
    let text = error(50, |path| {
        let content = fs::read_to_string(path).unwrap();
        fs::write(path, content.replace('9', "8")).unwrap();
        let later = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(5_000_000_000);
        fs::File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
    });
    assert!(text.contains("it has been written again"), "{text}");
}

#[test]
fn what_was_appended_is_not_read() {
    let rows = restored(1000, |path| fs::write(path, numbers(0..150)).unwrap()).unwrap();
    assert_eq!(rows, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_file_that_is_truncated_while_it_is_read_is_an_error() {
    let folder = folder(&[("a", &numbers(0..1000))]);
    let mut job = Job::start(&source(&folder, "").with_chunk_bytes(100), 1).unwrap();
    job.run_rows(100).unwrap();
    fs::write(folder.path().join("a"), "").unwrap();
    let error = job.run().unwrap_err();
    assert!(error.to_string().contains("was truncated while it was read"), "{error}");
}
