//! flott-taskmanager
