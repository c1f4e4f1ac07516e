//! flott-graph
