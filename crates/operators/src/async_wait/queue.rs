//! In which order results come out: that of the records, or any within the bounds of watermarks.
//!
//! Records under way sit in numbered places. *Ordered*: what stands first in the line comes out when it is complete.
//! *Unordered*: the line is cut into segments by watermarks; results of the first segment come out as they come,
//! those of later ones wait until every record before their watermark is done.

use super::OutputMode;
use flott_api::function::position::Place;
use flott_core::{EventTime, Watermark};
use std::collections::VecDeque;

/// What has to keep its place among the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Watermark(Watermark),
    Idle,
}

/// A record to be asked about.
#[derive(Clone, Debug)]
pub(super) struct Record<T> {
    pub input: T,
    pub time: Option<EventTime>,
    /// Unless it was restored.
    place: Option<Place>,
}

/// What an operator has been given.
#[derive(Debug)]
pub(super) enum Given<T> {
    Record(Record<T>),
    Control(Control),
}

impl<T: Clone> Given<T> {
    pub fn record(input: T, time: Option<EventTime>, place: Place) -> Self {
        Given::Record(Record { input, time, place: Some(place) })
    }

    pub fn restored(input: T, time: Option<EventTime>) -> Self {
        Given::Record(Record { input, time, place: None })
    }

    /// The record as it goes into a checkpoint.
    pub fn input(&self) -> Option<(T, Option<EventTime>)> {
        match self {
            Given::Record(record) => Some((record.input.clone(), record.time)),
            Given::Control(_) => None,
        }
    }
}

/// What may go out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Released<U> {
    Results(Vec<U>, Option<EventTime>),
    Control(Control),
}

/// A record under way, or done and not out yet.
struct Slot<T, U> {
    record: Record<T>,
    /// Counts up with each record: the order of arrival.
    number: u64,
    /// The number of controls before it.
    segment: u64,
    results: Option<Vec<U>>,
}

/// One step of the line.
enum Step {
    /// Ordered: the record in this place.
    Record(usize),
    /// Unordered: so many records that are not done, before the next control.
    Open(usize),
    Control(Control),
}

pub(super) struct Queue<T, U> {
    mode: OutputMode,
    slots: Vec<Option<Slot<T, U>>>,
    free: Vec<usize>,
    line: VecDeque<Step>,
    /// Unordered: complete and waiting, in the order of completion.
    complete: VecDeque<usize>,
    numbers: u64,
    /// Controls that have come in, and those that have gone out.
    segments: (u64, u64),
}

impl<T: Clone, U> Queue<T, U> {
    pub fn new(mode: OutputMode) -> Self {
        Queue {
            mode,
            slots: Vec::new(),
            free: Vec::new(),
            line: VecDeque::new(),
            complete: VecDeque::new(),
            numbers: 0,
            segments: (0, 0),
        }
    }

    /// Records that have not come out.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.line.iter().all(|step| matches!(step, Step::Open(0)))
    }

    /// Takes in a record and returns its place.
    pub fn push(&mut self, record: Record<T>) -> usize {
        self.numbers += 1;
        let slot = Slot { record, number: self.numbers, segment: self.segments.0, results: None };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id] = Some(slot);
                id
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() - 1
            }
        };
        match (self.mode, self.line.back_mut()) {
            (OutputMode::Ordered, _) => self.line.push_back(Step::Record(id)),
            (OutputMode::Unordered, Some(Step::Open(count))) => *count += 1,
            (OutputMode::Unordered, _) => self.line.push_back(Step::Open(1)),
        }
        id
    }

    pub fn push_control(&mut self, control: Control) {
        self.segments.0 += 1;
        self.line.push_back(Step::Control(control));
    }

    /// Where in the operator's input the record came from.
    pub fn place(&self, id: usize) -> Option<Place> {
        self.slots.get(id)?.as_ref()?.record.place
    }

    /// The record in a place has its results.
    pub fn complete(&mut self, id: usize, results: Vec<U>) {
        if let Some(Some(slot)) = self.slots.get_mut(id) {
            slot.results = Some(results);
            if self.mode == OutputMode::Unordered {
                self.complete.push_back(id);
            }
        }
    }

    /// The next thing that may go out.
    pub fn pop(&mut self) -> Option<Released<U>> {
        match self.line.front_mut()? {
            Step::Control(control) => {
                let control = *control;
                self.line.pop_front();
                self.segments.1 += 1;
                Some(Released::Control(control))
            }
            Step::Record(id) => {
                let id = *id;
                self.slots.get(id)?.as_ref()?.results.as_ref()?;
                self.line.pop_front();
                self.take(id)
            }
            Step::Open(0) => {
                self.line.pop_front();
                self.pop()
            }
            Step::Open(_) => self.pop_of_segment(),
        }
    }

    /// Something complete of the first segment.
    fn pop_of_segment(&mut self) -> Option<Released<U>> {
        let first = self.segments.1;
        let is_first = |id: &usize| self.slots[*id].as_ref().is_some_and(|slot| slot.segment == first);
        let found = self.complete.iter().position(is_first)?;
        let id = self.complete.remove(found)?;
        if let Some(Step::Open(count)) = self.line.front_mut() {
            *count -= 1;
        }
        self.take(id)
    }

    fn take(&mut self, id: usize) -> Option<Released<U>> {
        let slot = self.slots.get_mut(id)?.take()?;
        self.free.push(id);
        Some(Released::Results(slot.results.unwrap_or_default(), slot.record.time))
    }

    /// What has not come out, in the order of arrival.
    pub fn inputs(&self) -> impl Iterator<Item = (T, Option<EventTime>)> {
        let mut slots: Vec<&Slot<T, U>> = self.slots.iter().flatten().collect();
        slots.sort_by_key(|slot| slot.number);
        slots.into_iter().map(|slot| (slot.record.input.clone(), slot.record.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(n: u32) -> Record<u32> {
        Record { input: n, time: None, place: None }
    }

    /// Runs a course of events: `Some(n)` is record n, `None` a watermark; records complete in the given order.
    fn run(mode: OutputMode, course: &[Option<u32>], order: &[usize]) -> Vec<Released<u32>> {
        let mut queue = Queue::new(mode);
        let (mut ids, mut out, mut watermarks) = (Vec::new(), Vec::new(), 0);
        for step in course {
            match step {
                Some(n) => ids.push((queue.push(record(*n)), *n)),
                None => {
                    watermarks += 1;
                    queue.push_control(Control::Watermark(Watermark(watermarks)));
                }
            }
        }
        out.extend(std::iter::from_fn(|| queue.pop()));
        for n in order {
            let (id, n) = ids[*n];
            queue.complete(id, vec![n]);
            out.extend(std::iter::from_fn(|| queue.pop()));
        }
        assert!(queue.is_empty());
        out
    }

    fn course() -> impl Strategy<Value = (Vec<Option<u32>>, Vec<usize>)> {
        proptest::collection::vec(proptest::option::weighted(0.8, 0..1u32), 0..30)
            .prop_map(|steps| {
                let mut n = 0;
                let number = |step: Option<u32>| {
                    step.map(|_| {
                        n += 1;
                        n
                    })
                };
                steps.into_iter().map(number).collect::<Vec<_>>()
            })
            .prop_flat_map(|steps| {
                let records = steps.iter().flatten().count();
                (Just(steps), Just((0..records).collect::<Vec<_>>()).prop_shuffle())
            })
    }

    fn released(step: &Option<u32>, watermarks: &mut i64) -> Released<u32> {
        match step {
            Some(n) => Released::Results(vec![*n], None),
            None => {
                *watermarks += 1;
                Released::Control(Control::Watermark(Watermark(*watermarks)))
            }
        }
    }

    proptest! {
        #[test]
        fn ordered_results_come_in_the_order_of_input((course, order) in course()) {
            let mut watermarks = 0;
            let expected: Vec<_> = course.iter().map(|step| released(step, &mut watermarks)).collect();
            prop_assert_eq!(run(OutputMode::Ordered, &course, &order), expected);
        }

        #[test]
        fn unordered_results_come_as_they_complete_but_pass_no_watermark((course, order) in course()) {
            // The segment of each record, and then records by segment, each in the order of completion.
            let (mut segment, mut segments) = (0, Vec::new());
            for step in &course {
                match step {
                    Some(n) => segments.push((*n, segment)),
                    None => segment += 1,
                }
            }
            let mut expected = Vec::new();
            for current in 0..=segment {
                expected.extend(order.iter().map(|n| segments[*n]).filter(|(_, s)| *s == current)
                    .map(|(n, _)| Released::Results(vec![n], None)));
                if current < segment {
                    expected.push(Released::Control(Control::Watermark(Watermark(current + 1))));
                }
            }
            prop_assert_eq!(run(OutputMode::Unordered, &course, &order), expected);
        }
    }
}
