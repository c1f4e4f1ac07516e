//! For tests: reads bytes as a file would be read, cut into ranges and chunks at any place, and stopped and resumed
//! between any two batches.

use flott_api::format::{BadRecord, DecodingFormat, RangeDecoder, RangePosition, RangeSpec, Step};
use flott_core::{Data, Result};

/// How a file is read.
#[derive(Clone, Debug)]
pub(crate) struct Cutting {
    /// Starts of ranges besides 0.
    pub(crate) borders: Vec<usize>,
    /// Sizes of chunks, used in turn.
    pub(crate) chunks: Vec<usize>,
    /// Room before each chunk.
    pub(crate) gap: usize,
    /// Most records of a batch.
    pub(crate) records_max: usize,
    /// Whether each batch is read by a decoder of its own, which starts where the one before stopped.
    pub(crate) resumes: bool,
}

impl Cutting {
    /// In one go.
    pub(crate) fn whole() -> Self {
        Cutting { borders: vec![], chunks: vec![usize::MAX], gap: 0, records_max: usize::MAX, resumes: false }
    }
}

/// Every record of `bytes`, good and bad. Lines of bad records count from the start of the file.
pub(crate) fn read<T: Data>(
    format: &dyn DecodingFormat<Item = T>,
    bytes: &[u8],
    cutting: &Cutting,
) -> Result<Vec<Result<T, BadRecord>>> {
    let mut borders: Vec<usize> = cutting.borders.iter().map(|b| b % (bytes.len() + 1)).filter(|b| *b > 0).collect();
    borders.sort_unstable();
    borders.dedup();
    let mut all = Vec::new();
    for n in 0..=borders.len() {
        let start = if n == 0 { 0 } else { borders[n - 1] };
        let end = borders.get(n).copied().unwrap_or(bytes.len());
        read_range(format, bytes, start, end, cutting, &mut all)?;
    }
    Ok(all)
}

fn read_range<T: Data>(
    format: &dyn DecodingFormat<Item = T>,
    bytes: &[u8],
    start: usize,
    end: usize,
    cutting: &Cutting,
    all: &mut Vec<Result<T, BadRecord>>,
) -> Result<()> {
    let spec =
        RangeSpec { path: "a.txt".into(), end: end as u64, len: bytes.len() as u64, record_bytes_max: bytes.len() + 1 };
    let mut position = RangePosition::start(start as u64);
    let mut range = RangeDecoder::new(format, spec.clone(), &position)?;
    let mut chunks = cutting.chunks.iter().cycle();
    loop {
        match range.next(cutting.records_max)? {
            Step::Done => return Ok(()),
            Step::NeedsBytes => {
                let bytes_max = chunks.next().copied().unwrap_or(1).max(1);
                let (from, len) = range.next_read(bytes_max).expect("bytes are needed and none are to be read");
                let mut chunk = vec![b'?'; cutting.gap];
                chunk.extend_from_slice(&bytes[from as usize..from as usize + len]);
                range.push(chunk, cutting.gap);
            }
            Step::Records(mut records) => {
                if records.end.lines.is_none() {
                    let before = bytes[..records.start as usize].iter().filter(|b| **b == b'\n').count();
                    range.set_lines_before(&mut records, before as u64);
                }
                assert!(records.rows.len() + records.bad.len() <= cutting.records_max);
                position = records.end.clone();
                all.extend(records.into_results());
                if cutting.resumes {
                    range = RangeDecoder::new(format, spec.clone(), &position)?;
                }
            }
        }
    }
}

/// Any way of cutting.
pub(crate) fn any_cutting() -> impl proptest::strategy::Strategy<Value = Cutting> {
    use proptest::prelude::*;
    let borders = proptest::collection::vec(0..1000usize, 0..6);
    let chunks = proptest::collection::vec(prop_oneof![1..8usize, 1..200usize], 1..5);
    (borders, chunks, 0..40usize, prop_oneof![1..4usize, Just(4096)], any::<bool>())
        .prop_map(|(borders, chunks, gap, records_max, resumes)| Cutting { borders, chunks, gap, records_max, resumes })
}
