//! flott-api
