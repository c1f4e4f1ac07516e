use super::*;
use proptest::prelude::*;

const MB: u64 = 1 << 20;

fn taker(used: u64, is_pressed: bool) -> Taker {
    Taker { used, least: MB, most: u64::MAX, weight: 1, is_pressed }
}

fn any_taker() -> impl Strategy<Value = Taker> {
    (0..2000 * MB, 0..8 * MB, prop_oneof![Just(u64::MAX), 8 * MB..3000 * MB], 0..9u64, any::<bool>())
        .prop_map(|(used, least, most, weight, is_pressed)| Taker { used, least, most, weight, is_pressed })
}

proptest! {
    #[test]
    fn limits_never_exceed_what_the_rest_leaves(
        budget in 64 * MB..16_000 * MB,
        resident in 0..20_000 * MB,
        takers in prop::collection::vec(any_taker(), 0..20),
    ) {
        let decision = Seen { budget, resident, halvings: 0, takers: &takers, heaps: &[] }.decide();
        let used: u64 = takers.iter().map(|t| t.used).sum();
        // What the takers think they have may be more than the process has: then nothing is known of the rest.
        let rest = resident as i64 - used as i64;
        let left = (budget as i64 - rest).max(0) as u64;
        let least: u64 = takers.iter().map(|t| t.least).sum();
        let limits: u64 = decision.limits.iter().sum();
        // Below its least nobody is put, whatever is left.
        prop_assert!(limits <= left + least, "{limits} of {left}");
        for (limit, taker) in decision.limits.iter().zip(&takers) {
            prop_assert!(*limit >= taker.least);
            prop_assert!(*limit <= taker.most.max(taker.used).max(taker.least));
        }
    }

    #[test]
    fn the_process_comes_to_rest_below_its_budget(
        budget in 128 * MB..8_000 * MB,
        percent in 5..60u64,
        overhead in 0..90u64,
        mut takers in prop::collection::vec(any_taker(), 1..12),
    ) {
        // What takers have costs the process more than they think, and the rest is there for good.
        let rest = budget / 100 * percent;
        for taker in &mut takers {
            taker.used = 0;
            taker.least = budget / 1000;
            taker.is_pressed = true;
        }
        let mut steps = Vec::new();
        for _ in 0..60 {
            let used: u64 = takers.iter().map(|t| t.used).sum();
            let resident = rest + used + used / 100 * overhead;
            prop_assert!(resident <= budget, "{resident} of {budget}");
            steps.push(resident);
            let decision = Seen { budget, resident, halvings: 0, takers: &takers, heaps: &[] }.decide();
            takers.iter_mut().zip(&decision.limits).for_each(|(taker, limit)| taker.used = *limit);
        }
        let (last, before) = (steps[59], steps[58]);
        prop_assert!(last.abs_diff(before) <= budget / 100, "{before} {last}");
        // Nobody is limited, so nearly all of it is used.
        if takers.iter().all(|t| t.most == u64::MAX) {
            prop_assert!(last >= budget / 100 * 80, "{last} of {budget}");
        }
    }
}

/// Runs some looks with takers that fill what they may have; `rest` is what else there is.
fn run(budget: u64, rest: u64, takers: &mut [Taker], looks: usize) {
    for _ in 0..looks {
        let resident = rest + takers.iter().map(|t| t.used).sum::<u64>();
        let decision = Seen { budget, resident, halvings: 0, takers, heaps: &[] }.decide();
        for (taker, limit) in takers.iter_mut().zip(decision.limits) {
            taker.used = if taker.is_pressed { limit } else { taker.used.min(limit) };
        }
    }
}

#[test]
fn memory_goes_to_whoever_needs_it_and_comes_back() {
    let mut takers = [taker(0, true), taker(0, false)];
    run(1000 * MB, 100 * MB, &mut takers, 60);
    assert!(takers[0].used > 700 * MB, "{takers:?}");
    // Now the other one needs it, and in the end both have half.
    takers[1].is_pressed = true;
    run(1000 * MB, 100 * MB, &mut takers, 60);
    assert!(takers[0].used.abs_diff(takers[1].used) < 20 * MB, "{takers:?}");
    // The rest grows, for instance that which is in channels: both give way.
    run(1000 * MB, 600 * MB, &mut takers, 10);
    assert!(takers.iter().all(|t| t.used <= 130 * MB), "{takers:?}");
    // And when that has gone they have it back.
    run(1000 * MB, 100 * MB, &mut takers, 60);
    assert!(takers.iter().all(|t| t.used > 350 * MB), "{takers:?}");
}

#[test]
fn a_taker_is_not_made_to_let_go_of_much_at_once_while_there_is_room() {
    let takers = [taker(800 * MB, false), taker(10 * MB, true)];
    let decision = Seen { budget: 1200 * MB, resident: 850 * MB, halvings: 0, takers: &takers, heaps: &[] }.decide();
    assert_eq!(decision.limits[0], 700 * MB);
    assert!(decision.limits[1] > 100 * MB, "{decision:?}");
}

#[test]
fn heap_state_is_refused_when_nothing_else_can_go() {
    let takers = [taker(300 * MB, true)];
    let heaps = [200 * MB, 500 * MB];
    let seen =
        |resident, takers| Seen { budget: 1000 * MB, resident, halvings: 0, takers, heaps: &heaps }.decide().refused;
    assert_eq!(seen(900 * MB, &[]), None, "there is still room");
    assert_eq!(seen(950 * MB, &takers[..]), None, "a working set can go");
    assert_eq!(seen(950 * MB, &[]), Some(1), "the largest");
    let small = Seen { budget: 1000 * MB, resident: 990 * MB, halvings: 0, takers: &[], heaps: &[50 * MB] };
    assert_eq!(small.decide().refused, None, "it is not to blame");
}

#[test]
fn heap_state_grows_step_by_step_when_there_is_little_left() {
    let limits = |budget, resident, heaps: &[u64]| {
        Seen { budget, resident, halvings: 0, takers: &[], heaps }.decide().heap_limits
    };
    assert_eq!(limits(8000 * MB, 1000 * MB, &[500 * MB]), [u64::MAX]);
    assert_eq!(limits(1000 * MB, 770 * MB, &[500 * MB, 20 * MB]), [550 * MB, 125 * MB]);
    assert_eq!(limits(1000 * MB, 990 * MB, &[500 * MB, 20 * MB]), [500 * MB, 125 * MB]);
}

#[test]
fn channels_give_way_when_takers_have_nothing_left_to_give() {
    let halvings = |resident, halvings, used| {
        let takers = [taker(used, true)];
        Seen { budget: 1000 * MB, resident, halvings, takers: &takers, heaps: &[] }.decide().halvings
    };
    assert_eq!(halvings(900 * MB, 0, 500 * MB), 0, "working sets give way first");
    assert_eq!(halvings(900 * MB, 0, 50 * MB), 1);
    assert_eq!(halvings(900 * MB, 6, 50 * MB), 6);
    assert_eq!(halvings(800 * MB, 3, 50 * MB), 3, "not back and forth");
    assert_eq!(halvings(500 * MB, 3, 50 * MB), 2);
    assert_eq!(halvings(840 * MB, 3, 500 * MB), 2, "working sets give way to channels");
}
