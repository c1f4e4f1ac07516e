//! The text files of the repository, read once for all checks.

use crate::Failure;
use std::path::Path;

/// Folders that are not ours: build output, version control, packages of other languages.
const SKIPPED: &[&str] = &["target", ".git", "node_modules", ".venv"];
/// Endings of files that are read, and names of those that have none.
const READ: &[&str] = &[".rs", ".md", ".toml", ".lock", ".sh", ".yml", ".yaml", ".sql", ".py", ".ts", ".proto", "/run"];

/// One file: its path from the root with `/` between folders, and its text.
#[derive(Clone, Debug)]
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    /// Lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(n, line)| (n + 1, line))
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The crate folder's name for a file of `crates/NAME/`, else the first folder (`tests`, `xtask`).
    pub(crate) fn house_crate(&self) -> &str {
        let rest = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether all of it is test code: `tests.rs`, or anything in a folder `tests` or in `sim`.
    pub(crate) fn is_test(&self) -> bool {
        self.name() == "tests.rs" || self.path.starts_with("sim/") || self.path.split('/').any(|part| part == "tests")
    }

    /// The lines before the unit tests: all of a product file, nothing of a test file.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.is_test();
        self.lines().take_while(move |(_, line)| !is_test && !line.trim_start().starts_with("#[cfg(test)]"))
    }
}

/// All files, sorted by path.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<TextFile>,
    /// Every path, of files that are not read too, and of folders (without a slash at the end).
    pub(crate) paths: Vec<String>,
}

impl Tree {
    /// Reads what stands under `root`.
    pub(crate) fn read(root: &Path) -> Result<Tree, Failure> {
        let mut tree = Tree::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        tree.paths.sort();
        Ok(tree)
    }

    /// A tree of one file, for tests of checks.
    #[cfg(test)]
    pub(crate) fn of(path: &str, text: &str) -> Tree {
        let file = TextFile { path: path.to_owned(), text: text.to_owned() };
        Tree { files: vec![file], paths: vec![path.to_owned()] }
    }

    /// The file at `path`.
    pub(crate) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file or folder stands at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|known| known == path.trim_end_matches('/'))
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(|file| file.is_rust())
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<(), Failure> {
        let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries {
            let entry = entry.map_err(|e| format!("{}: {e}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(|e| format!("{path}: {e}"))?;
            self.paths.push(path.clone());
            if kind.is_dir() {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() && READ.iter().any(|end| path.ends_with(end)) {
                let bytes = match std::fs::read(entry.path()) {
                    Ok(bytes) => bytes,
                    // An editor's or a tool's temporary file can be gone by now.
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(e) => return Err(format!("{path}: {e}")),
                };
                // What is not text is a fixture, and no check is about it.
                if let Ok(text) = String::from_utf8(bytes) {
                    self.files.push(TextFile { path, text });
                }
            }
        }
        Ok(())
    }
}
