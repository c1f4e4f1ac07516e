use super::*;
use crate::cutting::{Cutting, any_cutting, read};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    sensor: u32,
    #[serde(default)]
    note: Option<String>,
}

fn readings(bytes: &[u8], cutting: &Cutting) -> Vec<Result<Reading, (u64, u64, String)>> {
    let records = read(&JsonFormat::<Reading>::new(), bytes, cutting).unwrap();
    records.into_iter().map(|r| r.map_err(|bad| (bad.line, bad.offset, bad.error))).collect()
}

#[test]
fn fields_go_by_name_and_missing_ones_may_have_a_default() {
    let found =
        readings(b"\xEF\xBB\xBF{\"note\":\"a\\nb\",\"sensor\":1}\r\n{\"sensor\":2,\"other\":[1]}", &Cutting::whole());
    let expected = [Reading { sensor: 1, note: Some("a\nb".into()) }, Reading { sensor: 2, note: None }];
    assert_eq!(found, expected.map(Ok));
}

#[test]
fn blank_lines_are_passed_over() {
    let found = readings(b"\n {\"sensor\":1} \n  \t\r\n\n", &Cutting::whole());
    assert_eq!(found, [Ok(Reading { sensor: 1, note: None })]);
}

#[test]
fn malformed_objects_are_bad_records_with_line_byte_column_and_cause() {
    let bytes = b"{\"sensor\":1}\n{\"sensor\":\"x\"}\n{\"sensor\":3\n[]\n{}\n";
    let bad: Vec<_> = readings(bytes, &Cutting::whole()).into_iter().filter_map(Result::err).collect();
    assert_eq!(bad[0], (2, 13, "invalid type: string \"x\", expected u32 at column 13".into()));
    assert_eq!(bad[1], (3, 28, "EOF while parsing an object at column 11".into()));
    assert_eq!((bad[2].0, bad[3].0), (4, 5));
    assert!(bad[3].2.contains("missing field `sensor`"), "{}", bad[3].2);
}

#[test]
fn what_is_written_is_read_again() {
    let rows: Vec<Reading> = (0..3).map(|n| Reading { sensor: n, note: (n > 0).then(|| "x\n\"y".into()) }).collect();
    let mut bytes = Vec::new();
    let mut encoder = JsonFormat::new().encoder(true);
    rows.iter().for_each(|row| encoder.encode(row, &mut bytes).unwrap());
    let found: Vec<Reading> = readings(&bytes, &Cutting::whole()).into_iter().map(Result::unwrap).collect();
    assert_eq!(found, rows);
}

proptest! {
    #[test]
    fn any_cut_gives_the_records_of_the_whole_file(
        parts in proptest::collection::vec(prop_oneof![
            Just("{\"sensor\":1}\n"), Just("{\"sensor\":22,\"note\":\"abcdefghijkl\"}\r\n"), Just("\n"), Just("   \n"), Just("oops\n"),
            Just("{\"sensor\":333}"),
        ], 0..40),
        cutting in any_cutting(),
    ) {
        let bytes = parts.concat().into_bytes();
        prop_assert_eq!(readings(&bytes, &cutting), readings(&bytes, &Cutting::whole()));
    }
}
