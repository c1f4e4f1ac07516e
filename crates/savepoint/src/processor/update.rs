//! State made from the rows that it has: a value that is wrong is put right.

use super::files::StateFiles;
use super::operator::{ALL, operator_name, place, state_position};
use super::rows::{Rows, StateRow};
use super::writer::OperatorWriter;
use crate::manifest::{StateEntry, TableFile};
use crate::{Row, TableSchema};
use flott_core::error::ResultExt;
use flott_core::schema::Schema;
use flott_core::{Data, Error, Result, codec};
use serde::de::DeserializeOwned;

impl OperatorWriter<'_> {
    /// Replaces every value of a state by what `change` makes of key and value, and leaves out those of which it makes
    /// `None`. The new values may be of another type. Of a list, every element is a value.
    ///
    /// Keys, and the times of last accesses, stay as they are. Rows keep their order.
    ///
    /// # Errors
    /// `Invalid` when there is no such state, or `K` and `V` cannot read it; `Corrupt` when a file is missing or damaged;
    /// that of `change`; those of the store.
    pub fn update_values<K: DeserializeOwned, V: DeserializeOwned, W: Data>(
        &mut self,
        state: &str,
        mut change: impl FnMut(&K, V) -> Result<Option<W>>,
    ) -> Result<&mut Self> {
        self.update_rows(state, |row: StateRow<K, (), (), V>| change(&row.key, row.value))
    }

    /// As [`OperatorWriter::update_values`], for the entries of map state: key, key in the map, value.
    ///
    /// # Errors
    /// As [`OperatorWriter::update_values`].
    pub fn update_entries<K: DeserializeOwned, M: DeserializeOwned, V: DeserializeOwned, W: Data>(
        &mut self,
        state: &str,
        mut change: impl FnMut(&K, &M, V) -> Result<Option<W>>,
    ) -> Result<&mut Self> {
        self.update_rows(state, |row: StateRow<K, (), M, V>| change(&row.key, &row.map_key, row.value))
    }

    /// As [`OperatorWriter::update_values`], for state of any kind. What the state does not have is `()`. Where rows have
    /// positions, those behind one that is left out move up.
    ///
    /// # Errors
    /// As [`OperatorWriter::update_values`].
    pub fn update_rows<K, N, M, V, W>(
        &mut self,
        state: &str,
        change: impl FnMut(StateRow<K, N, M, V>) -> Result<Option<W>>,
    ) -> Result<&mut Self>
    where
        K: DeserializeOwned,
        N: DeserializeOwned,
        M: DeserializeOwned,
        V: DeserializeOwned,
        W: Data,
    {
        let at = state_position(self.entry(), state, ALL)?;
        let before = self.entry().states[at].clone();
        let locate = |file: &TableFile| Ok((self.writer.folder_of(&file.path)?, file.clone()));
        let files = before.files.iter().map(locate).collect::<Result<Vec<_>>>()?;
        let world = &self.writer.target.world;
        let rows = Rows::open(world, place(self.entry(), &before), &before.table, files)?;
        let table = TableSchema { value: Schema::of::<W>(), ..before.table };
        if table.kind.is_timers() && table.value != Schema::Unit {
            return Err(Error::invalid(format!("timers have no values; return `()` for those of `{state}` that stay")));
        }
        let operator = operator_name(self.entry());
        let out = StateFiles::ordered(&mut self.writer.target, &operator, &before.name, table.clone());
        let files = changed(rows, out, change)?;
        self.writer.target.discard(&before.files);
        self.entry_mut().states[at] = StateEntry { table, files, ..before };
        Ok(self)
    }
}

/// Writes what `change` makes of the rows.
fn changed<K, N, M, V, W: Data>(
    mut rows: Rows<K, N, M, V>,
    mut out: StateFiles<'_>,
    mut change: impl FnMut(StateRow<K, N, M, V>) -> Result<Option<W>>,
) -> Result<Vec<TableFile>>
where
    K: DeserializeOwned,
    N: DeserializeOwned,
    M: DeserializeOwned,
    V: DeserializeOwned,
{
    let place = rows.place().to_owned();
    let mut value = Vec::new();
    // The position of the next element that stays. Every list begins at 0.
    let mut position = 0;
    while let Some(row) = rows.next().transpose()? {
        let bytes = rows.bytes();
        if bytes.position == 0 {
            position = 0;
        }
        let Some(changed) = change(row).in_context(|| place.clone())? else { continue };
        value.clear();
        codec::encode(&changed, &mut value)?;
        out.push(Row { position, value: &value, ..bytes }).in_context(|| place.clone())?;
        position += u32::from(out.has_positions());
    }
    out.finish().in_context(|| place)
}
