//! The one public error: what happened, what kind it is by what the reader does next, and where.
//!
//! Crates keep private `thiserror` enums where they need to branch; at a seam everything becomes [`Error`].

use std::error::Error as StdError;
use std::fmt;

/// What the reader of an error does next. The restart strategy looks at the kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ErrorKind {
    /// The job, an option or a statement is wrong: fix it; a restart does not help.
    Invalid,
    /// A record is bad, or user code failed on it.
    Data,
    /// Something outside does not answer now, or has no room: retry.
    Unavailable,
    /// Another leader or a newer attempt has taken over: stop.
    Fenced,
    /// State or a checkpoint cannot be read.
    Corrupt,
    /// Something does not fit a limit of Flott, and would not the next time: raise it or send less.
    Limit,
    /// A bug in Flott.
    Internal,
}

impl ErrorKind {
    /// Whether running the same thing again may succeed.
    pub fn is_retryable(self) -> bool {
        match self {
            ErrorKind::Data | ErrorKind::Unavailable | ErrorKind::Internal => true,
            ErrorKind::Invalid | ErrorKind::Fenced | ErrorKind::Corrupt | ErrorKind::Limit => false,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::Invalid => "invalid",
            ErrorKind::Data => "data",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Fenced => "fenced",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Limit => "limit",
            ErrorKind::Internal => "internal",
        })
    }
}

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with its kind, a message that says what to do, the places it passed, and its source.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    /// Innermost first: "in operator `count`", "subtask 2 of 4".
    context: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`. The message names the thing, the reason and what to do about it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), context: Vec::new(), source: None }))
    }

    /// The job, an option or an argument is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// A record is bad, or user code failed on it.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// Something outside does not answer now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// State or a checkpoint cannot be read.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// A limit was reached.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, message)
    }

    /// Something that cannot happen has happened: a bug in Flott.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a place the error passed on its way out, such as ``operator `count` ``.
    #[must_use]
    pub fn in_context(mut self, context: impl Into<String>) -> Self {
        self.0.context.push(context.into());
        self
    }

    /// What the reader does next.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message without context and source.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The places the error passed, innermost first.
    pub fn context(&self) -> &[String] {
        &self.0.context
    }

    /// Turns a user function's error of any type into a [`ErrorKind::Data`] error; a Flott error stays as it is.
    pub fn from_user(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        match error.into().downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::data(other.to_string()).with_source(other),
        }
    }

    /// An I/O error on `what` (a path, an address), its kind chosen by what helps: a path that leads nowhere is
    /// `Invalid`, everything else `Unavailable`, a full disk too.
    pub fn io(what: impl fmt::Display, error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, advice) = match error.kind() {
            Io::NotFound | Io::NotADirectory | Io::IsADirectory | Io::AlreadyExists | Io::InvalidFilename => {
                (ErrorKind::Invalid, "check the path")
            }
            _ if error.raw_os_error() == Some(LINK_LOOP) => (ErrorKind::Invalid, "check the path"),
            Io::PermissionDenied | Io::ReadOnlyFilesystem => (ErrorKind::Invalid, "give this user access to it"),
            Io::StorageFull | Io::QuotaExceeded => {
                (ErrorKind::Unavailable, "free some space; the job goes on by itself when there is room")
            }
            Io::InvalidData => (ErrorKind::Data, "the content is not what it should be"),
            _ => (ErrorKind::Unavailable, "it is tried again by the restart strategy"),
        };
        Error::new(kind, format!("{what}: {error}; {advice}")).with_source(error)
    }
}

/// The system's number for too many symbolic links, which the standard library has no name for yet.
const LINK_LOOP: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (n, place) in self.0.context.iter().enumerate() {
            write!(f, "{}{place}", if n == 0 { " (in " } else { ", " })?;
        }
        if self.0.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} error: {self}", self.0.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|s| &**s as &(dyn StdError + 'static))
    }
}

/// Adds a place to the error of a result.
pub trait ResultExt<T> {
    /// Adds `place()` to the error's context.
    fn in_context(self, place: impl FnOnce() -> String) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T> {
    fn in_context(self, place: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| e.in_context(place()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_message_then_places() {
        let e = Error::data("no number in `x`").in_context("operator `parse`").in_context("subtask 1 of 2");
        assert_eq!(e.to_string(), "no number in `x` (in operator `parse`, subtask 1 of 2)");
        assert!(e.kind().is_retryable());
    }

    #[test]
    fn a_flott_error_stays_itself_when_user_code_returns_it() {
        let e = Error::from_user(Error::invalid("wrong"));
        assert_eq!(e.kind(), ErrorKind::Invalid);
        assert_eq!(Error::from_user("text").kind(), ErrorKind::Data);
    }
}
