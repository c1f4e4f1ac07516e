//! A slot: one thread that runs its subtasks in turns until all have ended.

use flott_api::control::TaskEvent;
use flott_core::Result;
use flott_env::{Env, Slot};
use flott_runtime::TaskSpec;
use std::pin::pin;
use std::task::Poll;
use tokio::sync::oneshot;

/// Starts a slot with its tasks, each with the receiving end of its cancellation.
pub(crate) fn start(env: &Env, name: &str, tasks: Vec<(TaskSpec, oneshot::Receiver<()>)>) -> Result<()> {
    env.start_slot(name, move || async move {
        let (done, mut all_done) = tokio::sync::mpsc::channel::<()>(1);
        for (spec, cancelled) in tasks {
            let done = done.clone();
            Slot::spawn_here(async move {
                run(spec, cancelled).await;
                drop(done);
            });
        }
        drop(done);
        // Closed when the last task has dropped its end.
        let _ = all_done.recv().await;
    })
    .map(drop)
}

/// Runs a task; cancelling drops it wherever it waits.
async fn run(spec: TaskSpec, mut cancelled: oneshot::Receiver<()>) {
    let (id, events) = (spec.id, spec.events.clone());
    let finished = {
        let mut task = pin!(flott_runtime::run(spec));
        std::future::poll_fn(|cx| {
            if Future::poll(std::pin::Pin::new(&mut cancelled), cx).is_ready() {
                return Poll::Ready(false);
            }
            task.as_mut().poll(cx).map(|()| true)
        })
        .await
    };
    if !finished {
        // A job master that is gone needs no report.
        let _ = events.send((id, TaskEvent::Gone)).await;
    }
}
