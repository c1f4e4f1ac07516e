//! The rows of a state, decoded: file by file, chunk by chunk.

use super::fetch::fetch;
use super::open::World;
use crate::folder::Folder;
use crate::manifest::TableFile;
use crate::reader::TableReader;
use crate::{Chunk, Row, TableSchema};
use flott_core::Result;
use flott_core::error::ResultExt;
use flott_core::schema::{Decoder, Schema};
use parquet::file::reader::ChunkReader;
use serde::de::DeserializeOwned;

/// A row of a state, decoded. What the state does not have is `()` or 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateRow<K = (), N = (), M = (), V = ()> {
    /// The key group; of operator state the subtask. It comes from the key when a row is written.
    pub group: u32,
    /// The key.
    pub key: K,
    /// The namespace, such as a window.
    pub namespace: N,
    /// The key of an entry of a map.
    pub map_key: M,
    /// The place of an element in its list, from 0.
    pub position: u32,
    /// When the timer fires, or when the value was last accessed if it has a time to live: milliseconds since the epoch.
    pub time: i64,
    /// The value, element or value of an entry.
    pub value: V,
}

/// The rows of a state, in the order of its files. Ends after the first error.
pub struct Rows<K, N, M, V> {
    raw: RawRows,
    key: Decoder<K>,
    namespace: Decoder<N>,
    map_key: Decoder<M>,
    value: Decoder<V>,
    place: String,
}

impl<K: DeserializeOwned, N: DeserializeOwned, M: DeserializeOwned, V: DeserializeOwned> Rows<K, N, M, V> {
    /// The rows of a Parquet file, `std::fs::File` or `bytes::Bytes`, that any program has written with the columns of
    /// `table`. Nothing is known of its checksum, and its key groups may be anything: they come from the keys when the
    /// rows are written by [`crate::OperatorWriter::rows`].
    ///
    /// # Errors
    /// `Corrupt` when the file is no Parquet; `Invalid` when the types cannot read the columns, with both schemas. Rows
    /// are `Corrupt` when a column is missing or of another type.
    pub fn of_file(file: impl ChunkReader + 'static, table: &TableSchema) -> Result<Self> {
        let reader = TableReader::open_as(file, table, None)?;
        let files = std::iter::once(Ok((reader, "given".to_owned())));
        Self::new("the file".to_owned(), table, Box::new(files))
    }

    /// The rows in `files` of a table at `place`.
    pub(super) fn open(
        world: &World,
        place: String,
        table: &TableSchema,
        files: Vec<(Folder, TableFile)>,
    ) -> Result<Self> {
        let (world, schema) = (world.clone(), table.clone());
        let files = files.into_iter().map(move |(folder, file)| {
            let name = folder.name_of(&file.path);
            let content = world.env.block_on(fetch(&world, &folder, &file))?;
            let reader = TableReader::open_as(content, &schema, None).in_context(|| format!("file `{name}`"))?;
            Ok((reader, name))
        });
        Self::new(place, table, Box::new(files))
    }

    fn new(place: String, table: &TableSchema, files: Files) -> Result<Self> {
        Ok(Rows {
            key: decoder("key", &place, &table.key)?,
            namespace: decoder("namespace", &place, &table.namespace)?,
            map_key: decoder("map key", &place, &table.map_key)?,
            value: decoder("value", &place, &table.value)?,
            raw: RawRows { files, reader: None, chunk: Chunk::new(), next: 0 },
            place,
        })
    }

    /// Where the rows are, for errors.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// There is nothing more.
    pub(super) fn end(&mut self) {
        self.raw.end();
    }

    /// The bytes of the row that came last.
    pub(super) fn bytes(&self) -> Row<'_> {
        self.raw.current()
    }

    fn try_next(&mut self) -> Result<Option<StateRow<K, N, M, V>>> {
        if !self.raw.advance()? {
            return Ok(None);
        }
        let row = self.raw.current();
        let row = StateRow {
            group: row.group,
            key: self.key.from_bytes(row.key)?,
            namespace: self.namespace.from_bytes(row.namespace)?,
            map_key: self.map_key.from_bytes(row.map_key)?,
            position: row.position,
            time: row.time,
            value: self.value.from_bytes(row.value)?,
        };
        Ok(Some(row))
    }
}

impl<K: DeserializeOwned, N: DeserializeOwned, M: DeserializeOwned, V: DeserializeOwned> Iterator for Rows<K, N, M, V> {
    type Item = Result<StateRow<K, N, M, V>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.try_next().transpose().map(|row| {
            row.map_err(|error| {
                self.end();
                error.in_context(self.place.clone())
            })
        })
    }
}

fn decoder<T: DeserializeOwned>(part: &str, place: &str, written: &Schema) -> Result<Decoder<T>> {
    Decoder::new(written).in_context(|| format!("the {part} of {place}"))
}

/// Open files with their names, one by one.
type Files = Box<dyn Iterator<Item = Result<(TableReader, String)>> + Send>;

/// Rows as bytes.
struct RawRows {
    files: Files,
    reader: Option<(TableReader, String)>,
    chunk: Chunk,
    /// The number of the row in the chunk that comes next.
    next: usize,
}

impl RawRows {
    /// Goes to the next row, if there is one.
    fn advance(&mut self) -> Result<bool> {
        while self.next >= self.chunk.len() {
            if !self.next_chunk()? {
                return Ok(false);
            }
        }
        self.next += 1;
        Ok(true)
    }

    /// The row that was gone to.
    fn current(&self) -> Row<'_> {
        self.chunk.get(self.next - 1)
    }

    fn next_chunk(&mut self) -> Result<bool> {
        loop {
            if let Some((reader, file)) = &mut self.reader
                && let Some(chunk) = reader.next_chunk().in_context(|| format!("file `{file}`"))?
            {
                (self.chunk, self.next) = (chunk, 0);
                return Ok(true);
            }
            // What is open is closed before the next one is fetched.
            self.reader = None;
            match self.files.next().transpose()? {
                Some(file) => self.reader = Some(file),
                None => {
                    self.end();
                    return Ok(false);
                }
            }
        }
    }

    /// There is nothing more.
    fn end(&mut self) {
        (self.files, self.reader, self.next) = (Box::new(std::iter::empty()), None, 0);
        self.chunk.clear();
    }
}
