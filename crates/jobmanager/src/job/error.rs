//! Copies of errors: an error is told to several who want to know.

use flott_core::Error;

/// The same error for somebody else: kind, message and places; what caused it is in the message.
pub(crate) fn copy_of(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.message());
    error.context().iter().fold(copy, |copy, place| copy.in_context(place.clone()))
}

/// The error and what caused it, one line each.
pub(crate) fn chain_of(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str("\nCaused by: ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_the_same() {
        let error = Error::data("no number").in_context("operator `parse`").with_source("invalid digit");
        let copy = copy_of(&error);
        assert_eq!((copy.kind(), copy.to_string()), (error.kind(), error.to_string()));
        assert_eq!(chain_of(&error), "no number (in operator `parse`)\nCaused by: invalid digit");
    }
}
