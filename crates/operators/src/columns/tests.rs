//! Tests of the columnar operators.
