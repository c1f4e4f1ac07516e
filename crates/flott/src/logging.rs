//! Structured logs on standard error.

use flott_core::config::LOG_LEVEL;
use flott_core::{Configuration, Error, Result};
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;

/// Starts logging at the level that `config` asks for. Does nothing if the program has its own subscriber already.
///
/// # Errors
/// `Invalid` for a level that there is not.
pub(crate) fn start(config: &Configuration) -> Result<()> {
    let text = config.get(&LOG_LEVEL)?;
    let level: LevelFilter = text.parse().map_err(|_| {
        Error::invalid(format!(
            "option `{}` cannot be `{text}`: write ERROR, WARN, INFO, DEBUG or TRACE",
            LOG_LEVEL.key
        ))
    })?;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(crate::progress::log_writer)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .finish();
    // The program's own subscriber, or that of an earlier job of this process, stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}
