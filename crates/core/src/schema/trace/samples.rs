//! The values that a traced type is given. Most types take the first; one that checks its input gets the next until
//! it is content or there are no more.

/// How many different values a type is tried with.
pub(super) const SAMPLES: usize = 32;

pub(super) const NUMBERS: &[u8] = &[1, 0, 2, 7, 16, 100, 3, 4];

pub(super) const CHARS: &[char] = &['a', '0', 'A', ' ', '/'];

/// Lengths of byte strings: a UUID's first.
pub(super) const BYTE_LENGTHS: &[usize] = &[16, 0, 4, 8, 32, 12, 20, 6, 64, 1, 2, 3, 5, 24, 28, 33, 48];

/// Numbers of elements.
pub(super) const SEQ_LENGTHS: &[usize] = &[1, 2, 3, 4, 0, 6, 8, 16];

/// What types that are parsed from text often accept.
pub(super) const TEXTS: &[&str] = &[
    "a",
    "1",
    "",
    "0",
    "2020-01-01T00:00:00Z",
    "2020-01-01",
    "2020-01-01T00:00:00",
    "2020-01-01 00:00:00",
    "00:00:00",
    "2020-01-01T00:00:00+00:00[UTC]",
    "PT1S",
    "1s",
    "00000000-0000-0000-0000-000000000001",
    "00000000000000000000000000000001",
    "0000000000000001",
    "127.0.0.1",
    "127.0.0.1:80",
    "::1",
    "[::1]:80",
    "127.0.0.0/8",
    "http://localhost/",
    "a@example.com",
    "1.0.0",
    "1.5",
    "true",
    "UTC",
    "en",
    "EUR",
    "#000000",
    "/a",
    "AA==",
    "00:00:00:00:00:00",
];

/// The `n`-th of the list, which starts again at its end.
pub(super) fn sample<T: Copy>(list: &[T], n: usize) -> T {
    list[n % list.len()]
}
