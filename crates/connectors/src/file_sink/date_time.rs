//! Buckets by the clock: a folder for each hour, or whatever the pattern says.

use super::{BucketAssigner, BucketContext};
use flott_core::{Error, ProcessingTime, Result};
use std::fmt::Write;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// The date and hour at which a record is written, `yyyy-MM-dd--HH` unless told otherwise. (Flink's
/// `DateTimeBucketAssigner`. It uses the machine's time zone; this one uses UTC, or a fixed distance from it.)
///
/// In a pattern `yyyy`, `MM`, `dd`, `HH`, `mm` and `ss` stand for year, month, day, hour, minute and second; text in
/// single quotes and all that is no letter stands for itself, `/` included.
#[derive(Clone, Debug)]
pub struct DateTimeBucketAssigner {
    pattern: String,
    parts: Result<Vec<Part>, String>,
    utc_offset_seconds: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Year(usize),
    Month(usize),
    Day(usize),
    Hour(usize),
    Minute(usize),
    Second(usize),
}

impl DateTimeBucketAssigner {
    /// A folder for each hour, such as `2026-11-21--13`.
    pub fn new() -> Self {
        Self::with_pattern("yyyy-MM-dd--HH")
    }

    /// A folder for each different text that `pattern` gives, such as `yyyy/MM/dd`.
    pub fn with_pattern(pattern: &str) -> Self {
        DateTimeBucketAssigner { pattern: pattern.to_owned(), parts: parse(pattern), utc_offset_seconds: 0 }
    }

    /// Takes the clock of a place that is so many minutes east of UTC.
    #[must_use]
    pub fn with_utc_offset_minutes(mut self, minutes: i32) -> Self {
        self.utc_offset_seconds = i64::from(minutes) * 60;
        self
    }

    fn format(&self, time: ProcessingTime, out: &mut String) {
        let seconds = time.0.div_euclid(1000) + self.utc_offset_seconds;
        let (year, month, day) = civil_date(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        for part in self.parts.iter().flatten() {
            let (number, width) = match part {
                Part::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Year(width) => (year, *width),
                Part::Month(width) => (month, *width),
                Part::Day(width) => (day, *width),
                Part::Hour(width) => (second / 3600, *width),
                Part::Minute(width) => (second / 60 % 60, *width),
                Part::Second(width) => (second % 60, *width),
            };
            // Writing to a string cannot fail.
            let _ = write!(out, "{number:0width$}");
        }
    }
}

impl Default for DateTimeBucketAssigner {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> BucketAssigner<T> for DateTimeBucketAssigner {
    fn assign(&self, _: &T, cx: &BucketContext, bucket: &mut String) {
        self.format(cx.processing_time, bucket);
    }

    fn is_by_processing_time(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        match &self.parts {
            Ok(_) => Ok(()),
            Err(why) => Err(Error::invalid(format!(
                "`{}` is no pattern for buckets: {why}; use yyyy, MM, dd, HH, mm and ss, and single quotes around other \
                 letters",
                self.pattern
            ))),
        }
    }
}

fn parse(pattern: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' {
            let mut text = String::new();
            loop {
                match chars.next() {
                    Some('\'') => break,
                    Some(c) => text.push(c),
                    None => return Err("a single quote is not closed".to_owned()),
                }
            }
            // Two quotes stand for one.
            parts.push(Part::Text(if text.is_empty() { "'".to_owned() } else { text }));
        } else if c.is_ascii_alphabetic() {
            let mut width = 1;
            while chars.next_if_eq(&c).is_some() {
                width += 1;
            }
            parts.push(match c {
                'y' | 'u' if width == 4 => Part::Year(width),
                'M' if width <= 2 => Part::Month(width),
                'd' if width <= 2 => Part::Day(width),
                'H' if width <= 2 => Part::Hour(width),
                'm' if width <= 2 => Part::Minute(width),
                's' if width <= 2 => Part::Second(width),
                _ => return Err(format!("`{}` is not understood", c.to_string().repeat(width))),
            });
        } else {
            parts.push(Part::Text(c.to_string()));
        }
    }
    Ok(parts)
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
fn civil_date(days: i64) -> (i64, i64, i64) {
    // Years are counted from March, so that a leap day is the last of its year; 146,097 days are 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(pattern: &str, offset: i32, ms: i64) -> String {
        let assigner = DateTimeBucketAssigner::with_pattern(pattern).with_utc_offset_minutes(offset);
        let mut out = String::new();
        assigner.format(ProcessingTime(ms), &mut out);
        out
    }

    #[test]
    fn the_default_is_flinks() {
        assert_eq!(DateTimeBucketAssigner::new().pattern, "yyyy-MM-dd--HH");
        assert_eq!(bucket("yyyy-MM-dd--HH", 0, 0), "1970-01-01--00");
        assert_eq!(bucket("yyyy-MM-dd--HH", 0, 1_582_934_399_999), "2020-02-28--23");
        assert_eq!(bucket("yyyy-MM-dd--HH", 0, 1_582_934_400_000), "2020-02-29--00");
        assert_eq!(bucket("yyyy-MM-dd--HH", 330, 1_582_934_399_999), "2020-02-29--05");
        assert_eq!(bucket("yyyy-MM-dd--HH", -60, 0), "1969-12-31--23");
    }

    #[test]
    fn patterns_may_have_folders_and_text() {
        assert_eq!(bucket("'year='yyyy/M/d/HH''mm:ss", 0, 1_767_323_045_000), "year=2026/1/2/03'04:05");
    }

    #[test]
    fn a_wrong_pattern_is_named() {
        for (pattern, part) in [("yy", "`yy`"), ("EEE", "`EEE`"), ("'a", "not closed")] {
            let error = BucketAssigner::<()>::check(&DateTimeBucketAssigner::with_pattern(pattern)).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = civil_date(-800_000);
        for days in -799_999..800_000 {
            let (year, month, day) = civil_date(days);
            let is_next = (year, month, day) == (last.0, last.1, last.2 + 1)
                || (year, month, day) == (last.0, last.1 + 1, 1)
                || (last.1 == 12 && (year, month, day) == (last.0 + 1, 1, 1));
            assert!(is_next && (1..=31).contains(&day), "{days}");
            last = (year, month, day);
        }
    }
}
