//! Tests of broadcast functions without a key.

use super::*;
use crate::harness::{Harness, Setup};
use flott_api::function::{Opened, OutputTag};
use flott_state::BroadcastState;

/// Lets words through that are on the list; a word with a `-` before it goes off the list.
#[derive(Clone, Default)]
struct Allow {
    words: Opened<BroadcastState<String, u32>>,
}

impl BroadcastProcessFunction for Allow {
    type In = String;
    type Broadcast = String;
    type Out = String;

    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.words = cx.operator_state().broadcast("words")?.into();
        Ok(())
    }

    fn process(&mut self, word: String, cx: &mut ReadOnlyContext<'_>, out: &mut Collector<String>) -> Result<()> {
        if self.words.contains(cx.broadcast_state(), &word) {
            out.collect(word);
        } else {
            cx.output(&OutputTag::new("refused"), word);
        }
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        word: String,
        cx: &mut BroadcastContext<'_>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        match word.strip_prefix('-') {
            Some(word) => drop(self.words.remove(cx.broadcast_state(), &word.to_owned())),
            None => drop(self.words.put(cx.broadcast_state(), word.clone(), 1)),
        }
        out.collect(format!("list: {word}"));
        Ok(())
    }
}

fn words(list: &[&str]) -> Vec<(String, i64)> {
    list.iter().map(|w| ((*w).to_owned(), 3)).collect()
}

#[test]
fn broadcast_records_change_what_the_stream_reads() {
    let mut h = Harness::new(Broadcast::new(Allow::default()));
    h.process_on(0, words(&["a"])).unwrap();
    h.process_on(1, words(&["a", "b"])).unwrap();
    h.process_on(0, words(&["a", "c"])).unwrap();
    h.process_on(1, words(&["-a"])).unwrap();
    h.process_on(0, words(&["a", "b"])).unwrap();
    assert_eq!(h.take_side::<String>("refused").len(), 3);
    assert_eq!(h.take::<String>(), ["list: a", "list: b", "a", "list: -a", "b"]);
}

#[test]
fn every_subtask_has_a_copy_after_rescaling() {
    let factory = Broadcast::new(Allow::default());
    let mut h = Harness::with(&factory, Setup::default()).unwrap();
    h.process_on(1, words(&["a", "b"])).unwrap();
    let snapshot = h.snapshot();
    for subtask in 0..3 {
        let restore = vec![snapshot.clone(), snapshot.clone()];
        let mut h = Harness::with(&factory, Setup { subtask, parallelism: 3, restore, ..Setup::default() }).unwrap();
        h.process_on(0, words(&["a", "b", "c"])).unwrap();
        assert_eq!(h.take::<String>(), ["a", "b"]);
    }
}
