//! For tests: the plainest format there is. Lines, of which those that start with `!` are bad.

use flott_api::format::{Decoded, Decoder, DecodingFormat, Encoder, EncodingFormat, Malformed};
use flott_core::Result;
use std::fmt::Display;
use std::marker::PhantomData;

/// Lines. With a title, the first line of each file is one, and files are not cut.
#[derive(Clone, Copy)]
pub(crate) struct PlainText {
    pub(crate) has_title: bool,
}

pub(crate) const LINES: PlainText = PlainText { has_title: false };

impl DecodingFormat for PlainText {
    type Item = String;

    fn name(&self) -> &'static str {
        "plain text"
    }

    fn is_splittable(&self) -> bool {
        !self.has_title
    }

    fn decoder(&self, memory: &[u8]) -> Result<Box<dyn Decoder<Item = String>>> {
        let title = String::from_utf8_lossy(memory).into_owned();
        Ok(Box::new(PlainDecoder { needs_title: self.has_title && title.is_empty(), title }))
    }
}

struct PlainDecoder {
    needs_title: bool,
    title: String,
}

impl Decoder for PlainDecoder {
    type Item = String;

    fn decode(&mut self, input: &[u8], is_last: bool, records_max: usize, out: &mut Decoded<String>) -> Result<usize> {
        let mut taken = 0;
        for line in input.split_inclusive(|b| *b == b'\n').take(records_max) {
            if !line.ends_with(b"\n") && !is_last {
                break;
            }
            let text = String::from_utf8_lossy(line).trim_end_matches('\n').to_owned();
            if std::mem::take(&mut self.needs_title) {
                self.title = text;
            } else if text.starts_with('!') {
                let error = "a bad line".to_owned();
                let bytes = taken..taken + text.len();
                out.malformed.push(Malformed { at_row: out.rows.len(), bytes, line: out.lines, error });
            } else {
                out.rows.push(format!("{}{text}", self.title));
            }
            taken += line.len();
            out.lines += 1;
        }
        Ok(taken)
    }

    fn find_record(&self, input: &[u8]) -> Option<usize> {
        input.iter().position(|b| *b == b'\n').map(|at| at + 1)
    }

    fn memory(&self) -> Vec<u8> {
        self.title.clone().into_bytes()
    }
}

/// Records as they print, a line each, behind a title.
pub(crate) struct Printed<T> {
    pub(crate) title: &'static str,
    pub(crate) types: PhantomData<fn(T)>,
}

impl<T> Printed<T> {
    pub(crate) fn new(title: &'static str) -> Self {
        Printed { title, types: PhantomData }
    }
}

impl<T: Display + 'static> EncodingFormat for Printed<T> {
    type Item = T;

    fn name(&self) -> &'static str {
        "printed"
    }

    fn encoder(&self, is_new_file: bool) -> Box<dyn Encoder<Item = T>> {
        Box::new(PrintedEncoder { title: if is_new_file { self.title } else { "" }, types: PhantomData::<fn(T)> })
    }
}

struct PrintedEncoder<T> {
    title: &'static str,
    types: PhantomData<fn(T)>,
}

impl<T: Display> Encoder for PrintedEncoder<T> {
    type Item = T;

    fn encode(&mut self, row: &T, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(std::mem::take(&mut self.title).as_bytes());
        out.extend_from_slice(format!("{row}\n").as_bytes());
        Ok(())
    }
}
