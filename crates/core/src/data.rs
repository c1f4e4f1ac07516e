//! What a record and a key must be able to do: two blanket traits, so that one `derive` line is all a user writes.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A record that can flow between operators and be written into a checkpoint.
///
/// Implemented for everything that is `Clone + Serialize + DeserializeOwned + Send + 'static`:
///
/// ```
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Reading { sensor: u32, celsius: f64 }
///
/// fn is_data<T: flott_core::Data>() {}
/// is_data::<Reading>();
/// is_data::<(String, u64)>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a record",
    label = "not a record",
    note = "a record owns its content and derives serde's traits: `#[derive(Clone, serde::Serialize, serde::Deserialize)]`; use `String` in place of `&str`"
)]
pub trait Data: Clone + Serialize + DeserializeOwned + Send + 'static {}

impl<T: Clone + Serialize + DeserializeOwned + Send + 'static> Data for T {}

/// A key: data that can be compared. Its hash comes from its serde form ([`crate::key_hash`]), so two keys that
/// serialise alike must be equal. Floats are not keys, as in Flink.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "not a key",
    note = "a key is a record that can be compared for equality: derive `PartialEq` and `Eq` too; floats are not keys"
)]
pub trait Key: Data + Eq {}

impl<T: Data + Eq> Key for T {}
