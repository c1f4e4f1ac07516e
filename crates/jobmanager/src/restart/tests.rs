use super::*;

fn strategy(settings: &[(&str, &str)], checkpointing: bool) -> Result<RestartStrategy> {
    let mut config = Configuration::new();
    for (key, value) in settings {
        config.set(format!("restart-strategy.{key}"), *value);
    }
    RestartStrategy::from_config(&config, checkpointing)
}

fn fail(strategy: &mut RestartStrategy, at_ms: i64) -> Option<u64> {
    match strategy.on_failure(ErrorKind::Data, ProcessingTime(at_ms), 0.5) {
        Decision::Restart(delay) => Some(delay.as_millis() as u64),
        Decision::Fail(_) => None,
    }
}

#[test]
fn the_default_depends_on_checkpoints() {
    assert_eq!(strategy(&[], true).unwrap().name(), "exponential-delay");
    assert_eq!(strategy(&[], false).unwrap().name(), "none");
    assert_eq!(fail(&mut strategy(&[], false).unwrap(), 0), None);
    assert!(strategy(&[("type", "sometimes")], true).unwrap_err().to_string().contains("fixed-delay"));
}

#[test]
fn what_a_restart_cannot_help_is_not_tried_again() {
    let mut strategy = strategy(&[], true).unwrap();
    for kind in [ErrorKind::Invalid, ErrorKind::Fenced, ErrorKind::Corrupt, ErrorKind::Limit] {
        assert!(matches!(strategy.on_failure(kind, ProcessingTime(0), 0.5), Decision::Fail(_)), "{kind}");
    }
    for kind in [ErrorKind::Data, ErrorKind::Unavailable, ErrorKind::Internal] {
        assert!(matches!(strategy.on_failure(kind, ProcessingTime(0), 0.5), Decision::Restart(_)), "{kind}");
    }
}

#[test]
fn fixed_delay_counts() {
    let mut default = strategy(&[("type", "fixed-delay")], true).unwrap();
    assert_eq!([fail(&mut default, 0), fail(&mut default, 0)], [Some(1000), None]);
    let settings = [("type", "fixed-delay"), ("fixed-delay.attempts", "3"), ("fixed-delay.delay", "20 ms")];
    let mut three = strategy(&settings, true).unwrap();
    let delays: Vec<_> = (0..4).map(|_| fail(&mut three, 0)).collect();
    assert_eq!(delays, [Some(20), Some(20), Some(20), None]);
}

#[test]
fn failure_rate_is_one_a_minute_by_default() {
    let mut default = strategy(&[("type", "failure-rate")], true).unwrap();
    assert_eq!(
        [fail(&mut default, 0), fail(&mut default, 60_001), fail(&mut default, 120_001)],
        [Some(1000), Some(1000), None]
    );
}

#[test]
fn failure_rate_allows_so_many_failures_in_any_interval() {
    let settings = [
        ("type", "failure-rate"),
        ("failure-rate.max-failures-per-interval", "2"),
        ("failure-rate.failure-rate-interval", "1 s"),
        ("failure-rate.delay", "5 ms"),
    ];
    let mut often = strategy(&settings, true).unwrap();
    assert_eq!([fail(&mut often, 0), fail(&mut often, 10), fail(&mut often, 1000)], [Some(5), Some(5), None]);
    let mut seldom = strategy(&settings, true).unwrap();
    for n in 0..10 {
        assert_eq!(fail(&mut seldom, n * 501), Some(5), "failure {n}");
    }
    assert!(strategy(&[("type", "failure-rate"), ("failure-rate.max-failures-per-interval", "0")], true).is_err());
}

#[test]
fn exponential_delay_grows_to_its_limit_and_starts_again_after_quiet() {
    let mut default = strategy(&[], true).unwrap();
    let mut now = 0;
    let mut delays = Vec::new();
    for _ in 0..12 {
        let delay = fail(&mut default, now).unwrap();
        delays.push(delay);
        now += delay as i64 + 1;
    }
    assert_eq!(delays[..4], [1000, 1500, 2250, 3375]);
    assert_eq!(delays[11], 60_000);
    // The quiet time counts from the restart on, not from the failure.
    assert_eq!(fail(&mut default, now - 1 + 3_599_999), Some(60_000));
    let restarted = now - 1 + 3_599_999 + 60_000;
    assert_eq!(fail(&mut default, restarted + 3_600_000), Some(1000));
}

#[test]
fn jitter_varies_the_delay_by_its_part_and_stays_within_the_limits() {
    let delay = |attempt: u32, chance: f64| {
        let mut default = strategy(&[], true).unwrap();
        (0..=attempt).map(|_| default.on_failure(ErrorKind::Data, ProcessingTime(0), chance)).last().unwrap()
    };
    assert_eq!(delay(1, 0.0), Decision::Restart(Duration::from_millis(1350)));
    assert_eq!(delay(0, 0.0), Decision::Restart(Duration::from_secs(1)));
    assert_eq!(delay(500, 0.999), Decision::Restart(Duration::from_secs(60)));
}

#[test]
fn exponential_delay_can_have_a_limit() {
    let mut limited = strategy(&[("exponential-delay.attempts-before-reset-backoff", "2")], true).unwrap();
    assert_eq!(
        [fail(&mut limited, 0), fail(&mut limited, 2000), fail(&mut limited, 5000)],
        [Some(1000), Some(1500), None]
    );
    for (key, value) in [
        ("exponential-delay.backoff-multiplier", "1"),
        ("exponential-delay.jitter-factor", "2"),
        ("exponential-delay.initial-backoff", "2 min"),
    ] {
        assert!(strategy(&[(key, value)], true).is_err(), "{key}");
    }
}
