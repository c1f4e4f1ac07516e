//! Canonical savepoints.
