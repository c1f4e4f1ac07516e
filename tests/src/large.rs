//! What the large state job and its test agree on.

use std::sync::LazyLock;

/// Letters by chance, of which every key has a stretch of its own.
static LETTERS: LazyLock<String> = LazyLock::new(|| {
    let mut chance = fastrand::Rng::with_seed(1);
    (0..LETTER_COUNT).map(|_| char::from(b'0' + chance.u8(..64))).collect()
});
const LETTER_COUNT: usize = 1 << 20;

/// The key that comes as the `n`-th: in every round each of `keys` once, in an order of its own.
pub fn key_in_round(n: u64, keys: u64) -> u64 {
    // Steps of a prime that does not divide the number of keys lead to every key.
    const STEP: u64 = 1_000_003;
    let (round, place) = (n / keys, n % keys);
    (place * STEP + round * 7919) % keys
}

/// Text of a key, of so many bytes: its number and letters that do not compress.
pub fn text_of(key: u64, bytes: usize) -> String {
    let start = (key as usize).wrapping_mul(7919) % (LETTER_COUNT - bytes);
    let mut text = format!("{key} ");
    text.push_str(&LETTERS[start..start + bytes - text.len()]);
    text
}
