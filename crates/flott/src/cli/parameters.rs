//! A job's own arguments. (Flink: ParameterTool.)

use flott_core::{Error, Result};
use std::collections::BTreeMap;
use std::str::FromStr;

/// A job's own arguments, as `--key value`, `--key=value` or `--flag`.
///
/// ```
/// use flott::ParameterTool;
///
/// let args = ["--input", "readings.csv", "--verbose"].map(String::from);
/// let parameters = ParameterTool::from_args(args).unwrap();
/// assert_eq!(parameters.get("input"), Some("readings.csv"));
/// assert!(parameters.has("verbose"));
/// assert_eq!(parameters.get_or("limit", 10u32).unwrap(), 10);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterTool {
    values: BTreeMap<String, String>,
}

impl ParameterTool {
    /// Reads arguments, without the program's name.
    ///
    /// # Errors
    /// `Invalid` for a value that belongs to no key.
    pub fn from_args(args: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut values = BTreeMap::new();
        let mut args = args.into_iter().peekable();
        while let Some(arg) = args.next() {
            let Some(key) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|k| !k.is_empty()) else {
                return Err(Error::invalid(format!(
                    "`{arg}` belongs to no option; write --name {arg}, and see --help"
                )));
            };
            let (key, value) = match key.split_once('=') {
                Some((key, value)) => (key.to_owned(), value.to_owned()),
                None => {
                    // A negative number is a value, not the next option.
                    let is_value = |next: &String| !next.starts_with('-') || next.parse::<f64>().is_ok();
                    (key.to_owned(), args.next_if(is_value).unwrap_or_default())
                }
            };
            values.insert(key, value);
        }
        Ok(ParameterTool { values })
    }

    /// The text given for `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Whether `key` was given, with or without a value.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The value given for `key`, or `default`.
    ///
    /// # Errors
    /// `Invalid` when what was given is not a `T`.
    pub fn get_or<T: FromStr>(&self, key: &str, default: T) -> Result<T> {
        match self.get(key) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| {
                let kind = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
                Error::invalid(format!("--{key} cannot be `{text}`: a value of type {kind} is needed"))
            }),
        }
    }

    /// The text given for `key`.
    ///
    /// # Errors
    /// `Invalid` when it was not given.
    pub fn get_required(&self, key: &str) -> Result<&str> {
        self.get(key).ok_or_else(|| Error::invalid(format!("--{key} must be given; see --help")))
    }
}
