//! What a case is, and what it is given.

use crate::child::{Run, Sample};
use crate::flink::Flink;
use crate::report::Line;
use std::path::PathBuf;

/// Why something could not be measured.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Something that is measured.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Measures it, by starting children.
    pub(crate) measure: fn(&Bench) -> Result<Line, Failure>,
    /// One run, in a child.
    pub(crate) child: fn(&Run) -> Result<Sample, Failure>,
}

/// How it is measured.
pub(crate) struct Bench {
    pub(crate) runs: usize,
    pub(crate) scale: f64,
    pub(crate) text: Option<PathBuf>,
    /// Where checkpoints go that are restored; into a folder that is dropped afterwards, if nothing is said.
    pub(crate) checkpoints: Option<String>,
    pub(crate) flink: Option<Flink>,
}

impl Bench {
    /// So many records at scale 1, and as many as the scale wants.
    pub(crate) fn records(&self, records: u64) -> u64 {
        ((records as f64 * self.scale) as u64).max(1)
    }

    /// Runs each of `runs` in turns; the samples of each.
    pub(crate) fn in_turns<const N: usize>(&self, runs: [Run; N]) -> Result<[Vec<Sample>; N], Failure> {
        let mut samples = [const { Vec::new() }; N];
        for _ in 0..self.runs.max(1) {
            for (run, samples) in runs.iter().zip(&mut samples) {
                let sample = run.start()?;
                eprintln!("{run}: {sample}");
                samples.push(sample);
            }
        }
        Ok(samples)
    }
}
