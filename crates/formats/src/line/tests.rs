use super::*;
use crate::cutting::{Cutting, any_cutting, read};
use proptest::prelude::*;

fn lines(bytes: &[u8], cutting: &Cutting) -> Vec<Result<String, (u64, u64, String)>> {
    let records = read(&LineFormat::<String>::new(), bytes, cutting).unwrap();
    records.into_iter().map(|r| r.map_err(|bad| (bad.line, bad.offset, bad.text))).collect()
}

fn good(bytes: &[u8]) -> Vec<String> {
    lines(bytes, &Cutting::whole()).into_iter().map(Result::unwrap).collect()
}

#[test]
fn lines_end_in_lf_or_crlf() {
    assert_eq!(good(b"a\nb\r\nc\r\r\n"), ["a", "b", "c\r"]);
}

#[test]
fn the_last_line_may_have_no_end() {
    assert_eq!(good(b"a\nb"), ["a", "b"]);
    assert_eq!(good(b"a\nb\r"), ["a", "b"]);
    assert_eq!(good(b"a\n"), ["a"]);
}

#[test]
fn empty_lines_are_records_and_an_empty_file_has_none() {
    assert_eq!(good(b"\n\r\n\n"), ["", "", ""]);
    assert_eq!(good(b""), [""; 0]);
}

#[test]
fn invalid_utf8_is_a_bad_record_with_line_and_byte() {
    let records = lines(b"\xc3\xa4\nb\xff\xfe\nc\n", &Cutting::whole());
    assert_eq!(records, [Ok("ä".into()), Err((2, 3, "b\u{fffd}\u{fffd}".into())), Ok("c".into())]);
}

#[test]
fn a_line_that_is_too_long_is_a_limit_error() {
    use flott_api::format::{RangeDecoder, RangePosition, RangeSpec, Step};
    let spec = RangeSpec { path: "big.log".into(), end: 1000, len: 1000, record_bytes_max: 100 };
    let format = LineFormat::<String>::new();
    let mut range = RangeDecoder::new(&format, spec, &RangePosition::start(0)).unwrap();
    let error = loop {
        match range.next(10) {
            Ok(Step::NeedsBytes) => {
                let (_, len) = range.next_read(30).unwrap();
                range.push(vec![b'x'; len], 0);
            }
            Ok(step) => panic!("{step:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), flott_core::ErrorKind::Limit);
    assert!(error.to_string().contains("big.log: the record at byte 0 is longer than 100 bytes"), "{error}");
}

#[test]
fn records_are_written_as_they_print() {
    let mut out = Vec::new();
    let mut encoder = LineFormat::new().encoder(true);
    encoder.encode(&1.5, &mut out).unwrap();
    encoder.encode(&2.0, &mut out).unwrap();
    assert_eq!(out, b"1.5\n2\n");
}

proptest! {
    #[test]
    fn any_cut_gives_the_lines_of_the_whole_file(
        parts in proptest::collection::vec(prop_oneof![
            Just(&b"\n"[..]), Just(&b"\r\n"[..]), Just(&b"\r"[..]), Just(&b"abc"[..]), Just(&b"\xff"[..]), Just("ä€".as_bytes())
        ], 0..120),
        cutting in any_cutting(),
    ) {
        let bytes = parts.concat();
        let mut expected: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
        if expected.last().is_some_and(|last| last.is_empty()) {
            expected.pop();
        }
        let found = lines(&bytes, &cutting);
        prop_assert_eq!(found.len(), expected.len());
        let mut offset = 0;
        for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
            let text = expected.strip_suffix(b"\r").unwrap_or(expected);
            match (found, std::str::from_utf8(text)) {
                (Ok(found), Ok(text)) => prop_assert_eq!(found, text),
                (Err((line, at, _)), Err(_)) => prop_assert_eq!((*line, *at), (n as u64 + 1, offset as u64)),
                (found, expected) => prop_assert!(false, "{:?} where {:?} is expected", found, expected),
            }
            offset += expected.len() + 1;
        }
    }
}
