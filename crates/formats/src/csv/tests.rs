use super::*;
use crate::cutting::{Cutting, any_cutting, read};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    sensor: u32,
    note: String,
    celsius: Option<f64>,
}

type Found<T> = Vec<Result<T, (u64, u64, String)>>;

fn found<T: Data>(format: &CsvFormat<T>, bytes: &[u8], cutting: &Cutting) -> Found<T> {
    let records = read(format, bytes, cutting).unwrap();
    records.into_iter().map(|r| r.map_err(|bad| (bad.line, bad.offset, bad.error))).collect()
}

fn whole<T: Data>(format: &CsvFormat<T>, bytes: &[u8]) -> Found<T> {
    found(format, bytes, &Cutting::whole())
}

fn reading(sensor: u32, note: &str, celsius: Option<f64>) -> Reading {
    Reading { sensor, note: note.into(), celsius }
}

#[test]
fn without_a_header_fields_go_by_position() {
    let format = CsvFormat::<(u32, String)>::new();
    assert_eq!(whole(&format, b"1,a\r\n2,b"), [Ok((1, "a".into())), Ok((2, "b".into()))]);
}

#[test]
fn with_a_header_fields_go_by_name() {
    let format = CsvFormat::<Reading>::new().with_header();
    let bytes = b"\xEF\xBB\xBFcelsius,extra,sensor,note\n1.5,x,7,\"a,\"\"b\"\"\"\n,y,8,\n";
    assert_eq!(whole(&format, bytes), [Ok(reading(7, "a,\"b\"", Some(1.5))), Ok(reading(8, "", None))]);
}

#[test]
fn quoted_fields_may_hold_line_ends() {
    let format = CsvFormat::<(String, u32)>::new();
    assert_eq!(whole(&format, b"\"a\n\r\nb\",1\n\"\n\",2\n"), [Ok(("a\n\r\nb".into(), 1)), Ok(("\n".into(), 2))]);
}

#[test]
fn delimiter_quote_escape_and_comment_can_be_chosen() {
    let format =
        CsvFormat::<(String, u32)>::new().with_delimiter(b'|').with_quote(b'\'').with_escape(b'\\').with_comment(b'#');
    assert_eq!(whole(&format, b"# c\n'a\\'|b'|1\n#d|e\n\n\"|2\n"), [Ok(("a'|b".into(), 1)), Ok(("\"".into(), 2))]);
    let format = CsvFormat::<(String, u32)>::new().without_quotes();
    assert_eq!(whole(&format, b"\"a,1\n"), [Ok(("\"a".into(), 1))]);
}

#[test]
fn malformed_records_name_field_line_and_byte() {
    let format = CsvFormat::<Reading>::new().with_header();
    let bytes = b"sensor,note,celsius\n1,\"a\nb\",\n\nx,c,2\n3,d\n4,e,5,6\n5,\xff,1\n6,f,1\n";
    let found = whole(&format, bytes);
    assert_eq!(found[0], Ok(reading(1, "a\nb", None)));
    assert_eq!(found[1], Err((5, 30, "field 1 (`sensor`): invalid digit found in string".into())));
    assert_eq!(found[2], Err((6, 36, "2 fields where the first record has 3".into())));
    assert_eq!(found[3], Err((7, 40, "4 fields where the first record has 3".into())));
    assert_eq!((found[4].as_ref().unwrap_err().0, found[4].as_ref().unwrap_err().1), (8, 48));
    assert!(
        found[4].as_ref().unwrap_err().2.contains("UTF-8") || found[4].as_ref().unwrap_err().2.contains("utf-8"),
        "{found:?}"
    );
    assert_eq!(found[5], Ok(reading(6, "f", Some(1.0))));
}

#[test]
fn a_quote_that_is_never_closed_is_a_bad_record() {
    let format = CsvFormat::<(String, u32)>::new().with_any_width();
    let found = whole(&format, b"a,1\n\"b,2\nc,3\n");
    assert_eq!(found[0], Ok(("a".into(), 1)));
    assert_eq!(found[1], Err((2, 4, "a quote is opened and not closed before the end of the file".into())));
    // A quote inside an unquoted field is a character, and a closed field may end in a line end.
    let format = CsvFormat::<(u32, String)>::new();
    assert_eq!(whole(&format, b"1,5\" pipe"), [Ok((1, "5\" pipe".into()))]);
    assert_eq!(whole(&format, b"1,\"a\n\""), [Ok((1, "a\n".into()))]);
}

#[test]
fn widths_may_differ_if_allowed() {
    let format = CsvFormat::<Vec<u32>>::new().with_any_width();
    assert_eq!(whole(&format, b"1\n2,3\n"), [Ok(vec![1]), Ok(vec![2, 3])]);
}

#[test]
fn what_is_written_is_read_again() {
    let rows = [reading(1, "a,\"b\"\nc", Some(0.1)), reading(2, "#", None), reading(3, "", Some(-1e300))];
    for format in [CsvFormat::new(), CsvFormat::new().with_header().with_delimiter(b'\t').with_comment(b'#')] {
        let mut bytes = Vec::new();
        let mut encoder = format.encoder(true);
        rows.iter().for_each(|row| encoder.encode(row, &mut bytes).unwrap());
        assert_eq!(whole(&format, &bytes), rows.clone().map(Ok));
    }
}

#[test]
fn a_file_that_is_gone_on_with_gets_no_second_header() {
    let format = CsvFormat::<Reading>::new().with_header();
    let mut bytes = Vec::new();
    format.encoder(true).encode(&reading(1, "a", None), &mut bytes).unwrap();
    format.encoder(false).encode(&reading(2, "b", None), &mut bytes).unwrap();
    assert_eq!(bytes, b"sensor,note,celsius\n1,a,\n2,b,\n");
}

proptest! {
    #[test]
    fn any_chunks_give_the_records_of_the_whole_file(
        parts in proptest::collection::vec(prop_oneof![
            Just("1,a,2\n"), Just("2,\"b\nb\r\n\",\r\n"), Just("3,\"\"\"q\"\"\",1\n"), Just("\n"), Just("x,y,z\n"), Just("4,d\n"),
            Just("5,\"e"), Just("\r"), Just("6,f,"),
        ], 0..40),
        has_header: bool,
        mut cutting in any_cutting(),
    ) {
        cutting.borders.clear();
        let format = CsvFormat::<Reading>::new();
        let (format, head) = if has_header { (format.with_header(), "sensor,note,celsius\r\n") } else { (format, "") };
        let bytes = format!("{head}{}", parts.concat()).into_bytes();
        prop_assert_eq!(found(&format, &bytes, &cutting), whole(&format, &bytes));
    }
}
