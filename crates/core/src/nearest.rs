//! "Did you mean": the known name that is nearest to one that is not known.

/// The name with the fewest edits from `wanted`, if it is near enough to be meant.
///
/// ```
/// use flott_core::nearest;
/// assert_eq!(nearest("totls", ["pages", "totals"]), Some("totals"));
/// assert_eq!(nearest("timers", ["pages", "totals"]), None);
/// ```
pub fn nearest<'n>(wanted: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let near = known.into_iter().map(|name| (edits(wanted, name), name)).filter(|(n, name)| *n * 4 <= name.len());
    near.min().map(|(_, name)| name)
}

fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
