//! Asynchronous enrichment: each order is looked up in a service that takes its time, many at once, without holding up
//! the stream. The service is sometimes busy, which calls for another try, and sometimes silent, which must not last.
//!
//! ```sh
//! cargo run --release -p flott --example async_enrichment
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use flott::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const USAGE: &str = "\
Looks up the country of each order's customer in a slow service.

Options:
  --orders N     how many orders there are, 200 when not given";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    number: u32,
    customer: u32,
    cents: u64,
}

/// Stands for a service on the network, which every subtask calls.
#[derive(Clone, Default)]
struct CustomerService {
    calls: Arc<AtomicU32>,
}

impl CustomerService {
    async fn country(&self, customer: u32) -> Result<&'static str> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if customer == 9 {
            // Nobody will ever know.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        if call % 10 == 3 {
            return Err(Error::unavailable("the customer service is busy"));
        }
        Ok(["Denmark", "Estonia", "Finland", "Iceland", "Norway", "Sweden"][customer as usize % 6])
    }
}

/// Asks for the country of an order's customer.
#[derive(Clone)]
struct FindCountry {
    service: CustomerService,
}

impl AsyncFunction for FindCountry {
    type In = Order;
    type Out = (String, u64);

    async fn invoke(&self, order: Order) -> Result<Vec<(String, u64)>> {
        let country = self.service.country(order.customer).await?;
        Ok(vec![(country.to_owned(), order.cents)])
    }

    /// What becomes of an order whose call took too long. Without this method it would be an error and fail the job.
    fn timeout(&self, order: Order) -> Result<Vec<(String, u64)>> {
        Ok(vec![("(unknown)".to_owned(), order.cents)])
    }
}

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;
    env.set_runtime_mode(RuntimeExecutionMode::Batch);
    let orders = args.get_or("orders", 200)?;
    let orders =
        (1..=orders).map(|number| Order { number, customer: number % 17, cents: u64::from(number * 7 % 100) * 100 });

    // A busy service is asked again, up to five times.
    let retry = AsyncRetryStrategy::fixed_delay(5, Duration::from_millis(10)).if_error(|e| e.kind().is_retryable());
    let mut countries = env
        .from_collection(orders)
        .unordered_wait(FindCountry { service: CustomerService::default() }, Duration::from_millis(500))
        .capacity(50)
        .retry(retry)
        .map(|(country, cents)| (country, 1u32, cents))
        .key_by_ref(|(country, _, _)| country)
        .reduce(|so_far: (String, u32, u64), next: (String, u32, u64)| (so_far.0, so_far.1 + next.1, so_far.2 + next.2))
        .execute_and_collect("async enrichment")?;

    countries.sort();
    for (country, orders, cents) in countries {
        println!("{country}: {orders} orders, {}.{:02}", cents / 100, cents % 100);
    }
    Ok(())
}
