//! Rows of a table as encoded bytes: what goes into a file of a savepoint and comes out of it.

use crate::store::Rows;

/// A row of a table. What the table has no column for stays empty or 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row<'r> {
    /// The key group; of operator state the subtask.
    pub group: u32,
    /// The key, encoded.
    pub key: &'r [u8],
    /// The namespace, encoded; nothing for the unit.
    pub namespace: &'r [u8],
    /// The key of an entry of a map, encoded.
    pub map_key: &'r [u8],
    /// The place of an element in its list.
    pub position: u32,
    /// When the timer fires, or when the value was last accessed: milliseconds since the epoch.
    pub time: i64,
    /// The value, element or value of an entry, encoded.
    pub value: &'r [u8],
}

/// Rows, one after the other, without an allocation for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    numbers: Vec<(u32, u32, i64)>,
    /// Four for each row: key, namespace, map key, value.
    bytes: Rows,
}

impl Chunk {
    /// No rows.
    pub fn new() -> Chunk {
        Chunk::default()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Bytes of all rows.
    pub fn byte_count(&self) -> usize {
        self.bytes.byte_count()
    }

    /// Appends a row.
    pub fn push(&mut self, row: Row<'_>) {
        self.numbers.push((row.group, row.position, row.time));
        [row.key, row.namespace, row.map_key, row.value].into_iter().for_each(|bytes| self.bytes.push(bytes));
    }

    /// A row.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn get(&self, row: usize) -> Row<'_> {
        let (group, position, time) = self.numbers[row];
        let part = |n| self.bytes.get(row * 4 + n);
        Row { group, position, time, key: part(0), namespace: part(1), map_key: part(2), value: part(3) }
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.bytes.clear();
    }

    /// Appends a row of which `fill` appends each part to a buffer, in the order key, namespace, map key, value.
    ///
    /// # Errors
    /// That of `fill`.
    pub fn push_with<E>(
        &mut self,
        (group, position, time): (u32, u32, i64),
        mut fill: impl FnMut(Part, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        for part in Part::ALL {
            self.bytes.push_with(|out| fill(part, out))?;
        }
        self.numbers.push((group, position, time));
        Ok(())
    }
}

/// The parts of a row that are encoded values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The namespace.
    Namespace,
    /// The key of an entry of a map.
    MapKey,
    /// The value, element or value of an entry.
    Value,
}

impl Part {
    /// In the order in which rows hold them.
    pub const ALL: [Part; 4] = [Part::Key, Part::Namespace, Part::MapKey, Part::Value];
}
