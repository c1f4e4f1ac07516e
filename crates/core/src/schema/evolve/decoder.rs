//! Reading values of a type that were written by another version of it.

use super::compare::{Compatibility, compare};
use super::plan::Plan;
use crate::schema::Schema;
use crate::schema::print::side_by_side;
use crate::{Error, Result, codec};
use serde::de::DeserializeOwned;
use std::any::type_name;
use std::marker::PhantomData;

/// Reads values of type `T` that were written with another schema. Made once for each state, used for every value.
///
/// ```
/// use flott_core::{codec, schema::{Decoder, Schema}};
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Old { count: u32, name: String }
///
/// #[derive(serde::Deserialize, PartialEq, Debug)]
/// struct New { #[serde(alias = "name")] title: String, count: u64, #[serde(default)] seen: bool }
///
/// # fn main() -> flott_core::Result<()> {
/// let bytes = codec::to_bytes(&Old { count: 3, name: "three".into() })?;
/// let decoder = Decoder::<New>::new(&Schema::of::<Old>())?;
/// assert_eq!(decoder.from_bytes(&bytes)?, New { title: "three".into(), count: 3, seen: false });
/// # Ok(())
/// # }
/// ```
pub struct Decoder<T> {
    /// `None` if the codec reads it as it is.
    plan: Option<Plan>,
    changes: Vec<String>,
    types: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Decoder<T> {
    /// For values of schema `writer`.
    ///
    /// # Errors
    /// `Invalid` when `T` cannot read them, with the reasons and both schemas side by side.
    pub fn new(writer: &Schema) -> Result<Self> {
        Self::between(&Schema::of::<T>(), writer)
    }

    /// As [`Decoder::new`], for who has the schema of `T` already.
    ///
    /// # Errors
    /// As [`Decoder::new`].
    pub fn between(reader: &Schema, writer: &Schema) -> Result<Self> {
        let (compatibility, plan) = compare("value", reader, writer);
        let (plan, changes) = match compatibility {
            Compatibility::Same => (None, Vec::new()),
            Compatibility::Migrated(changes) => (Some(plan), changes),
            Compatibility::Incompatible(reasons) => return Err(refusal(reader, writer, &reasons)),
        };
        Ok(Decoder { plan, changes, types: PhantomData })
    }

    /// Whether values are as `T` writes them, so that their bytes can be kept.
    pub fn is_plain(&self) -> bool {
        self.plan.is_none()
    }

    /// What has changed, one sentence each.
    pub fn changes(&self) -> &[String] {
        &self.changes
    }

    /// Reads one value from the front of `bytes` and moves `bytes` past it.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are not a value of the writer's schema, when the value has a variant that `T` does not
    /// have any more, or when `T` refuses it for another reason.
    #[inline]
    pub fn decode(&self, bytes: &mut &[u8]) -> Result<T> {
        match &self.plan {
            None => codec::decode(bytes),
            Some(plan) => T::deserialize(plan.reader(bytes)).map_err(|failure| failed::<T>(&failure)),
        }
    }

    /// Reads one value that fills `bytes` exactly.
    ///
    /// # Errors
    /// As [`Decoder::decode`], and when bytes are left over.
    #[inline]
    pub fn from_bytes(&self, mut bytes: &[u8]) -> Result<T> {
        let value = self.decode(&mut bytes)?;
        codec::at_end::<T>(bytes).map(|()| value)
    }
}

/// What is said when a type cannot read what was written: every reason, then both schemas.
fn refusal(reader: &Schema, writer: &Schema, reasons: &[String]) -> Error {
    Error::invalid(format!(
        "what was written cannot be read as this type:\n- {}\n{}",
        reasons.join("\n- "),
        side_by_side(("written", writer), ("the job's type", reader)).trim_end()
    ))
}

#[cold]
fn failed<T>(failure: &super::read::Failure) -> Error {
    Error::corrupt(format!("bytes are not a value of type {}: {failure}", type_name::<T>()))
}

#[cfg(test)]
mod tests;
