//! The same steps on Arrow columns, a batch at a time and without a row in sight: filter, router, running count.

mod count;
mod filter;
mod router;

pub use count::{ColumnsCount, CountKey};
pub use filter::ColumnsFilter;
pub use router::ColumnsRouter;

use flott_core::Error;

/// An error of an Arrow kernel.
fn kernel_failed(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal(format!("{what} failed on Arrow columns: {error}")).with_source(error)
}

#[cfg(test)]
mod tests;
