use super::*;
use crate::harness::sink_context;
use flott_core::{Configuration, ErrorKind};
use flott_env::Env;

fn with_checkpoints() -> Configuration {
    let mut config = Configuration::new();
    config.set(CHECKPOINTING_INTERVAL.key, "1 s");
    config
}

async fn writer(
    sink: &CollectSink<u32>,
    env: &Env,
    config: Configuration,
) -> (CollectWriter<u32>, CollectCommitter<u32>) {
    let cx = sink_context(env, 0, 1, config);
    let committer = sink.create_committer(&cx).unwrap().unwrap();
    (sink.create_writer(&cx, vec![]).await.unwrap(), committer)
}

fn taken(collected: &mut Collected<u32>) -> Vec<u32> {
    std::iter::from_fn(|| collected.try_next()).collect()
}

#[test]
fn without_checkpoints_records_come_at_once() {
    let env = Env::real().unwrap();
    let (sink, mut collected) = collect();
    env.block_on(async {
        let (mut writer, _) = writer(&sink, &env, Configuration::new()).await;
        writer.write(vec![1, 2], None).await.unwrap();
        writer.write(vec![], None).await.unwrap();
        writer.write(vec![3], None).await.unwrap();
        assert_eq!(taken(&mut collected), [1, 2, 3]);
        assert!(writer.prepare_commit().await.unwrap().is_empty());
        writer.write(vec![4], None).await.unwrap();
        collected.close();
        assert_eq!((collected.next().await, collected.next().await), (Some(4), None));
        writer.write(vec![5], None).await.unwrap();
    });
}

#[test]
fn with_checkpoints_records_come_once_whatever_is_committed_again() {
    let env = Env::real().unwrap();
    let (sink, mut collected) = collect();
    env.block_on(async {
        let (mut first, mut committer) = writer(&sink, &env, with_checkpoints()).await;
        first.write(vec![1, 2], None).await.unwrap();
        let one = first.prepare_commit().await.unwrap();
        assert_eq!(taken(&mut collected), [0; 0]);
        committer.commit(one.clone()).await.unwrap();
        assert_eq!(taken(&mut collected), [1, 2]);
        first.write(vec![3], None).await.unwrap();
        let two = first.prepare_commit().await.unwrap();
        first.write(vec![4], None).await.unwrap();
        // Restored from the second checkpoint, of which nothing has been committed: 4 comes again from the source.
        drop(first);
        let (mut second, mut committer) = writer(&sink, &env, with_checkpoints()).await;
        committer.commit([one, two].concat()).await.unwrap();
        second.write(vec![4], None).await.unwrap();
        committer.commit(second.prepare_commit().await.unwrap()).await.unwrap();
        assert_eq!(taken(&mut collected), [3, 4]);
    });
}

#[test]
fn too_many_records_between_checkpoints_are_a_limit_error() {
    let env = Env::real().unwrap();
    let (mut sink, _collected) = collect();
    sink.held_rows_max = 3;
    env.block_on(async {
        let (mut writer, _) = writer(&sink, &env, with_checkpoints()).await;
        writer.write(vec![1, 2, 3], None).await.unwrap();
        assert_eq!(writer.write(vec![4], None).await.unwrap_err().kind(), ErrorKind::Limit);
    });
}

#[test]
fn a_program_that_does_not_take_records_holds_the_job_back() {
    let env = Env::real().unwrap();
    let (sink, mut collected) = collect();
    env.block_on(async {
        let (mut writer, _) = writer(&sink, &env, Configuration::new()).await;
        for n in 0..BATCHES_MAX as u32 {
            writer.write(vec![n], None).await.unwrap();
        }
        let blocked = writer.write(vec![99], None);
        assert!(env.timeout(std::time::Duration::from_millis(20), blocked).await.is_none());
        assert_eq!(collected.next().await, Some(0));
        writer.write(vec![100], None).await.unwrap();
    });
}
