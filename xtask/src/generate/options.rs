//! The options page: read from the table in `crates/core/src/config/options.rs`.
//!
//! The table has one fixed form, `NAME: Type = "key", "default", "description";`, inside `options! { ... }`, and
//! reading its text keeps this tool from compiling the product. A change of the form is an error here, not a gap.

use crate::Failure;
use crate::tree::Tree;

const SOURCE: &str = "crates/core/src/config/options.rs";

/// One option as the page shows it.
#[derive(Debug, PartialEq)]
struct OptionRow {
    key: String,
    kind: String,
    default: String,
    description: String,
}

pub(super) fn table(tree: &Tree) -> Result<String, Failure> {
    let source = tree.file(SOURCE).ok_or_else(|| format!("{SOURCE} is missing"))?;
    let mut text = String::from("| key | type | default | meaning |\n|---|---|---|---|\n");
    for row in rows(&source.text)? {
        let default = if row.default.is_empty() { "(none)".to_owned() } else { format!("`{}`", row.default) };
        text.push_str(&format!(
            "| `{}` | {} | {default} | {} |\n",
            row.key,
            row.kind,
            row.description.replace('|', "\\|")
        ));
    }
    Ok(text)
}

/// The rows of the table, in its order.
fn rows(source: &str) -> Result<Vec<OptionRow>, Failure> {
    let (_, rest) = source.split_once("\noptions! {").ok_or_else(|| format!("{SOURCE} has no `options! {{`"))?;
    let (body, _) = rest.split_once("\n}").ok_or_else(|| format!("`options! {{` of {SOURCE} has no end"))?;
    let mut rows = Vec::new();
    let mut rest = body;
    while let Some((head, after)) = rest.split_once('=') {
        let head = head.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<String>();
        let (name, kind) = head.split_once(':').ok_or_else(|| format!("`{}` of {SOURCE} has no type", head.trim()))?;
        let mut strings = Vec::new();
        let mut tail = after;
        for _ in 0..3 {
            let (string, next) = string(tail)
                .ok_or_else(|| format!("`{}` of {SOURCE} is not key, default, description", name.trim()))?;
            strings.push(string);
            tail = next;
        }
        let Some(next) = tail.trim_start().strip_prefix(';') else {
            return Err(format!("`{}` of {SOURCE} does not end in `;`", name.trim()));
        };
        rest = next;
        let [key, default, description] = <[String; 3]>::try_from(strings).unwrap_or_default();
        rows.push(OptionRow { key, kind: shown(kind.trim()).to_owned(), default, description });
    }
    Ok(rows)
}

/// The next string literal and what follows it.
fn string(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',').strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

/// A Rust type by the name that Flink's users know.
fn shown(kind: &str) -> &str {
    match kind {
        "bool" => "Boolean",
        "u16" | "u32" | "i32" | "usize" => "Integer",
        "u64" | "i64" => "Long",
        "f64" => "Double",
        "ByteSize" => "MemorySize",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_order() {
        let source = "x\noptions! {\n    // Why.\n\
            A: u32 = \"a.b\", \"1\",\n        \"How many; or \\\"all\\\".\";\n\
            B: Duration = \"c\", \"\", \"How long.\";\n}\n";
        let rows = rows(source).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].key, "a.b");
        assert_eq!(rows[0].kind, "Integer");
        assert_eq!(rows[0].description, "How many; or \"all\".");
        assert_eq!(rows[1].default, "");
    }

    #[test]
    fn another_form_is_an_error() {
        assert!(rows("\noptions! {\n  A: u32 = \"a\", 1;\n}\n").is_err());
        assert!(rows("nothing").is_err());
    }
}
