//! Entries as bytes, in the form of a file or of a store.

use crate::store::{KEY_HEAD, StateNumber, WriteBatch, store_key};
use flott_core::{Data, Key, KeyGroup, Result, codec};

/// What entries are encoded for.
pub(in crate::keyed) enum Form<K, N, V> {
    /// Files of checkpoints: key, namespace and value follow one another.
    File,
    /// A store.
    Store(StoreForm<K, N, V>),
}

/// How the entries of a state look in a store.
pub(in crate::keyed) struct StoreForm<K, N, V> {
    pub number: StateNumber,
    /// How key and namespace follow the head of the store's key.
    pub names: NamesForm<K, N>,
    /// The time of the last access that counts, if the state has a TTL.
    pub stamp: Option<fn(&V) -> i64>,
}

/// How key and namespace of an entry are encoded for a store.
pub(in crate::keyed) struct NamesForm<K, N> {
    pub encode: fn(&K, &N, &mut Vec<u8>) -> Result<()>,
    pub decode: fn(&[u8]) -> Result<(K, N)>,
}

impl<K: Key, N: Key> NamesForm<K, N> {
    /// The key first, then the namespace.
    pub const KEY_FIRST: NamesForm<K, N> = NamesForm {
        encode: |key, namespace, out| {
            codec::encode(key, out)?;
            codec::encode(namespace, out)
        },
        decode: |mut bytes| Ok((codec::decode(&mut bytes)?, codec::from_bytes(bytes)?)),
    };
}

impl<K: Key, N: Key, V: Data> StoreForm<K, N, V> {
    pub fn key(&self, group: KeyGroup, key: &K, namespace: &N, out: &mut Vec<u8>) -> Result<()> {
        store_key(group, self.number, out);
        (self.names.encode)(key, namespace, out)
    }

    /// Reads what follows the head of a store's key.
    pub fn names(&self, bytes: &[u8]) -> Result<(K, N)> {
        (self.names.decode)(bytes.get(KEY_HEAD..).unwrap_or_default())
    }

    pub fn value(&self, value: &V, out: &mut Vec<u8>) -> Result<()> {
        if let Some(stamp) = self.stamp {
            out.extend_from_slice(&stamp(value).to_le_bytes());
        }
        codec::encode(value, out)
    }

    /// Reads what [`StoreForm::value`] wrote.
    pub fn read(&self, mut bytes: &[u8]) -> Result<V> {
        if self.stamp.is_some() {
            bytes = bytes.get(crate::store::STAMP_HEAD..).ok_or_else(|| {
                flott_core::Error::corrupt("a value in the state's store has no stamp; restore an older checkpoint")
            })?;
        }
        codec::from_bytes(bytes)
    }
}

/// Entries of one group in one form.
#[derive(Default)]
pub(super) struct Encoded {
    pub bytes: Vec<u8>,
    /// In a store's form: where each key and value ends. A value of no bytes at the place [`GONE`] is a removal.
    rows: Vec<Row>,
    pub entries: u32,
}

#[derive(Clone, Copy)]
struct Row {
    start: usize,
    key_end: usize,
    /// `None`: removed.
    end: Option<usize>,
}

impl Encoded {
    /// To be appended to these bytes.
    pub fn after(bytes: Vec<u8>) -> Encoded {
        Encoded { bytes, ..Encoded::default() }
    }

    pub fn put<K: Key, N: Key, V: Data>(
        &mut self,
        form: &Form<K, N, V>,
        group: KeyGroup,
        key: &K,
        namespace: &N,
        value: &V,
    ) -> Result<()> {
        match form {
            Form::File => {
                codec::encode(key, &mut self.bytes)?;
                codec::encode(namespace, &mut self.bytes)?;
                codec::encode(value, &mut self.bytes)?;
            }
            Form::Store(form) => {
                let start = self.bytes.len();
                form.key(group, key, namespace, &mut self.bytes)?;
                let key_end = self.bytes.len();
                form.value(value, &mut self.bytes)?;
                self.rows.push(Row { start, key_end, end: Some(self.bytes.len()) });
            }
        }
        self.entries += 1;
        Ok(())
    }

    /// A removal; in a file those stand before the entries, and are counted by the caller.
    pub fn remove<K: Key, N: Key, V: Data>(
        &mut self,
        form: &Form<K, N, V>,
        group: KeyGroup,
        key: &K,
        namespace: &N,
    ) -> Result<()> {
        match form {
            Form::File => {
                codec::encode(key, &mut self.bytes)?;
                codec::encode(namespace, &mut self.bytes)
            }
            Form::Store(form) => {
                let start = self.bytes.len();
                form.key(group, key, namespace, &mut self.bytes)?;
                self.rows.push(Row { start, key_end: self.bytes.len(), end: None });
                Ok(())
            }
        }
    }

    /// Appends what another holds.
    pub fn append(&mut self, other: &Encoded) {
        let shift = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.entries += other.entries;
        self.rows.extend(other.rows.iter().map(|row| Row {
            start: row.start + shift,
            key_end: row.key_end + shift,
            end: row.end.map(|end| end + shift),
        }));
    }

    /// Bytes, and how many entries and removals they are, in a store's form.
    pub fn size(&self) -> (usize, usize) {
        (self.bytes.len(), self.rows.len())
    }

    /// In a store's form: everything in the order of keys. Of a key that was removed and put the value counts.
    pub fn sort_into(&mut self, batch: &mut WriteBatch) {
        let Encoded { bytes, rows, .. } = self;
        let key = |row: &Row| &bytes[row.start..row.key_end];
        // Puts before removals of the same key; the second one is left out.
        rows.sort_unstable_by(|a, b| key(a).cmp(key(b)).then(a.end.is_none().cmp(&b.end.is_none())));
        rows.dedup_by(|later, first| key(later) == key(first));
        for row in &*rows {
            match row.end {
                Some(end) => batch.put(key(row), &bytes[row.key_end..end]),
                None => batch.delete(key(row)),
            }
        }
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
        self.entries = 0;
    }
}
