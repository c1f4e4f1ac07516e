//! Many byte strings in one piece of memory.

/// Byte strings, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Rows {
    /// No rows.
    pub fn new() -> Rows {
        Rows::default()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all rows.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// A row.
    ///
    /// # Panics
    /// When there are not so many.
    #[inline]
    pub fn get(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Appends a row.
    #[inline]
    pub fn push(&mut self, row: &[u8]) {
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
    }

    /// Appends a row that `fill` appends to the buffer; none if it fails.
    ///
    /// # Errors
    /// That of `fill`.
    #[inline]
    pub fn push_with<E>(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let start = self.bytes.len();
        let filled = fill(&mut self.bytes);
        match filled {
            Ok(()) => self.ends.push(self.bytes.len()),
            Err(_) => self.bytes.truncate(start),
        }
        filled
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// Puts and deletions, in ascending order of their keys.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    keys: Rows,
    /// Empty where the key is deleted.
    values: Rows,
    deleted: Vec<bool>,
}

impl WriteBatch {
    /// Nothing to write.
    pub fn new() -> WriteBatch {
        WriteBatch::default()
    }

    /// Appends the writing of a value.
    #[inline]
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.keys.push(key);
        self.values.push(value);
        self.deleted.push(false);
    }

    /// Appends a deletion.
    #[inline]
    pub fn delete(&mut self, key: &[u8]) {
        self.keys.push(key);
        self.values.push(&[]);
        self.deleted.push(true);
    }

    /// Keys with their new values, in order; `None` where the key is deleted.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> {
        (0..self.len()).map(|n| (self.keys.get(n), (!self.deleted[n]).then(|| self.values.get(n))))
    }

    /// Number of puts and deletions.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Bytes of keys and values.
    pub fn byte_count(&self) -> usize {
        self.keys.byte_count() + self.values.byte_count()
    }

    /// Removes everything and keeps the memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
        self.deleted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_what_was_pushed() {
        let mut rows = Rows::new();
        rows.push(b"a");
        rows.push(b"");
        let failed = rows.push_with(|out| {
            out.extend_from_slice(b"lost");
            Err(())
        });
        assert!(failed.is_err());
        rows.push(b"bc");
        assert_eq!(rows.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
        assert_eq!(rows.byte_count(), 3);
    }

    #[test]
    fn a_batch_tells_an_empty_value_from_a_deletion() {
        let mut batch = WriteBatch::new();
        batch.put(b"a", b"");
        batch.delete(b"b");
        assert_eq!(batch.iter().collect::<Vec<_>>(), [(&b"a"[..], Some(&b""[..])), (b"b", None)]);
    }
}
