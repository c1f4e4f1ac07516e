//! Results for the program itself.

use crate::client::JobClient;
use crate::stream::DataStream;
use flott_api::JobStatus;
use flott_connectors::collect::{Collected, collect};
use flott_core::{Data, Error, Result};
use std::time::Duration;

/// How long the iterator waits for the job before it looks for records again.
const LOOK_EVERY: Duration = Duration::from_millis(2);

impl<T: Data> DataStream<T> {
    /// Runs the job and returns the records of this stream. Other sinks of the environment run too.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// assert_eq!(env.from_sequence(1, 3).execute_and_collect("numbers")?, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`execute`](crate::StreamExecutionEnvironment::execute), and when the job is cancelled.
    pub fn execute_and_collect(&self, name: &str) -> Result<Vec<T>> {
        let mut rows = self.execute_and_iterate(name)?;
        rows.shows_progress = true;
        rows.collect()
    }

    /// As [`DataStream::execute_and_collect`], for the first `limit` records: then the job is cancelled.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// let endless = env.datagen(|n| n * n, DataGenOptions::new());
    /// assert_eq!(endless.execute_and_collect_first("squares", 4)?, [0, 1, 4, 9]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`DataStream::execute_and_collect`].
    pub fn execute_and_collect_first(&self, name: &str, limit: usize) -> Result<Vec<T>> {
        self.execute_and_iterate(name)?.take(limit).collect()
    }

    /// Runs the job and returns the records of this stream one by one, as they come. The job waits for a program that
    /// does not take them, and is cancelled when the iterator is dropped.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let env = StreamExecutionEnvironment::get_execution_environment()?;
    /// for square in env.datagen(|n| n * n, DataGenOptions::new()).execute_and_iterate("squares")? {
    ///     if square? > 100 {
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`execute_async`](crate::StreamExecutionEnvironment::execute_async).
    pub fn execute_and_iterate(&self, name: &str) -> Result<ResultIterator<T>> {
        let (sink, collected) = collect();
        self.sink("Collect Stream Sink", sink);
        let client = self.env().execute_async(name)?;
        Ok(ResultIterator { collected, client, shows_progress: false, end: None })
    }
}

/// The records of a job under way, made by [`DataStream::execute_and_iterate`]. Gives an error, once and last, when the
/// job fails or is cancelled by someone else.
///
/// ```
/// use flott::prelude::*;
///
/// # fn main() -> Result<()> {
/// let env = StreamExecutionEnvironment::get_execution_environment()?;
/// let mut results = env.datagen(|n| n, DataGenOptions::new()).execute_and_iterate("numbers")?;
/// assert_eq!(results.next().transpose()?, Some(0));
/// results.client().cancel();
/// # Ok(())
/// # }
/// ```
pub struct ResultIterator<T> {
    collected: Collected<T>,
    client: JobClient,
    /// Whether the program does nothing else meanwhile.
    shows_progress: bool,
    /// How the job has ended, once it has; the error is taken out when it is given.
    end: Option<Result<()>>,
}

impl<T> ResultIterator<T> {
    /// The job.
    pub fn client(&self) -> &JobClient {
        &self.client
    }
}

impl<T> Iterator for ResultIterator<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        loop {
            if let Some(row) = self.collected.try_next() {
                return Some(Ok(row));
            }
            if let Some(end) = &mut self.end {
                return std::mem::replace(end, Ok(())).err().map(Err);
            }
            let end = match self.client.wait_for(LOOK_EVERY) {
                Ok(None) => {
                    if self.shows_progress {
                        self.client.show_progress();
                    }
                    continue;
                }
                Ok(Some(result)) if result.status() == JobStatus::Finished => Ok(()),
                Ok(Some(result)) => {
                    let what = format!("the job is {}; its results are not complete", result.status());
                    Err(Error::unavailable(what))
                }
                Err(error) => Err(error),
            };
            self.end = Some(end);
            self.collected.close();
        }
    }
}

impl<T> Drop for ResultIterator<T> {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.client.cancel();
        }
    }
}
