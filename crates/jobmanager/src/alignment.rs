//! Watermark alignment: sources of one group wait for the slowest. Pure.
//!
//! Readers report how far their event time has come. At each source's interval its readers are told how far they may
//! go: the least of what all readers of all sources in the group have reported, and the source's drift more. A reader
//! that is idle reports `Watermark::MAX` and holds back nobody; one that has not reported yet is not counted. (Flink:
//! FLIP-182, FLIP-217.)

use flott_api::watermark::Alignment;
use flott_core::time::millis;
use flott_core::{OperatorId, ProcessingTime, SubtaskIndex, Watermark};
use std::collections::BTreeMap;
use std::time::Duration;

/// The shortest interval at which sources compare, so that an interval of zero does not keep the job master busy.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// The aligned sources of a job, in one of its runs.
#[derive(Default)]
pub struct AlignmentGroups {
    sources: BTreeMap<OperatorId, AlignedSource>,
}

struct AlignedSource {
    alignment: Alignment,
    reported: BTreeMap<SubtaskIndex, Watermark>,
    announced: Option<Watermark>,
    due: ProcessingTime,
}

impl AlignmentGroups {
    /// Adds a source.
    pub fn add(&mut self, operator: OperatorId, alignment: Alignment, now: ProcessingTime) {
        let due = now.plus(alignment.update_interval.max(INTERVAL_MIN));
        self.sources.insert(operator, AlignedSource { alignment, reported: BTreeMap::new(), announced: None, due });
    }

    /// Forgets everything that was reported: the job starts again.
    pub fn clear(&mut self) {
        self.sources.clear();
    }

    /// A reader of a source says how far it has come. Sources that are not aligned are ignored.
    pub fn report(&mut self, operator: OperatorId, reader: SubtaskIndex, watermark: Watermark) {
        if let Some(source) = self.sources.get_mut(&operator) {
            source.reported.insert(reader, watermark);
        }
    }

    /// The sources whose readers are to be told a new limit now.
    pub fn on_tick(&mut self, now: ProcessingTime) -> Vec<(OperatorId, Watermark)> {
        let mut slowest: BTreeMap<std::sync::Arc<str>, Watermark> = BTreeMap::new();
        for source in self.sources.values() {
            if let Some(least) = source.reported.values().min() {
                let group = slowest.entry(source.alignment.group.clone()).or_insert(*least);
                *group = (*group).min(*least);
            }
        }
        let mut limits = Vec::new();
        for (operator, source) in &mut self.sources {
            if now < source.due {
                continue;
            }
            source.due = now.plus(source.alignment.update_interval.max(INTERVAL_MIN));
            let Some(slowest) = slowest.get(&source.alignment.group) else { continue };
            let limit = Watermark(slowest.0.saturating_add(millis(source.alignment.max_drift)));
            // Only what has changed, so that a reader that does not listen for long is not drowned.
            if source.announced != Some(limit) {
                source.announced = Some(limit);
                limits.push((*operator, limit));
            }
        }
        limits
    }

    /// When [`AlignmentGroups::on_tick`] is due next.
    pub fn next_wakeup(&self) -> Option<ProcessingTime> {
        self.sources.values().map(|s| s.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u8) -> OperatorId {
        OperatorId([n; 16])
    }

    fn groups(of: &[(u8, &str, u64)]) -> AlignmentGroups {
        let mut groups = AlignmentGroups::default();
        for (n, group, drift_ms) in of {
            let alignment = Alignment {
                group: (*group).into(),
                max_drift: Duration::from_millis(*drift_ms),
                update_interval: Duration::from_millis(100 * u64::from(*n)),
            };
            groups.add(source(*n), alignment, ProcessingTime(0));
        }
        groups
    }

    #[test]
    fn the_slowest_reader_of_the_group_sets_the_limit() {
        let mut g = groups(&[(1, "a", 10), (2, "a", 20), (3, "b", 30)]);
        assert_eq!(g.next_wakeup(), Some(ProcessingTime(100)));
        assert!(g.on_tick(ProcessingTime(100)).is_empty());
        g.report(source(1), SubtaskIndex(0), Watermark(1000));
        g.report(source(2), SubtaskIndex(0), Watermark(500));
        g.report(source(2), SubtaskIndex(1), Watermark::MAX);
        g.report(source(3), SubtaskIndex(0), Watermark(7));
        assert_eq!(g.on_tick(ProcessingTime(200)), [(source(1), Watermark(510)), (source(2), Watermark(520))]);
        // Nothing new, nothing said.
        assert_eq!(g.on_tick(ProcessingTime(300)), [(source(3), Watermark(37))]);
        g.report(source(2), SubtaskIndex(0), Watermark(900));
        assert_eq!(g.on_tick(ProcessingTime(400)), [(source(1), Watermark(910)), (source(2), Watermark(920))]);
    }

    #[test]
    fn a_group_that_is_idle_is_free() {
        let mut g = groups(&[(1, "a", 10)]);
        g.report(source(1), SubtaskIndex(0), Watermark::MAX);
        assert_eq!(g.on_tick(ProcessingTime(100)), [(source(1), Watermark::MAX)]);
        g.clear();
        assert_eq!(g.next_wakeup(), None);
    }
}
