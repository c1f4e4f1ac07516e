//! Reading entries as the types of today, whatever the types were when they were written.

use crate::canonical::EntrySchema;
use flott_core::schema::{Compatibility, Decoder, side_by_side};
use flott_core::{Data, Error, Key, Result, codec};

/// Reads entries of a state. `None`: they were written by the types that read them.
pub(in crate::keyed) struct Readers<K, N, V>(Option<(Decoder<K>, Decoder<N>, Decoder<V>)>);

impl<K: Key, N: Key, V: Data> Readers<K, N, V> {
    /// For entries that were written by the same types.
    pub fn plain() -> Self {
        Readers(None)
    }

    /// For entries that were written by types of schema `written`, to be read by types of schema `own`.
    ///
    /// # Errors
    /// `Invalid`, with the reasons and both schemas, when that is not possible.
    pub fn new(own: &EntrySchema, written: &EntrySchema) -> Result<Self> {
        if let Compatibility::Incompatible(reasons) = own.key.can_read_key(&written.key) {
            return Err(Error::invalid(format!(
                "keys cannot be read as this type, or would be in other key groups:\n- {}\n{}",
                reasons.join("\n- "),
                side_by_side(("written", &written.key), ("the job's type", &own.key)).trim_end()
            )));
        }
        let readers = (
            Decoder::between(&own.key, &written.key)?,
            Decoder::between(&own.namespace, &written.namespace)?,
            Decoder::between(&own.value, &written.value)?,
        );
        let is_plain = readers.0.is_plain() && readers.1.is_plain() && readers.2.is_plain();
        Ok(Readers((!is_plain).then_some(readers)))
    }

    /// Whether entries are as they would be written today.
    pub fn is_plain(&self) -> bool {
        self.0.is_none()
    }

    /// Takes key and namespace from the front of `bytes`.
    #[inline]
    pub fn names(&self, bytes: &mut &[u8]) -> Result<(K, N)> {
        match &self.0 {
            None => Ok((codec::decode(bytes)?, codec::decode(bytes)?)),
            Some((key, namespace, _)) => Ok((key.decode(bytes)?, namespace.decode(bytes)?)),
        }
    }

    /// Takes a value from the front of `bytes`.
    #[inline]
    pub fn value(&self, bytes: &mut &[u8]) -> Result<V> {
        match &self.0 {
            None => codec::decode(bytes),
            Some((_, _, value)) => value.decode(bytes),
        }
    }
}
