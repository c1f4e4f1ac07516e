//! flott-jobmanager
