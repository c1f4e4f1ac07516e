//! The external sort against a plain one, with so little memory that nearly everything goes through files.

#![expect(clippy::disallowed_methods, reason = "the tests look whether files are left")]

use super::*;
use crate::exchange::channel::{Sender, gate};
use crate::input::BarrierRule;
use crate::input::tests::channels;
use flott_api::key_selector::Owned;
use flott_api::keyed_rows::SelectedRows;
use flott_core::{Element, EventTime, KeyHash, codec};
use proptest::prelude::*;
use std::sync::Arc;

/// Key, time, input; what comes after is the place in the order of arrival.
type Row = (String, Option<i64>, u8, u32);

fn sorter(memory_bytes: usize, fan: usize, folder: &str) -> Sorter {
    Sorter::new(Limits { memory_bytes, fan }, TempFolder::choose(Some(folder), 0))
}

fn add(sorter: &mut Sorter, row: &Row) {
    let (key, bytes) = (codec::to_bytes(&row.0).unwrap(), codec::to_bytes(row).unwrap());
    let record = record::of_row(KeyHash::of(&row.0), &key, row.1.map(EventTime), usize::from(row.2), &bytes);
    sorter.add(&record).unwrap();
}

/// The rows as they come out, key by key, and whether each is the last before keys end.
fn read(mut sorted: Sorted, rows_max: usize) -> Vec<(Row, bool)> {
    let mut rows: Vec<(Row, bool)> = Vec::new();
    while let Some(chunk) = sorted.next_chunk(rows_max).unwrap() {
        let count: usize = chunk.segments.iter().map(|s| s.count).sum();
        assert!(count > 0 && count <= rows_max);
        for segment in chunk.segments {
            let mut bytes = &segment.bytes[..];
            let times = segment.times.map(|times| times.into_iter().map(Some).collect());
            let times = times.unwrap_or_else(|| vec![None; segment.count]);
            for time in times {
                let row: Row = codec::decode(&mut bytes).unwrap();
                assert_eq!((usize::from(row.2), row.1.map(EventTime)), (segment.input, time));
                rows.push((row, false));
            }
            assert!(bytes.is_empty());
        }
        // Within a chunk keys do not wait for each other.
        let start = rows.len() - count;
        rows[start..].sort_by_key(|(row, _)| (KeyHash::of(&row.0).0, row.0.clone()));
        if let Some(last) = rows.last_mut() {
            last.1 = chunk.ends_keys;
        }
    }
    rows
}

fn expected(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|(key, time, input, _)| (KeyHash::of(key).0, codec::to_bytes(key).unwrap(), *time, *input));
    rows
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = ("[a-e]{0,2}", proptest::option::of(-3..3i64), 0..2u8);
    proptest::collection::vec(row, 0..400).prop_map(|rows| {
        rows.into_iter().zip(0..).map(|((key, time, input), place)| (key, time, input, place)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn files_and_memory_give_the_order_of_a_stable_sort(
        rows in rows(), memory_bytes in 1..4000usize, fan in 2..4usize, rows_max in 1..50usize
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = sorter(memory_bytes, fan, folder.path().to_str().unwrap());
        for row in &rows {
            if sorter.is_full() {
                sorter.spill().unwrap();
            }
            add(&mut sorter, row);
        }
        let sorted = read(sorter.finish().unwrap(), rows_max);
        // Keys end between two of them, and after the last.
        for (n, (row, ends_keys)) in sorted.iter().enumerate() {
            let is_last = sorted.get(n + 1).is_none_or(|next| next.0.0 != row.0);
            prop_assert!(!ends_keys || is_last);
        }
        prop_assert!(sorted.last().is_none_or(|(_, ends_keys)| *ends_keys));
        let sorted: Vec<Row> = sorted.into_iter().map(|(row, _)| row).collect();
        prop_assert_eq!(sorted, expected(rows));
    }
}

#[test]
fn keys_with_rows_of_two_inputs_in_turn_come_in_few_pieces() {
    let mut sorter = sorter(1 << 20, 2, "/");
    for n in 0..300u32 {
        add(&mut sorter, &((n / 3).to_string(), None, (n % 2) as u8, n));
    }
    let chunk = sorter.finish().unwrap().next_chunk(1000).unwrap().unwrap();
    let pieces: Vec<(usize, usize)> = chunk.segments.iter().map(|s| (s.input, s.count)).collect();
    assert!(pieces.len() <= 4, "{pieces:?}");
}

#[test]
fn rows_larger_than_memory_and_buffers_come_through() {
    let folder = tempfile::tempdir().unwrap();
    let mut sorter = sorter(100, 2, folder.path().to_str().unwrap());
    let rows: Vec<Row> = (0..20).map(|n| ("key".repeat(n as usize * 2000), None, 0, n)).collect();
    for row in &rows {
        add(&mut sorter, row);
        sorter.spill().unwrap();
    }
    let sorted: Vec<Row> = read(sorter.finish().unwrap(), 3).into_iter().map(|(row, _)| row).collect();
    assert_eq!(sorted, expected(rows));
}

fn selected(env: &Env, memory: &str, folder: &str) -> (SortedInput, Vec<Sender>) {
    let mut config = Configuration::new();
    config.set(SORTED_INPUTS_MEMORY.key, memory).set(IO_TMP_DIRS.key, folder).set(EXCHANGE_BATCH_ROWS.key, "4");
    let (gate, senders) = gate(2, 100);
    let rows: Box<dyn KeyedRows> = Box::new(SelectedRows::<i64, i64>::new(Arc::new(Owned::new(|n: &i64| n % 3))));
    let input = Input::new(gate, channels(&[1, 1], None), 2, BarrierRule::ALIGNED).broadcast_first();
    (SortedInput::new(input, vec![Some(rows), None], &config, env, 0).unwrap(), senders)
}

/// Everything that comes, in words.
async fn run(sorted: &mut SortedInput) -> Result<Vec<String>> {
    let mut said = Vec::new();
    loop {
        match std::future::poll_fn(|task| sorted.poll_next(task)).await? {
            InputEvent::Unsorted(input, batch) => sorted.add(input, &batch)?,
            InputEvent::Batch(input, batch) => said.push(format!("{input}: {:?}", batch.into_rows::<i64>()?.0)),
            InputEvent::End => return Ok(said),
            event => said.push(format!("{event:?}")),
        }
    }
}

fn send(senders: &[Sender], input: usize, element: Element) {
    senders[input].try_send(element).unwrap();
}

#[test]
fn keys_come_one_after_the_other_and_the_broadcast_input_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let env = Env::real().unwrap();
    let course = |memory: &str| {
        let (mut sorted, senders) = selected(&env, memory, folder.path().to_str().unwrap());
        for rows in [vec![1i64, 2, 3], vec![4, 5, 6, 7], vec![8, 9, 10]] {
            send(&senders, 0, Element::Batch(Batch::of(rows)));
        }
        send(&senders, 0, Element::End);
        send(&senders, 1, Element::Batch(Batch::of(vec![100i64])));
        send(&senders, 1, Element::End);
        let said = env.block_on(run(&mut sorted)).unwrap();
        (said, sorted.taken.spilled_bytes)
    };
    let (said, spilled) = course("1 b");
    assert!(spilled > 0);
    let mut keys = ["0: [3, 6, 9]", "0: [1, 4, 7, 10]", "0: [2, 5, 8]"];
    keys.sort_by_key(|rows| KeyHash::of(&(rows[4..5].parse::<i64>().unwrap() % 3)).0);
    let rows: Vec<&str> = said.iter().map(String::as_str).collect();
    assert_eq!(rows[..2], ["1: [100]", "EndInput(1)"]);
    assert_eq!(rows[rows.len() - 3..], ["EndKeys", "Watermark(Watermark(9223372036854775807))", "EndInput(0)"]);
    assert_eq!(course("1 mb"), (said.clone(), 0));
    let fed: String = said.iter().filter_map(|text| text.strip_prefix("0: ")).collect();
    let wanted: String = keys.iter().map(|text| &text[3..]).collect();
    assert_eq!(fed.replace("][", ", "), wanted.replace("][", ", "));
}

#[test]
fn dropped_in_the_middle_it_leaves_no_files_and_a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let env = Env::real().unwrap();
    let path = folder.path().join("gone");
    let (mut sorted, senders) = selected(&env, "1 b", folder.path().to_str().unwrap());
    send(&senders, 0, Element::Batch(Batch::of(vec![1i64])));
    let early = env.timeout(std::time::Duration::from_millis(50), run(&mut sorted));
    assert!(env.block_on(early).is_none());
    assert!(sorted.taken.spilled_bytes > 0);
    drop(sorted);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);

    let (mut sorted, senders) = selected(&env, "1 b", path.to_str().unwrap());
    send(&senders, 0, Element::Batch(Batch::of(vec![1i64])));
    let error = env.block_on(run(&mut sorted)).unwrap_err();
    assert!(error.to_string().contains("gone") && error.to_string().contains("io.tmp.dirs"), "{error}");
}
