//! The event time of a source's splits, as a pure machine: the least of all splits that are not idle.

use flott_core::{ProcessingTime, Watermark, time::millis};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the source says downstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Watermark(Watermark),
    Idle,
}

#[derive(Clone, Copy, Debug)]
struct SplitTime {
    watermark: Watermark,
    idle: bool,
    /// Since when the split has given nothing, later by the time for which it or the task was held back.
    quiet_since: ProcessingTime,
    /// Since when alignment has kept it from being read.
    paused_since: Option<ProcessingTime>,
}

impl SplitTime {
    /// Nobody knows of a split that is not read whether it is quiet.
    fn may_go_idle(&self) -> bool {
        !self.idle && self.paused_since.is_none()
    }
}

/// The splits of one reader.
#[derive(Debug)]
pub(super) struct SplitWatermarks {
    splits: BTreeMap<Arc<str>, SplitTime>,
    last: Watermark,
    idle: bool,
    /// When the reader last had a split, for idleness without any.
    empty_since: ProcessingTime,
}

impl SplitWatermarks {
    pub(super) fn new(now: ProcessingTime) -> Self {
        SplitWatermarks { splits: BTreeMap::new(), last: Watermark::MIN, idle: false, empty_since: now }
    }

    /// A new split holds event time back until it has said something or is idle.
    pub(super) fn add(&mut self, split: &str, now: ProcessingTime) {
        let time = SplitTime { watermark: Watermark::MIN, idle: false, quiet_since: now, paused_since: None };
        self.splits.insert(split.into(), time);
        self.idle = false;
    }

    pub(super) fn on_rows(&mut self, split: &Arc<str>, now: ProcessingTime) {
        if let Some(state) = self.splits.get_mut(split) {
            state.quiet_since = now;
            state.idle = false;
            self.idle = false;
        }
    }

    pub(super) fn on_watermark(&mut self, split: &Arc<str>, watermark: Watermark) -> Option<Said> {
        let state = self.splits.get_mut(split)?;
        state.watermark = state.watermark.max(watermark);
        self.advance()
    }

    /// A split that has been read to its end holds nothing back.
    pub(super) fn finish(&mut self, split: &Arc<str>) -> Option<Said> {
        let finished = self.splits.remove(split)?;
        self.empty_since = finished.quiet_since;
        if self.splits.is_empty() {
            // What it has seen stays true although it is gone.
            if finished.watermark > self.last {
                self.last = finished.watermark;
                return Some(Said::Watermark(self.last));
            }
            return None;
        }
        self.advance()
    }

    /// Those splits are not read from now on for which `is_paused` says so; the others are.
    pub(super) fn pause(&mut self, now: ProcessingTime, is_paused: impl Fn(Watermark) -> bool) {
        for split in self.splits.values_mut() {
            match (is_paused(split.watermark), split.paused_since) {
                (true, None) => split.paused_since = Some(now),
                (false, Some(since)) => {
                    split.paused_since = None;
                    split.quiet_since = split.quiet_since.plus(since.until(now));
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
    }

    pub(super) fn held_back(&mut self, time: Duration) {
        for split in self.splits.values_mut().filter(|split| split.paused_since.is_none()) {
            split.quiet_since = split.quiet_since.plus(time);
        }
        self.empty_since = self.empty_since.plus(time);
    }

    /// When the next split becomes idle if nothing comes.
    pub(super) fn next_idle(&self, after: Duration) -> Option<ProcessingTime> {
        if self.idle {
            return None;
        }
        if self.splits.is_empty() {
            return Some(self.empty_since.plus(after));
        }
        self.splits.values().filter(|s| s.may_go_idle()).map(|s| s.quiet_since.plus(after)).min()
    }

    /// Nothing can be read now: splits that have been quiet for `after` are idle.
    pub(super) fn go_idle(&mut self, now: ProcessingTime, after: Duration) -> Option<Said> {
        let quiet = |since: ProcessingTime| now.0.saturating_sub(since.0) >= millis(after);
        let mut changed = self.splits.is_empty() && quiet(self.empty_since);
        for split in self.splits.values_mut().filter(|s| s.may_go_idle() && quiet(s.quiet_since)) {
            split.idle = true;
            changed = true;
        }
        if !changed || self.idle {
            return None;
        }
        if self.splits.values().all(|s| s.idle) {
            self.idle = true;
            return Some(Said::Idle);
        }
        self.advance()
    }

    /// What alignment compares: the least watermark of active splits; the largest possible when there are none.
    pub(super) fn reported(&self) -> Watermark {
        self.splits.values().filter(|s| !s.idle).map(|s| s.watermark).min().unwrap_or(Watermark::MAX)
    }

    pub(super) fn watermarks(&self) -> impl Iterator<Item = (&Arc<str>, Watermark)> {
        self.splits.iter().map(|(id, s)| (id, s.watermark))
    }

    fn advance(&mut self) -> Option<Said> {
        let least = self.splits.values().filter(|s| !s.idle).map(|s| s.watermark).min()?;
        if least > self.last {
            self.last = least;
            return Some(Said::Watermark(least));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> ProcessingTime {
        ProcessingTime(ms)
    }

    fn splits() -> (SplitWatermarks, Arc<str>, Arc<str>) {
        let mut splits = SplitWatermarks::new(at(0));
        splits.add("a", at(0));
        splits.add("b", at(0));
        (splits, "a".into(), "b".into())
    }

    fn said(n: i64) -> Option<Said> {
        Some(Said::Watermark(Watermark(n)))
    }

    #[test]
    fn a_split_without_data_holds_event_time_back() {
        let (mut splits, a, b) = splits();
        assert_eq!(splits.on_watermark(&a, Watermark(10)), None);
        assert_eq!(splits.on_watermark(&b, Watermark(4)), said(4));
        assert_eq!(splits.finish(&b), said(10));
    }

    #[test]
    fn a_quiet_split_becomes_idle_and_comes_back() {
        let (mut splits, a, b) = splits();
        let after = Duration::from_millis(100);
        splits.on_watermark(&a, Watermark(10));
        splits.on_rows(&a, at(60));
        assert_eq!(splits.next_idle(after), Some(at(100)));
        assert_eq!(splits.go_idle(at(99), after), None);
        assert_eq!(splits.go_idle(at(100), after), said(10));
        assert_eq!(splits.go_idle(at(160), after), Some(Said::Idle));
        assert_eq!(splits.next_idle(after), None);
        splits.on_rows(&b, at(200));
        assert_eq!(splits.on_watermark(&b, Watermark(12)), said(12));
    }

    #[test]
    fn time_held_back_does_not_count() {
        let (mut splits, _, _) = splits();
        splits.held_back(Duration::from_millis(500));
        assert_eq!(splits.go_idle(at(550), Duration::from_millis(100)), None);
        assert_eq!(splits.go_idle(at(600), Duration::from_millis(100)), Some(Said::Idle));
    }

    #[test]
    fn a_split_that_alignment_has_paused_does_not_become_idle_and_its_pause_does_not_count() {
        let (mut splits, a, b) = splits();
        let after = Duration::from_millis(100);
        splits.on_watermark(&a, Watermark(50));
        splits.on_watermark(&b, Watermark(4));
        splits.pause(at(40), |watermark| watermark.0 > 20);
        assert_eq!(splits.next_idle(after), Some(at(100)), "`b` alone");
        assert_eq!(splits.go_idle(at(1000), after), said(50), "`b` is idle, `a` is not");
        splits.pause(at(1040), |_| false);
        assert_eq!(splits.next_idle(after), Some(at(1100)));
        assert_eq!(splits.go_idle(at(1099), after), None);
        assert_eq!(splits.go_idle(at(1100), after), Some(Said::Idle));
    }
}
