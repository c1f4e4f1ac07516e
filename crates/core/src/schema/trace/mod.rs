//! [`Schema::of`]: the schema of a type, found by letting its `Deserialize` ask for what it wants.
//!
//! `T::deserialize` is run several times against a deserializer without input ([`tracer`]), which gives out sample
//! values and notes what was asked for. A run makes at most one value of each enum's variants and answers at most one
//! question about a struct's fields; the next one goes on from there ([`registry`]), until nothing new comes.
//!
//! A type of the user is what this runs, so everything has a limit, and what cannot be found out is
//! [`Schema::Opaque`].

mod fields;
mod form;
mod registry;
mod samples;
mod tracer;
mod variants;

#[cfg(test)]
mod tests;

use super::types::Schema;
use form::{Finish, Form};
use registry::Registry;
use serde::de::DeserializeOwned;
use std::any::type_name;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Runs of one trace.
const RUNS_MAX: usize = 4_000;
/// Runs in a row that show nothing new although something is open.
const IDLE_RUNS_MAX: usize = 16;

impl Schema {
    /// The schema of `T`.
    ///
    /// It takes a few microseconds for each field and variant, so it is made once and kept. It is that of
    /// `Deserialize`: where `Serialize` calls a field otherwise (`rename(serialize = ...)`), the name that
    /// `Deserialize` looks for counts. Types that check their input are tried with a number of usual values; one that
    /// takes none of them is known by what it asked for. Types that only self-describing formats can read
    /// (`untagged`, `flatten`) are [`Schema::Opaque`].
    ///
    /// ```
    /// use flott_core::schema::Schema;
    /// #[derive(serde::Deserialize)]
    /// struct Reading { sensor: u32, #[serde(default)] celsius: f64 }
    ///
    /// assert_eq!(Schema::of::<Vec<u8>>(), Schema::Seq(Box::new(Schema::U8)));
    /// assert_eq!(
    ///     Schema::of::<Reading>().to_string(),
    ///     "struct Reading {\n    sensor: u32,\n    celsius: f64 = default,\n}"
    /// );
    /// ```
    pub fn of<T: DeserializeOwned>() -> Schema {
        let registry = RefCell::new(Registry::default());
        let mut root = Form::Unknown;
        let mut idle = 0;
        for _ in 0..RUNS_MAX {
            registry.borrow_mut().start_run();
            let mut seen = Form::Unknown;
            // The value, or why there is none, does not matter: what was learnt stands in the registry.
            let _ = tracer::in_frame(&registry, type_name::<T>(), &mut seen, |tracer| T::deserialize(tracer).map(drop));
            root.merge(seen);
            let registry = registry.borrow();
            let is_pending = registry.is_pending(&root, &mut BTreeSet::new());
            idle = if registry.changed { 0 } else { idle + 1 };
            if registry.is_spent() || idle > 0 && !is_pending || idle > IDLE_RUNS_MAX {
                break;
            }
        }
        let registry = registry.into_inner();
        Finish::new(&registry)
            .schema(&root, type_name::<T>())
            .unwrap_or_else(|_| Schema::Opaque(type_name::<T>().to_owned()))
    }
}
