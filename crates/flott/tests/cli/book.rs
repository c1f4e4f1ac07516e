//! The commands of the book's chapters on state say what the book says.
//!
//! A block of `sh` with a line that begins with `flott ` is run by the shell, and must print the block of `text` behind it.
//! The blocks of a chapter are run one after the other in a folder with the job `page_views`, the folder `visits` and the
//! savepoint `sp-1`, as `docs/inspecting-state.md` makes them, two other examples, and the checkpoint of a first version.

use super::example;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const VISITS: &str = "\
1699999000000,ada,/,3.5,0
1699999001000,bob,/,0.5,0
1699999002000,ada,/about,5,900
1699999003000,eve,/,6,100
1699999004000,ada,/,3.5,0
1699999005000,eve,/prices,2,0
";

/// Runs a script of the shell, in which `flott` is the one that is tested. Returns all that it says.
fn shell(folder: &Path, script: &str) -> String {
    let flott = Path::new(env!("CARGO_BIN_EXE_flott")).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{{\n{script}\n}} 2>&1")]).current_dir(folder).stdin(Stdio::null());
    command.env("PATH", format!("{flott}:{path}")).env("FLOTT_CONF_DIR", folder);
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// The folder in which a chapter is tried out.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for job in ["page_views", "repair_state", "word_count"] {
        symlink(example(job), folder.path().join(job)).unwrap();
    }
    fs::create_dir(folder.path().join("visits")).unwrap();
    fs::write(folder.path().join("visits/monday.csv"), VISITS).unwrap();
    let older = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/checkpoint-v1");
    assert_eq!(shell(folder.path(), &format!("cp -r '{}' older", older.display())), "");
    let made =
        shell(folder.path(), "flott run --log-level warn page_views --savepoints made && mv made/savepoint-* sp-1");
    assert!(made.starts_with("stopped with made/savepoint-"), "{made}");
    folder
}

/// `text` without what is different each time: `N` stands for ids, days, times, numbers of checkpoints and sizes of files.
fn masked(text: &str, folder: &Path) -> Vec<String> {
    let text = text.replace(&folder.canonicalize().unwrap().display().to_string(), "/data");
    let is_size =
        |next: Option<&&str>| next.is_some_and(|next| ["KiB", "MiB", "bytes"].contains(&next.trim_end_matches(',')));
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let shown = words.iter().enumerate().map(|(n, word)| {
            let is_numbered =
                n > 0 && ["checkpoint", "stateSizeBytes"].contains(&words[n - 1]) && word.parse::<u64>().is_ok();
            if is_size(words.get(n + 1)) || is_numbered { "N".to_owned() } else { masked_word(word) }
        });
        shown.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    });
    lines.collect()
}

/// Masks what in a word is an id, a day or a time. Ids have 6, 12 or 32 hexadecimal digits behind `-`, `/`, `(` or a space.
fn masked_word(word: &str) -> String {
    if word.len() >= 10 && word.starts_with("20") && word[4..].starts_with('-') && word[7..].starts_with('-') {
        return "N".to_owned();
    }
    let mut shown = String::new();
    for part in word.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let bare = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_hex = bare.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let is_time = word.len() == 12 && word.matches(':').count() == 2;
        let is_checkpoint = shown.ends_with("chk-");
        let is_savepoint = shown.contains("savepoint-") && [6, 12].contains(&bare.len());
        let is_id = is_hex && (bare.len() == 32 || is_savepoint);
        let masked = if is_id || is_time || is_checkpoint { part.replace(bare, "N") } else { part.to_owned() };
        shown += &masked;
    }
    shown
}

/// Whether this build can do what a block is about.
fn is_possible(script: &str) -> bool {
    (cfg!(feature = "query") || !script.contains("flott savepoint query"))
        && (cfg!(feature = "rocksdb") || !script.contains("rocksdb"))
}

macro_rules! chapters {
    ($($test:ident: $page:literal,)*) => {$(
        #[test]
        fn $test() {
            let (page, folder) = (include_str!(concat!("../../../../docs/", $page)), folder());
            let mut count = 0;
            for block in page.split("```sh\n").skip(1) {
                let (script, rest) = block.split_once("\n```").unwrap();
                if !script.lines().any(|line| line.starts_with("flott ")) {
                    continue;
                }
                let shown = rest.trim_start().strip_prefix("```text\n").and_then(|rest| rest.split_once("```"));
                let (shown, _) = shown.unwrap_or_else(|| panic!("it is not shown what this says: {script}"));
                count += 1;
                if is_possible(script) {
                    let said = shell(folder.path(), script);
                    let (said, shown) = (masked(&said, folder.path()), masked(shown, folder.path()));
                    assert!(said == shown, "{script}\nsays\n{}\nand not\n{}", said.join("\n"), shown.join("\n"));
                }
            }
            assert!(count > 0, "no command is shown");
        }
    )*};
}

chapters! {
    taking: "savepoints.md",
    choosing: "choosing-a-state-backend.md",
    sizing: "sizing-state.md",
    watching: "watching-state.md",
    inspecting: "inspecting-state.md",
    migrating: "migrating-state.md",
    repairing: "repairing-state.md",
}
