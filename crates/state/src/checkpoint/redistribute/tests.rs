//! Tests of redistribution.
