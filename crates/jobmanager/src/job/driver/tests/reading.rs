//! A checkpoint that somebody reads.

use super::{World, until};
use flott_core::ErrorKind;

#[test]
fn a_checkpoint_that_is_read_stays_until_it_has_been() {
    let mut world = World::new(6).with(&[("execution.checkpointing.interval", "10 ms")]);
    world.slowest = 2;
    world.run(|_, handle, _| async move {
        until(&handle, |view| view.checkpoints.counts.completed >= 1).await;
        let turn = handle.reading_turn().await;
        let (files, metadata) = handle.latest_checkpoint(&turn).await.unwrap();
        let before = handle.checkpoint_stats().counts.completed;
        until(&handle, |view| view.checkpoints.counts.completed >= before + 2).await;
        files.verify(&metadata).await.unwrap();
        assert_eq!(files.load(metadata.checkpoint).await.unwrap(), metadata);
        drop(turn);
        // Behind those that have waited to delete it.
        let turn = handle.reading_turn().await;
        assert_eq!(files.load(metadata.checkpoint).await.unwrap_err().kind(), ErrorKind::Corrupt);
        let (files, metadata) = handle.latest_checkpoint(&turn).await.unwrap();
        files.verify(&metadata).await.unwrap();
        drop(turn);
        handle.result().await.unwrap();
        let turn = handle.reading_turn().await;
        let error = handle.latest_checkpoint(&turn).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    });
    world.assert_exactly_once();
}
