#![expect(clippy::disallowed_types, reason = "a server is what a socket source reads from")]

use super::*;
use crate::harness::Job;
use flott_core::ErrorKind;
use std::io::Write;
use std::net::{TcpListener, TcpStream};

fn server() -> (TcpListener, SocketTextSource) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    (server, SocketTextSource::new("127.0.0.1", port).with_retry_delay(Duration::from_millis(1)))
}

fn send(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    stream.flush().unwrap();
}

/// Lets the job connect, and accepts.
fn connect(job: &mut Job<SocketTextSource>, server: &TcpListener) -> TcpStream {
    job.is_idle();
    server.accept().unwrap().0
}

#[test]
fn lines_come_as_they_are_sent_and_the_stream_ends_with_the_connection() {
    let (server, source) = server();
    let mut job = Job::start(&source, 2).unwrap();
    let mut stream = connect(&mut job, &server);
    send(&mut stream, b"one\r\ntwo\nthr");
    job.run_rows(2).unwrap();
    assert_eq!(job.rows(), ["one", "two"]);
    assert!(job.is_idle());
    send(&mut stream, b"ee\n\nrest");
    drop(stream);
    job.run().unwrap();
    assert_eq!(job.rows(), ["one", "two", "three", "", "rest"]);
}

#[test]
fn the_delimiter_may_be_long_and_come_in_pieces() {
    let (server, source) = server();
    let mut job = Job::start(&source.with_delimiter("<->"), 1).unwrap();
    let mut stream = connect(&mut job, &server);
    for bytes in [&b"a<"[..], b"-", b">b\n<-->c<->"] {
        send(&mut stream, bytes);
        job.is_idle();
    }
    drop(stream);
    job.run().unwrap();
    assert_eq!(job.rows(), ["a", "b\n<-->c"]);
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_counted() {
    let (server, source) = server();
    let mut job = Job::start(&source, 1).unwrap();
    let mut stream = connect(&mut job, &server);
    send(&mut stream, b"a\xff\nb\n");
    drop(stream);
    job.run().unwrap();
    assert_eq!(job.rows(), ["a\u{fffd}", "b"]);
    assert_eq!(job.metric("numRecordsInErrors"), 1);
}

#[test]
fn a_lost_connection_is_made_again() {
    let (server, source) = server();
    let mut job = Job::start(&source.with_max_retry(Some(3)), 1).unwrap();
    let mut stream = connect(&mut job, &server);
    send(&mut stream, b"one\npart");
    drop(stream);
    let mut stream = connect(&mut job, &server);
    send(&mut stream, b"two\n");
    job.run_rows(3).unwrap();
    assert_eq!(job.rows(), ["one", "part", "two"]);
}

#[test]
fn a_server_that_does_not_answer_is_an_error_after_the_retries() {
    let (server, source) = server();
    drop(server);
    let error = Job::start(&source.clone().with_max_retry(Some(2)), 1).unwrap().run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().contains(&format!("no connection to 127.0.0.1:{} after 3 attempts", source.port)),
        "{error}"
    );
}

#[test]
fn a_restored_job_connects_again() {
    let (server, source) = server();
    let mut job = Job::start(&source, 1).unwrap();
    let mut stream = connect(&mut job, &server);
    send(&mut stream, b"one\n");
    job.run_rows(1).unwrap();
    let checkpoint = job.checkpoint();
    drop(job);
    let mut job = Job::restore(&source, 2, &checkpoint).unwrap();
    let mut stream = connect(&mut job, &server);
    send(&mut stream, b"two\n");
    drop(stream);
    job.run().unwrap();
    assert_eq!(job.rows(), ["two"]);
}

#[test]
fn an_empty_delimiter_is_an_error() {
    let (_server, source) = server();
    assert_eq!(Job::start(&source.with_delimiter(""), 1).err().unwrap().kind(), ErrorKind::Invalid);
}
