//! Options: typed descriptions of keys, and the flat map of text that holds what a user set.
//!
//! Keys, defaults and ways of writing values are Flink's, so that a `config.yaml` or `-D key=value` carries over.

mod options;
mod value;
mod without_effect;

pub use options::*;
pub use value::{ByteSize, ConfigValue};

use crate::{Error, Result, nearest};
use std::collections::BTreeMap;
use std::fmt;

/// A typed option: its key, its default and what it is for.
pub struct ConfigOption<T: 'static> {
    /// Flink's key, such as `execution.checkpointing.interval`.
    pub key: &'static str,
    /// The default in the form that a user would write it; empty when there is none.
    pub default: &'static str,
    /// One sentence for the options page.
    pub description: &'static str,
    kind: std::marker::PhantomData<fn() -> T>,
}

impl<T> ConfigOption<T> {
    /// An option with a default, written as a user would.
    pub const fn new(key: &'static str, default: &'static str, description: &'static str) -> Self {
        ConfigOption { key, default, description, kind: std::marker::PhantomData }
    }
}

/// An option without its type, for the options page and for finding misspelt keys.
#[derive(Clone, Copy, Debug)]
pub struct OptionInfo {
    /// The key.
    pub key: &'static str,
    /// The default as a user would write it; empty when there is none.
    pub default: &'static str,
    /// What the value is, such as `Duration`.
    pub kind: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Whether a text is a value of this option.
    pub check: fn(&str) -> Result<(), String>,
}

impl<T: ConfigValue> ConfigOption<T> {
    /// The option without its type.
    pub const fn info(&self) -> OptionInfo {
        OptionInfo {
            key: self.key,
            default: self.default,
            kind: T::KIND,
            description: self.description,
            check: |text| T::parse(text).map(drop),
        }
    }
}

/// Options with a name in their key start with this: `fs.azure.account.key.ACCOUNT.blob.core.windows.net` is the key
/// of a storage account.
pub const AZURE_ACCOUNT_KEY_PREFIX: &str = "fs.azure.account.key.";

/// Whether the value of this option must not be shown: it opens doors.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with(AZURE_ACCOUNT_KEY_PREFIX)
        || ["secret", "password", "access-key", "token"].iter().any(|word| key.contains(word))
}

/// What a user has set: keys to text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    values: BTreeMap<String, String>,
}

/// Without the values of secrets.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(key, value)| (key, if is_secret(key) { "***" } else { value })))
            .finish()
    }
}

impl Configuration {
    /// Nothing set: every option has its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`. A later setting replaces an earlier one.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.values.insert(key.into(), value.into());
        self
    }

    /// Takes over every setting of `other`.
    pub fn merge(&mut self, other: &Configuration) -> &mut Self {
        self.values.extend(other.values.iter().map(|(k, v)| (k.clone(), v.clone())));
        self
    }

    /// The text set for `key`.
    pub fn raw(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Every setting, in order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The value of `option`: what was set, or else its default.
    ///
    /// # Errors
    /// `Invalid` when the text set is not a value of the option's type.
    pub fn get<T: ConfigValue>(&self, option: &ConfigOption<T>) -> Result<T> {
        self.get_optional(option)?
            .ok_or_else(|| Error::invalid(format!("option `{}` must be set: {}", option.key, option.description)))
    }

    /// The value of `option`, or `None` when it is neither set nor has a default.
    ///
    /// # Errors
    /// `Invalid` when the text set is not a value of the option's type.
    pub fn get_optional<T: ConfigValue>(&self, option: &ConfigOption<T>) -> Result<Option<T>> {
        let text = match self.raw(option.key) {
            Some(text) => text,
            None if option.default.is_empty() => return Ok(None),
            None => option.default,
        };
        T::parse(text).map(Some).map_err(|why| wrong_value(option.key, text, &why))
    }

    /// Checks every setting whose key Flott knows and returns the keys it does not know, each with the nearest
    /// known one.
    ///
    /// # Errors
    /// `Invalid` for the first value that is not of its option's type.
    pub fn check(&self) -> Result<Vec<(String, Option<&'static str>)>> {
        let mut unknown = Vec::new();
        for (key, text) in self.iter() {
            match OPTIONS.iter().find(|o| o.key == key) {
                Some(option) => (option.check)(text).map_err(|why| wrong_value(key, text, &why))?,
                None if key.starts_with(AZURE_ACCOUNT_KEY_PREFIX) => {}
                None if without_effect::why(key).is_some() => {}
                None => unknown.push((key.to_owned(), nearest(key, OPTIONS.iter().map(|o| o.key)))),
            }
        }
        Ok(unknown)
    }

    /// The settings that are options of Flink's without effect in Flott, each with the reason.
    pub fn without_effect(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.iter().filter_map(|(key, _)| Some((key, without_effect::why(key)?)))
    }
}

fn wrong_value(key: &str, text: &str, why: &str) -> Error {
    let text = if is_secret(key) { "***" } else { text };
    Error::invalid(format!("option `{key}` cannot be `{text}`: {why}"))
}

#[cfg(test)]
mod tests;
