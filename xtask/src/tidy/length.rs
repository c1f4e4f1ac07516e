//! The rule of length: about 500 lines a file, 800 at most.
//!
//! Longer files stand in `xtask/long_files.txt` with the length they have, one `path lines` a line. The list may
//! only shrink: a listed file that has grown is a finding, and so is one that has become shorter than its entry.

use super::Report;
use crate::tree::Tree;

const LIST: &str = include_str!("../../long_files.txt");
const LIST_PATH: &str = "xtask/long_files.txt";
const LINES_SOFT: usize = 500;
const LINES_MAX: usize = 800;

pub(super) fn check(tree: &Tree, report: &mut Report) {
    check_against(LIST, tree, report);
}

fn check_against(list: &str, tree: &Tree, report: &mut Report) {
    let listed: Vec<(usize, &str, usize)> = list
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty())
        .filter_map(|(n, line)| {
            let (path, lines) = line.split_once(' ')?;
            Some((n + 1, path, lines.trim().parse().ok()?))
        })
        .collect();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        let allowed = listed.iter().find(|(_, path, _)| *path == file.path).map(|(_, _, allowed)| *allowed);
        match allowed {
            Some(allowed) if lines > allowed => report.finding(
                &file.path,
                lines,
                format!(
                    "{lines} lines, and its entry in {LIST_PATH} allows {allowed}; \
                     split it by concept instead of adding to it"
                ),
            ),
            Some(_) => {}
            None if lines > LINES_MAX => report.finding(
                &file.path,
                lines,
                format!(
                    "{lines} lines, more than {LINES_MAX}, and nobody reads that in one go; \
                     split it by concept, or move its tests to a `tests.rs`"
                ),
            ),
            None if lines > LINES_SOFT => {
                let what = format!("{lines} lines, more than {LINES_SOFT}; does it hold two concepts?");
                report.note(&file.path, lines, what);
            }
            None => {}
        }
    }
    for (line, path, allowed) in listed {
        let lines = tree.file(path).map_or(0, |file| file.text.lines().count());
        if lines <= LINES_MAX {
            report.finding(
                LIST_PATH,
                line,
                format!("`{path}` has {lines} lines and needs no entry any more; remove it"),
            );
        } else if lines < allowed {
            report.finding(
                LIST_PATH,
                line,
                format!("`{path}` is down to {lines} lines, and the list may only shrink; write {lines}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(list: &str, lines: usize) -> Vec<String> {
        let mut report = Report::default();
        check_against(list, &Tree::of("crates/x/src/a.rs", &"//! A\n".repeat(lines)), &mut report);
        report.findings().to_vec()
    }

    #[test]
    fn the_list_only_shrinks() {
        assert_eq!(findings("", 800), [""; 0]);
        assert_eq!(findings("", 801).len(), 1);
        assert_eq!(findings("# why\ncrates/x/src/a.rs 900\n", 900), [""; 0]);
        assert!(findings("crates/x/src/a.rs 900\n", 901)[0].contains("allows 900"));
        assert!(findings("crates/x/src/a.rs 900\n", 850)[0].contains("write 850"));
        assert!(findings("crates/x/src/a.rs 900\n", 700)[0].contains("remove it"));
    }
}
