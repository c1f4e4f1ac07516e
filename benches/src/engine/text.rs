//! A large text: the documentation of the crates that this workspace is built with, as cargo has fetched them, repeated
//! until it is long enough. Real words in their real frequencies, on every machine that has built this program.

use crate::bench::Failure;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// No more than so much different text.
const DIFFERENT_BYTES: usize = 32 << 20;

/// A file with a text of so many bytes, made if it is not there.
pub(super) fn make(bytes: u64) -> Result<PathBuf, Failure> {
    let folder = std::env::current_exe()?.parent().ok_or("a program without a folder")?.join("bench");
    let path = folder.join(format!("text-{bytes}.txt"));
    if path.exists() {
        return Ok(path);
    }
    let text = documentation()?;
    if text.is_empty() {
        return Err("cargo's registry has no documentation to count words in; give a text by --text FILE".into());
    }
    fs::create_dir_all(&folder)?;
    // Under another name until it is whole.
    let partial = path.with_extension("partial");
    let mut file = BufWriter::new(fs::File::create(&partial)?);
    let mut left = usize::try_from(bytes)?;
    while left > 0 {
        let part = text.len().min(left);
        // Ends with a whole line.
        let part = text[..part].rfind('\n').map_or(part, |end| end + 1);
        file.write_all(&text.as_bytes()[..part])?;
        if part < text.len() {
            break;
        }
        left -= part;
    }
    file.flush()?;
    fs::rename(&partial, &path)?;
    Ok(path)
}

/// Lines of markdown files and doc comments of all fetched crates, with plain spaces between their words.
fn documentation() -> Result<String, Failure> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => {
            std::env::home_dir().ok_or("no home folder; set CARGO_HOME, or give a text by --text FILE")?.join(".cargo")
        }
    };
    let mut files = Vec::new();
    find(&home.join("registry").join("src"), &mut files)?;
    files.sort();
    let mut text = String::new();
    for path in files {
        if text.len() > DIFFERENT_BYTES {
            break;
        }
        let Ok(content) = fs::read_to_string(&path) else { continue };
        let is_code = path.extension().is_some_and(|e| e == "rs");
        for line in content.lines() {
            let line = line.trim();
            let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            let words = if is_code { comment.unwrap_or_default() } else { line };
            let mut words = words.split_whitespace().peekable();
            if words.peek().is_some() {
                words.for_each(|word| {
                    text.push_str(word);
                    text.push(' ');
                });
                text.pop();
                text.push('\n');
            }
        }
    }
    Ok(text)
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "rs" || e == "md") {
            files.push(path);
        }
    }
    Ok(())
}
