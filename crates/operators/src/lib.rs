//! flott-operators
