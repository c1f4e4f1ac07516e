//! How values are written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A type that an option can have.
pub trait ConfigValue: Sized {
    /// What the options page calls it.
    const KIND: &'static str;

    /// Reads a value; the error says what a value looks like.
    ///
    /// # Errors
    /// What is expected, for a message that already names key and text.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(30, "gb"), (20, "mb"), (10, "kb")] {
            if self.0 >= 1 << shift && self.0.is_multiple_of(1 << shift) {
                return write!(f, "{} {unit}", self.0 >> shift);
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

impl ConfigValue for bool {
    const KIND: &'static str = "Boolean";
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("write true or false".into()),
        }
    }
}

impl ConfigValue for String {
    const KIND: &'static str = "String";
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

macro_rules! number {
    ($($kind:ty: $name:literal),*) => {
        $(impl ConfigValue for $kind {
            const KIND: &'static str = $name;
            fn parse(text: &str) -> Result<Self, String> {
                <$kind>::from_str(text.trim()).map_err(|e| format!("{e}; write a number such as {}", <$kind>::MAX.min(4 as $kind)))
            }
        })*
    };
}

number!(u16: "Integer", u32: "Integer", i32: "Integer", u64: "Long", usize: "Integer", f64: "Double");

impl ConfigValue for Duration {
    const KIND: &'static str = "Duration";
    fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = number_and_unit(text).ok_or("write a number and a unit, such as 10 s")?;
        let nanos: u64 = match unit.as_str() {
            "ns" | "nano" | "nanosecond" | "nanoseconds" => 1,
            "us" | "µs" | "micro" | "microsecond" | "microseconds" => 1_000,
            "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
            "m" | "min" | "minute" | "minutes" => 60_000_000_000,
            "h" | "hour" | "hours" => 3_600_000_000_000,
            "d" | "day" | "days" => 86_400_000_000_000,
            _ => return Err(format!("`{unit}` is not a unit of time; write ms, s, min, h or d, such as 10 s")),
        };
        let total = u128::from(number) * u128::from(nanos);
        u64::try_from(total / 1_000_000_000)
            .map(|secs| Duration::new(secs, (total % 1_000_000_000) as u32))
            .map_err(|_| "it is too long".into())
    }
}

impl ConfigValue for ByteSize {
    const KIND: &'static str = "MemorySize";
    fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = number_and_unit(text).ok_or("write a number and a unit, such as 64 mb")?;
        let shift = match unit.as_str() {
            "" | "b" | "bytes" => 0,
            "k" | "kb" | "kibibytes" => 10,
            "m" | "mb" | "mebibytes" => 20,
            "g" | "gb" | "gibibytes" => 30,
            "t" | "tb" | "tebibytes" => 40,
            _ => return Err(format!("`{unit}` is not a unit of size; write b, kb, mb or gb, such as 64 mb")),
        };
        number.checked_mul(1 << shift).map(ByteSize).ok_or_else(|| "it is too large".into())
    }
}

/// `10 s` as 10 and `s`, the unit in lower case.
fn number_and_unit(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..digits].parse().ok()?;
    Some((number, text[digits..].trim().to_lowercase()))
}
