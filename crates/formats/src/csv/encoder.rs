//! Records to CSV. The header, if there is one, is made from the names of the first record's fields.

use super::Dialect;
use csv::{Writer, WriterBuilder};
use flott_api::format::Encoder;
use flott_core::{Error, Result};
use serde::Serialize;
use std::cell::RefCell;
use std::io::Write;
use std::marker::PhantomData;
use std::rc::Rc;

pub(super) struct CsvEncoder<T> {
    writer: Writer<Written>,
    /// What the writer has written and nobody has taken.
    written: Written,
    types: PhantomData<fn(&T)>,
}

/// Bytes that the writer and its owner share: a writer does not give back what it has written.
#[derive(Clone, Default)]
struct Written(Rc<RefCell<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<T> CsvEncoder<T> {
    pub(super) fn new(dialect: &Dialect, is_new_file: bool) -> Self {
        let written = Written::default();
        let mut builder = WriterBuilder::new();
        builder
            .has_headers(dialect.has_header && is_new_file)
            .flexible(dialect.is_any_width)
            .delimiter(dialect.delimiter)
            .double_quote(dialect.escape.is_none())
            .comment(dialect.comment);
        match dialect.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quote_style(csv::QuoteStyle::Never),
        };
        if let Some(escape) = dialect.escape {
            builder.escape(escape);
        }
        CsvEncoder { writer: builder.from_writer(written.clone()), written, types: PhantomData }
    }
}

impl<T: Serialize> Encoder for CsvEncoder<T> {
    type Item = T;

    fn encode(&mut self, row: &T, out: &mut Vec<u8>) -> Result<()> {
        let failed = |e| Error::data(format!("a record of type {} has no CSV form: {e}", std::any::type_name::<T>()));
        self.writer.serialize(row).map_err(failed)?;
        self.writer.flush().map_err(|e| failed(e.into()))?;
        out.append(&mut self.written.0.borrow_mut());
        Ok(())
    }
}
