//! A store's errors by what their reader does next, in words that hold no secrets: of an answer that the store gave only
//! its code and message are repeated, because others of its parts can hold session tokens.

use flott_core::{Error, ErrorKind};
use object_store::Error as StoreError;
use std::io;

/// Most of a store's own words that are repeated.
const WORDS_MAX: usize = 300;

/// The error of a request that was to have `done` something to `what`.
pub(super) fn store_error(done: &str, what: &str, error: &StoreError) -> Error {
    let what = format!("{what} cannot be {done}");
    match error {
        StoreError::NotFound { .. } if done == "read" => {
            Error::corrupt(format!("{what}: there is no such file; restore another checkpoint"))
        }
        StoreError::NotFound { .. } => {
            Error::invalid(format!("{what}: {}; create the bucket, or choose another one", words(error)))
        }
        StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } => Error::new(
            ErrorKind::Fenced,
            format!("{what}: another JobManager has written it; stop one of the two that run this job"),
        ),
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            Error::invalid(format!("{what}: {}; give this user access to the checkpoint folder", words(error)))
        }
        StoreError::InvalidPath { .. }
        | StoreError::NotSupported { .. }
        | StoreError::NotImplemented { .. }
        | StoreError::UnknownConfigurationKey { .. } => {
            Error::invalid(format!("{what}: {}; choose another checkpoint folder", words(error)))
        }
        other => match io_source(other) {
            Some(io) => io_error(&what, io),
            None if chain(other).contains("status code: 416") => {
                Error::corrupt(format!("{what}: it is too short; restore another checkpoint"))
            }
            None if is_refusal(other) => Error::invalid(format!(
                "{what}: {}; look at the options of the store, such as its region",
                words(other)
            )),
            None => Error::unavailable(format!("{what}: {}; the next checkpoint tries again", words(other))),
        },
    }
}

/// An error of a local file.
pub(super) fn io_error(what: &str, error: &io::Error) -> Error {
    use io::ErrorKind as Io;
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => Error::unavailable(format!(
            "{what}: {error}; free some space on the disk of the checkpoint folder, and the next checkpoint succeeds"
        )),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            Error::invalid(format!("{what}: {error}; give this user access to the checkpoint folder"))
        }
        Io::NotADirectory | Io::IsADirectory | Io::InvalidFilename => {
            Error::invalid(format!("{what}: {error}; choose another checkpoint folder"))
        }
        _ => Error::unavailable(format!("{what}: {error}; the next checkpoint tries again")),
    }
}

/// Whether the store says that the request itself is wrong. (S3 says so of a body that came too slowly, too.)
fn is_refusal(error: &StoreError) -> bool {
    let text = chain(error);
    text.contains("status code: 400") && !text.contains("RequestTimeout")
}

/// What the store has said.
fn words(error: &StoreError) -> String {
    let text = chain(error);
    let tag = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside)
    };
    let words = match (tag("Code"), tag("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        // Without what may follow in the answer's body.
        _ => text.split('<').next().unwrap_or_default().trim_end_matches([':', ' ', '\n']).to_owned(),
    };
    words.chars().take(WORDS_MAX).collect()
}

/// The error and its causes, as far as one does not repeat the other.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

/// The I/O error of a file somewhere below; one of a connection is none.
fn io_source(error: &StoreError) -> Option<&io::Error> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        source = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: &str, body: &str) -> StoreError {
        StoreError::Generic {
            store: "S3",
            source: format!("Server returned non-2xx status code: {status}: {body}").into(),
        }
    }

    #[test]
    fn an_answers_code_and_message_are_repeated_and_nothing_else_of_it() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>Check your key.</Message>\
                    <CanonicalRequest>x-amz-security-token:hidden</CanonicalRequest></Error>";
        let error = store_error("written", "`s3://b/x`", &answered("403 Forbidden", body)).to_string();
        assert!(error.contains("SignatureDoesNotMatch: Check your key.") && !error.contains("hidden"), "{error}");
        let error = store_error("read", "`s3://b/x`", &answered("503 Slow Down", "<html>hidden</html>")).to_string();
        assert!(error.contains("503 Slow Down") && !error.contains("hidden"), "{error}");
    }

    #[test]
    fn a_request_that_is_wrong_is_not_made_again_but_one_that_was_slow_is() {
        let kind = |body| store_error("read", "x", &answered("400 Bad Request", body)).kind();
        assert_eq!(kind("<Error><Code>AuthorizationHeaderMalformed</Code></Error>"), ErrorKind::Invalid);
        assert_eq!(kind("<Error><Code>RequestTimeout</Code></Error>"), ErrorKind::Unavailable);
        assert_eq!(store_error("read", "x", &answered("500", "")).kind(), ErrorKind::Unavailable);
    }
}
