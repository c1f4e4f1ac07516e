//! Tests of operator state.
