//! A source of numbers: splits are ranges, found by a discovery, given out on request.

use flott_api::control::SplitBytes;
use flott_api::source::{AnyEnumerator, AnyReader, Assigned, EnumeratorContext, ReaderContext};
use flott_api::watermark::Alignment;
use flott_api::{AnySource, Boundedness, Discovery};
use flott_core::{Error, Result, SubtaskIndex, codec};
use flott_env::Env;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Numbers from `at` to `end`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Range {
    pub at: u64,
    pub end: u64,
}

impl Range {
    pub fn encode(&self) -> SplitBytes {
        SplitBytes { id: format!("to {}", self.end), bytes: codec::to_bytes(self).unwrap() }
    }

    pub fn decode(bytes: &[u8]) -> Range {
        codec::from_bytes(bytes).unwrap()
    }
}

pub struct Numbers {
    pub count: u64,
    pub split_count: u64,
    /// The part of discoveries that fail.
    pub failing: f64,
    pub alignment: Option<Alignment>,
}

impl AnySource for Numbers {
    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    fn enumerator(&self, cx: &EnumeratorContext, restored: Option<&[u8]>) -> Result<Box<dyn AnyEnumerator>> {
        let (is_found, left) = restored.map_or((false, Vec::new()), |bytes| codec::from_bytes(bytes).unwrap());
        let length = self.count.div_ceil(self.split_count);
        let all =
            (0..self.split_count).map(|n| Range { at: n * length, end: ((n + 1) * length).min(self.count) }).collect();
        Ok(Box::new(Dealer { is_found, is_asked: false, left, all, env: cx.env.clone(), failing: self.failing }))
    }

    fn reader(&self, _: &ReaderContext) -> Result<Box<dyn AnyReader>> {
        Err(Error::internal("tasks of this test read by themselves"))
    }

    fn idleness(&self) -> Option<Duration> {
        None
    }

    fn alignment(&self) -> Option<&Alignment> {
        self.alignment.as_ref()
    }
}

struct Dealer {
    is_found: bool,
    is_asked: bool,
    left: Vec<Range>,
    all: Vec<Range>,
    env: Env,
    failing: f64,
}

impl AnyEnumerator for Dealer {
    fn discover(&mut self) -> Option<Discovery<SplitBytes>> {
        if self.is_found || std::mem::replace(&mut self.is_asked, true) {
            return None;
        }
        let (all, env, failing) = (self.all.clone(), self.env.clone(), self.failing);
        let find = Box::new(move || {
            if env.random_f64() < failing {
                return Err(Error::unavailable("the folder of numbers does not answer"));
            }
            Ok(all.iter().map(Range::encode).collect())
        });
        Some(Discovery { delay: Duration::ZERO, find })
    }

    fn on_discovered(&mut self, splits: Vec<SplitBytes>) -> Result<Assigned> {
        self.is_found = true;
        self.left.extend(splits.iter().map(|s| Range::decode(&s.bytes)));
        Ok(Assigned::default())
    }

    fn on_split_request(&mut self, reader: SubtaskIndex) -> Result<Assigned> {
        Ok(match self.left.pop() {
            Some(range) => Assigned { splits: vec![(reader, range.encode())], no_more: Vec::new() },
            None => Assigned { splits: Vec::new(), no_more: vec![reader] },
        })
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        codec::to_bytes(&(self.is_found, &self.left))
    }
}
