//! What rows in states are: their columns, which no type tells.

use super::binary_row::BINARY_ROW;
use crate::canonical::EntrySchema;
use flott_core::schema::{Column, Schema};
use flott_core::{Data, Key};
use std::collections::BTreeMap;

/// The columns of all rows of an operator's state, as far as they have been said.
#[derive(Default)]
pub(in crate::keyed) struct Columns {
    pub key: Vec<Column>,
    /// Of map keys and values, by the state's name.
    states: BTreeMap<String, (Vec<Column>, Vec<Column>)>,
}

impl Columns {
    /// Says what the rows of a state are, before it is registered.
    pub fn set(&mut self, state: &str, map_key: Vec<Column>, value: Vec<Column>) {
        self.states.insert(state.to_owned(), (map_key, value));
    }

    /// The schemas of a table's entries.
    pub fn entry_schema<K: Key, N: Key, V: Data>(&self, state: &str) -> EntrySchema {
        let mut entry = EntrySchema { key: Schema::of::<K>(), namespace: Schema::of::<N>(), value: Schema::of::<V>() };
        say(&mut entry.key, &self.key);
        if let Some((map_key, value)) = self.states.get(state) {
            say(&mut entry.namespace, map_key);
            say(&mut entry.value, value);
        }
        entry
    }
}

/// Puts the columns where rows are: alone, or in a value with a stamp.
fn say(schema: &mut Schema, columns: &[Column]) {
    match schema {
        Schema::Newtype { name, .. } if name == BINARY_ROW && !columns.is_empty() => {
            *schema = Schema::row(columns.to_vec());
        }
        Schema::Struct { fields, .. } => fields.iter_mut().for_each(|field| say(&mut field.schema, columns)),
        _ => {}
    }
}
