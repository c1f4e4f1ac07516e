//! Lists, put together from the rows of their elements.

use super::rows::{Rows, StateRow};
use flott_core::{Error, Result};
use serde::de::DeserializeOwned;

/// The lists of a state. The elements of a list stand one after the other, from position 0.
pub(super) struct Lists<K, N, V> {
    rows: Rows<K, N, (), V>,
    /// The first element of the list that comes next.
    first: Option<StateRow<K, N, (), V>>,
}

impl<K, N, V> Lists<K, N, V> {
    pub fn new(rows: Rows<K, N, (), V>) -> Self {
        Lists { rows, first: None }
    }
}

impl<K, N, V> Lists<K, N, V>
where
    K: DeserializeOwned + PartialEq,
    N: DeserializeOwned + PartialEq,
    V: DeserializeOwned,
{
    fn next_list(&mut self) -> Result<Option<(K, N, Vec<V>)>> {
        let first = match self.first.take() {
            Some(first) => first,
            None => match self.rows.next().transpose()? {
                Some(first) => first,
                None => return Ok(None),
            },
        };
        let StateRow { key, namespace, position, value, .. } = first;
        if position != 0 {
            return Err(self.out_of_order());
        }
        let mut values = vec![value];
        while let Some(row) = self.rows.next().transpose()? {
            if row.position == 0 {
                self.first = Some(row);
                break;
            }
            if row.position as usize != values.len() || row.key != key || row.namespace != namespace {
                return Err(self.out_of_order());
            }
            values.push(row.value);
        }
        Ok(Some((key, namespace, values)))
    }

    fn out_of_order(&self) -> Error {
        Error::corrupt(
            "the elements of a list do not stand one after the other from position 0; write the rows of a key in the order of \
             `position`, or read them one by one with `rows`",
        )
        .in_context(self.rows.place())
    }
}

impl<K, N, V> Iterator for Lists<K, N, V>
where
    K: DeserializeOwned + PartialEq,
    N: DeserializeOwned + PartialEq,
    V: DeserializeOwned,
{
    type Item = Result<(K, N, Vec<V>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_list();
        if next.is_err() {
            self.rows.end();
        }
        next.transpose()
    }
}
