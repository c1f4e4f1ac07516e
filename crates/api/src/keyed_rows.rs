//! The rows of a keyed input as bytes, and as rows again: what the runtime sorts by key in batch mode without knowing
//! their type.

use crate::KeySelector;
use crate::partitioner::typed;
use flott_core::{Batch, Data, EventTime, Key, KeyHash, Result, codec};
use std::sync::Arc;

/// Takes rows of one input apart and puts them together again, a batch at a time.
pub trait KeyedRows: Send {
    /// Appends the rows of a batch to `out`.
    ///
    /// # Errors
    /// `Internal` when the rows are of another type or cannot be encoded.
    fn encode(&mut self, batch: &Batch, out: &mut EncodedRows) -> Result<()>;

    /// A batch of the first `count` rows in `bytes`, which stand one behind the other. `times` has one per row, or
    /// there are none.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are not such rows.
    fn decode(&mut self, bytes: &[u8], count: usize, times: Option<Vec<EventTime>>) -> Result<Batch>;
}

/// Rows as bytes: of each its key, then the row itself.
#[derive(Default)]
pub struct EncodedRows {
    /// Everything, in order of rows.
    pub bytes: Vec<u8>,
    /// Where each row is.
    pub rows: Vec<EncodedRow>,
}

/// One of [`EncodedRows`]. It starts where the one before ends.
#[derive(Clone, Copy)]
pub struct EncodedRow {
    /// The hash of its key.
    pub hash: KeyHash,
    /// Its event time.
    pub time: Option<EventTime>,
    /// Where its key ends.
    pub key_end: usize,
    /// Where it ends itself.
    pub row_end: usize,
}

impl EncodedRows {
    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
    }

    /// Of each row what is known of it, its key and itself.
    pub fn iter(&self) -> impl Iterator<Item = (&EncodedRow, &[u8], &[u8])> {
        let mut start = 0;
        self.rows.iter().map(move |row| {
            let parts = (row, &self.bytes[start..row.key_end], &self.bytes[row.key_end..row.row_end]);
            start = row.row_end;
            parts
        })
    }
}

/// The rows of type `T` by the keys that a selector finds.
pub struct SelectedRows<T, K> {
    selector: Arc<dyn KeySelector<T, K>>,
    keys: Vec<K>,
}

impl<T, K> SelectedRows<T, K> {
    /// Rows by what `selector` finds.
    pub fn new(selector: Arc<dyn KeySelector<T, K>>) -> Self {
        SelectedRows { selector, keys: Vec::new() }
    }
}

impl<T: Data, K: Key> KeyedRows for SelectedRows<T, K> {
    fn encode(&mut self, batch: &Batch, out: &mut EncodedRows) -> Result<()> {
        let rows = typed::<T>(batch)?;
        self.selector.select(rows, &mut self.keys);
        let times = batch.times();
        for (n, (row, key)) in rows.iter().zip(&self.keys).enumerate() {
            codec::encode(key, &mut out.bytes)?;
            let key_end = out.bytes.len();
            codec::encode(row, &mut out.bytes)?;
            let time = times.map(|times| times[n]);
            out.rows.push(EncodedRow { hash: KeyHash::of(key), time, key_end, row_end: out.bytes.len() });
        }
        Ok(())
    }

    fn decode(&mut self, mut bytes: &[u8], count: usize, times: Option<Vec<EventTime>>) -> Result<Batch> {
        let rows = (0..count).map(|_| codec::decode(&mut bytes)).collect::<Result<Vec<T>>>()?;
        Ok(Batch::timed(rows, times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_selector::Owned;

    #[test]
    fn rows_come_back_with_their_keys_beside_them() {
        let mut rows = SelectedRows::<(u32, String), u32>::new(Arc::new(Owned::new(|row: &(u32, String)| row.0)));
        let given = vec![(7, "seven".to_owned()), (300, String::new())];
        let mut encoded = EncodedRows::default();
        rows.encode(&Batch::timed(given.clone(), Some(vec![EventTime(1), EventTime(2)])), &mut encoded).unwrap();
        let parts: Vec<_> = encoded.iter().collect();
        assert_eq!(parts[1].0.hash, KeyHash::of(&300u32));
        assert_eq!(parts[1].0.time, Some(EventTime(2)));
        assert_eq!(codec::from_bytes::<u32>(parts[1].1).unwrap(), 300);
        let bytes = [parts[0].2, parts[1].2].concat();
        assert_eq!(rows.decode(&bytes, 2, None).unwrap().into_rows::<(u32, String)>().unwrap(), (given, None));
        assert!(rows.decode(&bytes, 3, None).is_err());
    }
}
