//! Fraud detection: someone who has stolen a card tries it with a small payment, and if that works, takes all he can.
//! Keyed state remembers the small payment of each account, and a timer forgets it after a minute.
//!
//! ```sh
//! cargo run --release -p flott --example fraud_detection
//! ```
//!
//! The alarm does not wait for the timer, and what the timer does depends on event time only. So the result is the same
//! however fast the records come.

#![expect(clippy::print_stdout, reason = "an example shows its result")]
#![expect(
    clippy::inconsistent_digit_grouping,
    clippy::zero_prefixed_literal,
    reason = "cents are written behind an underscore, as in 612_50"
)]

use flott::prelude::*;
use flott::state::StateAccess;
use serde::{Deserialize, Serialize};

const USAGE: &str = "\
Finds small payments that are followed by a large one within a minute.

Options:
  --output DIR   write the result to files in this folder instead of showing it
  --rate N       payments that come in a second, a million when not given";

const SMALL_CENTS: u64 = 1_00;
const LARGE_CENTS: u64 = 500_00;
const MINUTE_MS: i64 = 60_000;

/// A payment with a card.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Payment {
    account: u32,
    time: EventTime,
    cents: u64,
}

/// What is remembered of an account: when a small payment was made that nothing has followed yet.
#[derive(Clone, Default)]
struct FraudDetector {
    tried: ValueState<EventTime>,
}

impl KeyedProcessFunction for FraudDetector {
    type Key = u32;
    type In = Payment;
    type Out = String;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u32>) -> Result<()> {
        self.tried = ValueState::register(cx.keyed_state(), "tried", None)?;
        Ok(())
    }

    /// State and timers are those of the payment's account.
    fn process(&mut self, payment: Payment, cx: &mut KeyedContext<'_, u32>, out: &mut Collector<String>) -> Result<()> {
        let Payment { account, time, cents } = payment;
        if let Some(tried) = self.tried.get(cx)?.copied()
            && time < tried.saturating_add(MINUTE_MS)
        {
            // Whatever comes next ends the waiting.
            self.tried.clear(cx)?;
            cx.timer_service().delete_event_time_timer(tried.saturating_add(MINUTE_MS))?;
            if cents > LARGE_CENTS {
                let seconds = (time.0 - tried.0) / 1000;
                out.collect(format!(
                    "{} account {account}: ALARM, {} {seconds} s after a try",
                    clock(time),
                    money(cents)
                ));
            }
        }
        if cents < SMALL_CENTS {
            self.tried.set(cx, time)?;
            cx.timer_service().register_event_time_timer(time.saturating_add(MINUTE_MS))?;
        }
        Ok(())
    }

    /// Nothing has followed within a minute.
    fn on_timer(&mut self, timer: Timer, cx: &mut KeyedContext<'_, u32>, out: &mut Collector<String>) -> Result<()> {
        let (now, tried) = (EventTime(timer.millis()), EventTime(timer.millis() - MINUTE_MS));
        if self.tried.get(cx)? == Some(&tried) {
            self.tried.clear(cx)?;
        }
        out.collect(format!(
            "{} account {}: nothing came after the try of {}",
            clock(now),
            cx.current_key()?,
            clock(tried)
        ));
        Ok(())
    }
}

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;

    // A generator makes the n-th payment.
    let options =
        DataGenOptions::new().with_count(PAYMENTS.len() as u64).with_rate_per_second(args.get_or("rate", 1e6)?);
    let payments = env.datagen(payment, options).set_parallelism(1).uid("payments");

    // They come in the order of their times.
    let times = WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|p: &Payment, _| p.time);
    let alarms = payments
        .assign_timestamps_and_watermarks(times)
        .set_parallelism(1)
        .key_by(|payment| payment.account)
        .process(FraudDetector::default())
        .uid("fraud detector");

    // Accounts are in several subtasks, and between these there is no order: what is shown is sorted.
    match args.get("output") {
        Some(folder) => {
            alarms.write_text(folder);
            env.execute("fraud detection")?;
        }
        None => {
            let mut alarms = alarms.execute_and_collect("fraud detection")?;
            alarms.sort();
            alarms.iter().for_each(|line| println!("{line}"));
        }
    }
    Ok(())
}

fn payment(n: u64) -> Payment {
    let (second, account, cents) = PAYMENTS[n as usize];
    Payment { account, time: EventTime(second * 1000), cents }
}

/// (second, account, cents)
const PAYMENTS: [(i64, u32, u64); 14] = [
    (5, 1, 13_79),
    (10, 2, 25_00),
    (12, 1, 0_09),    // a try ...
    (20, 3, 612_50),  // large, but nothing small came before
    (31, 1, 510_00),  // ... and 19 s later the alarm
    (40, 2, 0_91),    // a try ...
    (43, 2, 30_00),   // ... after which a usual payment comes
    (47, 2, 701_83),  // so this is no alarm
    (60, 3, 0_42),    // a try ...
    (120, 3, 999_99), // ... and a large payment exactly a minute later: too late
    (130, 4, 0_50),   // a try that nothing follows
    (131, 3, 0_10),   // two tries ...
    (132, 3, 0_12),
    (133, 3, 2000_00), // ... and the alarm, once
];

fn clock(time: EventTime) -> String {
    format!("{:02}:{:02}", time.0 / 60_000, time.0 / 1000 % 60)
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
