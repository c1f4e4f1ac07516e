//! What the large state job and its test agree on.

/// The key that comes as the `n`-th: in every round each of `keys` once, in an order of its own.
pub fn key_in_round(n: u64, keys: u64) -> u64 {
    // Steps of a prime that does not divide the number of keys lead to every key.
    const STEP: u64 = 1_000_003;
    let (round, place) = (n / keys, n % keys);
    (place * STEP + round * 7919) % keys
}

/// Text of a key, of so many bytes, which no compression makes smaller by half.
pub fn text_of(key: u64, bytes: usize) -> String {
    let mut chance = fastrand::Rng::with_seed(key);
    let mut text = String::with_capacity(bytes + 13);
    while text.len() < bytes {
        // Six bits a letter.
        let mut bits = chance.u64(..);
        for _ in 0..10 {
            text.push(char::from(b'0' + (bits & 63) as u8));
            bits >>= 6;
        }
    }
    text.truncate(bytes);
    text
}
