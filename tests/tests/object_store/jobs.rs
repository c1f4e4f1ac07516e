//! Whole jobs with their checkpoints on S3: killed and restored behind a bad connection, exactly once.

use super::kind::{AZURE_KEY, KINDS, Kind};
use super::proxy::{Mishaps, Proxy, SOME};
use super::server::Server;
use crate::process::{Place, Run};
use fastrand::Rng;

/// A job's place, with its checkpoints in a bucket behind a proxy.
struct Remote {
    kind: Kind,
    place: Place,
    bucket: String,
    proxy: Proxy,
}

impl Remote {
    fn new(kind: Kind, bucket: &str, seed: u64, mishaps: Mishaps) -> (std::sync::Arc<Server>, Remote) {
        let server = Server::of(kind);
        server.bucket(bucket);
        let proxy = Proxy::new(server.port, seed, mishaps);
        (server, Remote { kind, place: Place::new(2, 1500, 8000), bucket: bucket.to_owned(), proxy })
    }

    fn start(&self, args: &[&str]) -> Run {
        let mut command = self.place.command(args);
        command.arg(format!("-Dexecution.checkpointing.dir={}", self.kind.location(&self.bucket, "checkpoints")));
        command.args(["-Dexecution.checkpointing.data-inline-threshold=200 b"]);
        command.args(["-Dexecution.checkpointing.tolerable-failed-checkpoints=100"]);
        for (key, value) in self.kind.settings(self.proxy.port) {
            command.arg(format!("-D{key}={value}"));
        }
        self.place.watch(command)
    }
}

#[test]
fn a_job_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    KINDS.into_iter().for_each(kill_again_and_again);
}

fn kill_again_and_again(kind: Kind) {
    let bucket = format!("killed{kind:?}").to_lowercase();
    let (_server, remote) = Remote::new(kind, &bucket, 11, SOME);
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
    assert!(
        !errors.contains("a-hidden-secret") && !errors.contains("a-key") && !errors.contains(AZURE_KEY),
        "{errors}"
    );
    remote.place.check();
    assert!(remote.proxy.mishaps() > 10, "{}", remote.proxy.mishaps());
}

#[test]
fn a_job_that_is_started_twice_runs_on_in_the_later_process() {
    let (_server, remote) = Remote::new(Kind::S3, "twice", 12, Mishaps::default());
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
