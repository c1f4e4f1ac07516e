//! Finding the end of a value by its schema alone.

use super::compare::skip_plan;
use super::plan::Plan;
use crate::schema::Schema;
use crate::schema::wire::Malformed;
use crate::{Error, Result};

/// Goes past values of a schema without making them.
///
/// ```
/// use flott_core::{codec, schema::{Schema, Skipper}};
/// # fn main() -> flott_core::Result<()> {
/// let bytes = codec::to_bytes(&("one", 1u64, "two", 2u64))?;
/// let mut rest = &bytes[..];
/// Skipper::new(&Schema::of::<(String, u64)>())?.skip(&mut rest)?;
/// assert_eq!(codec::decode::<String>(&mut rest)?, "two");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Skipper(Plan);

impl Skipper {
    /// For values of this schema.
    ///
    /// # Errors
    /// `Invalid` when a part of it is opaque, so that nobody knows where it ends.
    pub fn new(schema: &Schema) -> Result<Skipper> {
        skip_plan(schema).map(Skipper).map_err(|reasons| Error::invalid(reasons.join("; ")))
    }

    /// Moves `bytes` past one value.
    ///
    /// # Errors
    /// When they are not a value of the schema.
    #[inline]
    pub fn skip(&self, bytes: &mut &[u8]) -> Result<(), Malformed> {
        self.0.skip(self.0.root, bytes, 0)
    }

    /// Takes one value from the front of `bytes`.
    ///
    /// # Errors
    /// As [`Skipper::skip`].
    #[inline]
    pub fn take<'b>(&self, bytes: &mut &'b [u8]) -> Result<&'b [u8], Malformed> {
        let before = *bytes;
        self.skip(bytes)?;
        Ok(&before[..before.len() - bytes.len()])
    }
}
