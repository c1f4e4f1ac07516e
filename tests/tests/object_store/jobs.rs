//! Whole jobs with their checkpoints on S3: killed and restored behind a bad connection, exactly once.

use super::proxy::{Mishaps, Proxy, SOME};
use super::server::Server;
use super::settings;
use crate::process::{Place, Run};
use fastrand::Rng;

/// A job's place, with its checkpoints in a bucket behind a proxy.
struct Remote {
    place: Place,
    bucket: String,
    proxy: Proxy,
}

impl Remote {
    fn new(bucket: &str, seed: u64, mishaps: Mishaps) -> (std::sync::Arc<Server>, Remote) {
        let server = Server::shared();
        server.bucket(bucket);
        let proxy = Proxy::new(server.port, seed, mishaps);
        (server, Remote { place: Place::new(2, 1500, 8000), bucket: bucket.to_owned(), proxy })
    }

    fn start(&self, args: &[&str]) -> Run {
        let mut command = self.place.command(args);
        command.arg(format!("-Dexecution.checkpointing.dir=s3://{}/checkpoints", self.bucket));
        command.args(["-Dexecution.checkpointing.data-inline-threshold=200 b"]);
        command.args(["-Dexecution.checkpointing.tolerable-failed-checkpoints=100"]);
        for (key, value) in settings(self.proxy.port) {
            command.arg(format!("-D{key}={value}"));
        }
        self.place.watch(command)
    }
}

#[test]
fn a_job_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let (_server, remote) = Remote::new("killed", 11, SOME);
    let mut random = Rng::with_seed(5);
    for kill in 0..6 {
        let parallelism = ["1", "2", "3"][random.usize(..3)];
        let mut run = remote.start(&["--rate", "4000", "-p", parallelism, "--checkpoint-interval", "100 ms"]);
        let lines = random.usize(5..25);
        let has_ended = (0..lines).any(|_| run.progress().is_none_or(|line| line == "done"));
        assert!(!has_ended, "the job ended after {kill} kills: {:?}", run.end());
        run.kill();
    }
    let (status, said, errors) = remote.start(&["--checkpoint-interval", "100 ms"]).end();
    assert!(status.success() && said.last().is_some_and(|line| line == "done"), "{errors}");
    assert!(!errors.contains("a-hidden-secret") && !errors.contains("a-key"), "{errors}");
    remote.place.check();
    assert!(remote.proxy.mishaps() > 10, "{}", remote.proxy.mishaps());
}

#[test]
fn a_job_that_is_started_twice_runs_on_in_the_later_process() {
    let (_server, remote) = Remote::new("twice", 12, Mishaps::default());
    let args = ["--rate", "1200", "-p", "2", "--checkpoint-interval", "100 ms"];
    let mut older = remote.start(&args);
    // Long enough for some checkpoints: a line is 100 records of a subtask, and only what is generated takes time.
    assert!((0..65).all(|_| older.progress().is_some_and(|line| line != "done")));
    let newer = remote.start(&["--checkpoint-interval", "100 ms"]);
    let (status, said, errors) = newer.end();
    assert!(status.success() && said.last().is_some_and(|line| line == "done"), "{errors}");
    let (status, _, errors) = older.end();
    assert!(!status.success() && errors.contains("another JobManager has taken over"), "{errors}");
    remote.place.check();
}
