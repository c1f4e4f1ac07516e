//! Tests of window operators.
