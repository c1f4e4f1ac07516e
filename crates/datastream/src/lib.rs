//! flott-datastream
