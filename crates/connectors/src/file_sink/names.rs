//! Names of files. No two files of a folder ever get the same one, and from a name one can tell whose file it is.
//!
//! ```text
//! part-0-5f1c9ad2b37e-2-9bd01c77-17.csv                            finished
//! .part-0-5f1c9ad2b37e-2-9bd01c77-17.csv.inprogress.03b1c2d4       in progress and pending
//!      |       |       |     |     |
//!   subtask lineage epoch attempt counter
//! ```

use super::state::WriterId;

/// Bits of a lineage.
const LINEAGE_MASK: u64 = (1 << 48) - 1;
const IN_PROGRESS: &str = ".inprogress.";

impl WriterId {
    /// A writer without a predecessor, of a random number.
    pub(super) fn first(random: u64, attempt: u64) -> Self {
        WriterId { lineage: random & LINEAGE_MASK, epoch: 0, attempt: attempt as u32 }
    }

    /// The writer that goes on after a restore.
    pub(super) fn next(self, attempt: u64) -> Self {
        WriterId { lineage: self.lineage, epoch: self.epoch.saturating_add(1), attempt: attempt as u32 }
    }
}

/// Makes and reads names of one sink.
#[derive(Clone, Debug)]
pub(super) struct PartNames {
    pub(super) prefix: String,
    pub(super) suffix: String,
}

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartName {
    pub(super) writer: WriterId,
    pub(super) counter: u64,
    pub(super) is_finished: bool,
}

impl PartNames {
    /// The name of a finished file.
    pub(super) fn finished(&self, subtask: u32, writer: WriterId, counter: u64) -> String {
        let PartNames { prefix, suffix } = self;
        let WriterId { lineage, epoch, attempt } = writer;
        format!("{prefix}-{subtask}-{lineage:012x}-{epoch}-{attempt:08x}-{counter}{suffix}")
    }

    /// The name of the same file while it is in progress.
    pub(super) fn in_progress(finished: &str, random: u64) -> String {
        format!(".{finished}{IN_PROGRESS}{:08x}", random as u32)
    }

    /// What a name says, if it is one of this sink's.
    pub(super) fn parse(&self, name: &str) -> Option<PartName> {
        let (finished, is_finished) = match name.strip_prefix('.') {
            Some(hidden) => (hidden.rsplit_once(IN_PROGRESS)?.0, false),
            None => (name, true),
        };
        let numbers = finished.strip_prefix(&self.prefix)?.strip_suffix(&self.suffix)?.strip_prefix('-')?;
        let mut parts = numbers.split('-');
        let mut part = || parts.next();
        let _subtask: u32 = part()?.parse().ok()?;
        let lineage = u64::from_str_radix(part()?, 16).ok()?;
        let epoch = part()?.parse().ok()?;
        let attempt = u32::from_str_radix(part()?, 16).ok()?;
        let counter = part()?.parse().ok()?;
        let writer = WriterId { lineage, epoch, attempt };
        part().is_none().then_some(PartName { writer, counter, is_finished })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_file_it_is() {
        for suffix in ["", ".csv", "-x"] {
            let names = PartNames { prefix: "my-part".into(), suffix: suffix.into() };
            let writer = WriterId::first(u64::MAX, 7).next(0x9bd0_1c77);
            let finished = names.finished(3, writer, 17);
            assert_eq!(finished, format!("my-part-3-ffffffffffff-1-9bd01c77-17{suffix}"));
            let name = PartName { writer, counter: 17, is_finished: true };
            assert_eq!(names.parse(&finished), Some(name));
            let hidden = PartNames::in_progress(&finished, 1);
            assert_eq!(names.parse(&hidden), Some(PartName { is_finished: false, ..name }));
        }
    }

    #[test]
    fn other_names_say_nothing() {
        let names = PartNames { prefix: "part".into(), suffix: String::new() };
        for name in
            ["part-0", "other-0-1-2-3-4", ".part-0-1-2-3-4", "part-0-1-2-3-4-5", "part-0-x-2-3-4", "_SUCCESS", ""]
        {
            assert_eq!(names.parse(name), None, "{name}");
        }
    }
}
