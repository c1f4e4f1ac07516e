//! Tests of keyed functions of two inputs.

use super::*;
use crate::harness::{Harness, Setup, by};
use flott_api::function::Timer;
use flott_state::ValueState;

/// An order waits for its payment, ten time units at most.
#[derive(Clone, Default)]
struct Match {
    order: ValueState<String>,
}

type Order = (u32, String);
type Payment = (u32, u64);

impl KeyedCoProcessFunction for Match {
    type Key = u32;
    type In1 = Order;
    type In2 = Payment;
    type Out = String;

    fn open(&mut self, cx: &mut KeyedOpenContext<'_, u32>) -> Result<()> {
        self.order = ValueState::register(cx.keyed_state(), "order", None)?;
        Ok(())
    }

    fn process1(&mut self, order: Order, cx: &mut KeyedContext<'_, u32>, _: &mut Collector<String>) -> Result<()> {
        self.order.set(cx, order.1)?;
        let time = cx.timestamp().unwrap().saturating_add(10);
        cx.timer_service().register_event_time_timer(time)
    }

    fn process2(
        &mut self,
        payment: Payment,
        cx: &mut KeyedContext<'_, u32>,
        out: &mut Collector<String>,
    ) -> Result<()> {
        let order = self.order.get(cx)?.cloned();
        out.collect(format!("{} paid {} for {order:?}", payment.0, payment.1));
        self.order.clear(cx)
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut KeyedContext<'_, u32>, out: &mut Collector<String>) -> Result<()> {
        let key = *cx.current_key()?;
        if let Some(order) = self.order.get(cx)? {
            out.collect(format!("{key}: {order} not paid at {}", timer.millis()));
            self.order.clear(cx)?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut KeyedContext<'_, u32>, out: &mut Collector<String>) -> Result<()> {
        out.collect("end".to_owned());
        Ok(())
    }
}

#[test]
fn both_inputs_share_state_and_timers() {
    let factory = KeyedCoProcess::new(by(|o: &Order| o.0), by(|p: &Payment| p.0), Match::default());
    let mut h = Harness::with(&factory, Setup { inputs: 2, ..Setup::default() }).unwrap();
    h.process_on(0, vec![((1u32, "tea".to_owned()), 0), ((2, "jam".to_owned()), 5)]).unwrap();
    h.process_on(1, vec![((1u32, 3u64), 7), ((3, 4), 8)]).unwrap();
    h.watermark(15).unwrap();
    let told = h.take_timed::<String>();
    let expected =
        [("1 paid 3 for Some(\"tea\")", Some(7)), ("3 paid 4 for None", Some(8)), ("2: jam not paid at 15", Some(15))];
    assert_eq!(told, expected.map(|(text, time)| (text.to_owned(), time)));
    h.finish().unwrap();
    assert_eq!(h.take::<String>(), ["end"]);
}
