use super::*;
use flott_api::Boundedness;
use flott_api::source::{AnyReader, ReaderContext};
use flott_api::watermark::Alignment;
use flott_core::Configuration;
use flott_env::Env;
use std::time::Duration;

/// Gives out splits named by numbers, in turn, found by one discovery.
struct Numbers {
    to_find: Option<Vec<u32>>,
    left: Vec<u32>,
    delay: Duration,
}

impl AnyEnumerator for Numbers {
    fn discover(&mut self) -> Option<Discovery<SplitBytes>> {
        let found = self.to_find.take()?;
        let find = Box::new(move || Ok(found.iter().map(|n| split(*n)).collect()));
        Some(Discovery { delay: self.delay, find })
    }

    fn on_discovered(&mut self, splits: Vec<SplitBytes>) -> Result<Assigned> {
        self.left.extend(splits.iter().map(|s| s.id.parse::<u32>().unwrap()));
        Ok(Assigned::default())
    }

    fn on_split_request(&mut self, reader: SubtaskIndex) -> Result<Assigned> {
        match self.left.pop() {
            Some(13) => Err(Error::data("thirteen")),
            Some(14) => panic!("fourteen"),
            Some(15) => Ok(Assigned { splits: vec![(SubtaskIndex(99), split(15))], no_more: vec![] }),
            Some(n) => Ok(Assigned { splits: vec![(reader, split(n))], no_more: vec![] }),
            None => Ok(Assigned { splits: vec![], no_more: vec![reader] }),
        }
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        Ok(self.left.iter().map(|n| *n as u8).collect())
    }
}

fn split(n: u32) -> SplitBytes {
    SplitBytes { id: n.to_string(), bytes: vec![n as u8] }
}

struct NumberSource(Vec<u32>, Duration);

impl AnySource for NumberSource {
    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }
    fn enumerator(&self, _: &EnumeratorContext, restored: Option<&[u8]>) -> Result<Box<dyn AnyEnumerator>> {
        let left = restored.map(|bytes| bytes.iter().map(|b| u32::from(*b)).collect::<Vec<_>>());
        let to_find = if left.is_none() { Some(self.0.clone()) } else { None };
        Ok(Box::new(Numbers { to_find, left: left.unwrap_or_default(), delay: self.1 }))
    }
    fn reader(&self, _: &ReaderContext) -> Result<Box<dyn AnyReader>> {
        Err(Error::internal("no reader here"))
    }
    fn idleness(&self) -> Option<Duration> {
        None
    }
    fn alignment(&self) -> Option<&Alignment> {
        None
    }
}

fn coordinator(splits: &[u32], delay: Duration, restored: Option<&[u8]>) -> SourceCoordinator {
    let source = NumberSource(splits.to_vec(), delay);
    Env::run_simulation(0, |env| async move {
        let cx = EnumeratorContext { env, parallelism: 2, config: Arc::new(Configuration::new()) };
        SourceCoordinator::new(OperatorId::from_uid("numbers"), "numbers".into(), VertexId(0), &source, &cx, restored)
            .unwrap()
    })
    .unwrap()
}

fn show(commands: Vec<SourceCommand>) -> Vec<String> {
    commands
        .into_iter()
        .map(|command| match command {
            SourceCommand::Send(reader, TaskCommand::AddSplits { splits, .. }) => {
                format!("{reader} reads {}", splits.iter().map(|s| s.id.as_str()).collect::<Vec<_>>().join(" "))
            }
            SourceCommand::Send(reader, TaskCommand::NoMoreSplits { .. }) => format!("{reader} is done"),
            SourceCommand::Send(reader, other) => format!("{reader} gets {other:?}"),
            SourceCommand::Discover(_) => "discover".to_owned(),
            SourceCommand::Fail(error) => error.to_string(),
        })
        .collect()
}

fn ask(c: &mut SourceCoordinator, reader: u32) -> Vec<String> {
    show(c.on(SourceEvent::SplitRequested(SubtaskIndex(reader))))
}

#[test]
fn a_reader_that_asks_before_discovery_is_done_waits() {
    let mut c = coordinator(&[1, 2], Duration::ZERO, None);
    let mut commands = c.on(SourceEvent::Started);
    assert!(ask(&mut c, 1).is_empty());
    assert!(ask(&mut c, 1).is_empty());
    let Some(SourceCommand::Discover(work)) = commands.pop() else { panic!("no discovery") };
    let found = (work.find)();
    assert_eq!(show(c.on(SourceEvent::Discovered(found))), ["1 reads 2"]);
    assert_eq!(ask(&mut c, 0), ["0 reads 1"]);
    assert_eq!(ask(&mut c, 0), ["0 is done"]);
    // A question that crossed the answer.
    assert!(ask(&mut c, 0).is_empty());
    assert_eq!(ask(&mut c, 1), ["1 is done"]);
}

#[test]
fn nobody_waits_for_a_discovery_that_is_to_come_later_or_never() {
    let mut later = coordinator(&[1], Duration::from_secs(10), None);
    assert_eq!(show(later.on(SourceEvent::Started)), ["discover"]);
    assert_eq!(ask(&mut later, 0), ["0 is done"]);
    let mut restored = coordinator(&[1, 2, 3], Duration::ZERO, Some(&[3]));
    assert!(show(restored.on(SourceEvent::Started)).is_empty());
    assert_eq!(ask(&mut restored, 0), ["0 reads 3"]);
    assert_eq!(restored.snapshot().unwrap(), Vec::<u8>::new());
}

#[test]
fn errors_panics_and_wrong_decisions_fail_the_job_and_name_the_source() {
    for (split, message) in [(13, "thirteen"), (14, "fourteen"), (15, "does not exist")] {
        let mut c = coordinator(&[], Duration::ZERO, Some(&[split]));
        c.on(SourceEvent::Started);
        let shown = ask(&mut c, 0).join("; ");
        assert!(shown.contains(message) && shown.contains("source `numbers`"), "{shown}");
    }
    let mut c = coordinator(&[], Duration::ZERO, None);
    let shown = show(c.on(SourceEvent::Discovered(Err(Error::invalid("no such folder"))))).join("; ");
    assert!(shown.contains("no such folder"), "{shown}");
}
