//! Schemas for people: in Rust's notation, one field a line; and two of them side by side.

use super::types::{Content, Field, Schema, Variant};
use std::fmt;

/// More lines than this are not aligned with each other, which costs their product.
const ALIGNED_LINES_MAX: usize = 1_000;

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        schema(self, 0, f)
    }
}

fn schema(node: &Schema, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match node {
        Schema::Bool => f.write_str("bool"),
        Schema::I8 => f.write_str("i8"),
        Schema::I16 => f.write_str("i16"),
        Schema::I32 => f.write_str("i32"),
        Schema::I64 => f.write_str("i64"),
        Schema::I128 => f.write_str("i128"),
        Schema::U8 => f.write_str("u8"),
        Schema::U16 => f.write_str("u16"),
        Schema::U32 => f.write_str("u32"),
        Schema::U64 => f.write_str("u64"),
        Schema::U128 => f.write_str("u128"),
        Schema::F32 => f.write_str("f32"),
        Schema::F64 => f.write_str("f64"),
        Schema::Char => f.write_str("char"),
        Schema::String => f.write_str("String"),
        Schema::Bytes => f.write_str("bytes"),
        Schema::Unit => f.write_str("()"),
        Schema::Option(of) => around("Option<", of, ">", depth, f),
        Schema::Seq(of) => around("Vec<", of, ">", depth, f),
        Schema::Map { key, value } => {
            around("Map<", key, ", ", depth, f)?;
            around("", value, ">", depth, f)
        }
        Schema::Tuple(parts) => tuple(parts, depth, f),
        Schema::Array { of, length } => {
            around("[", of, "; ", depth, f)?;
            write!(f, "{length}]")
        }
        Schema::Struct { name, fields } => {
            write!(f, "struct {name} ")?;
            named_fields(fields, depth, f)
        }
        Schema::TupleStruct { name, fields } => {
            write!(f, "struct {name}")?;
            tuple(fields, depth, f)
        }
        Schema::Newtype { name, of } => around(&format!("struct {name}("), of, ")", depth, f),
        Schema::Enum { name, variants } => {
            write!(f, "enum {name} {{")?;
            for variant in variants {
                line(depth + 1, f)?;
                self::variant(variant, depth + 1, f)?;
                f.write_str(",")?;
            }
            line(depth, f)?;
            f.write_str("}")
        }
        Schema::Row { columns, .. } => {
            f.write_str("row {")?;
            for column in columns {
                line(depth + 1, f)?;
                write!(f, "{column},")?;
            }
            line(depth, f)?;
            f.write_str("}")
        }
        Schema::Recursive(name) => f.write_str(name),
        Schema::Opaque(name) => write!(f, "opaque `{name}`"),
    }
}

fn variant(variant: &Variant, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&variant.name)?;
    aliases(&variant.aliases, f)?;
    match &variant.content {
        Content::Unit => Ok(()),
        Content::Newtype(of) => around("(", of, ")", depth, f),
        Content::Tuple(parts) => tuple(parts, depth, f),
        Content::Struct(fields) => {
            f.write_str(" ")?;
            named_fields(fields, depth, f)
        }
    }
}

fn named_fields(fields: &[Field], depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("{")?;
    for field in fields {
        line(depth + 1, f)?;
        f.write_str(&field.name)?;
        aliases(&field.aliases, f)?;
        f.write_str(": ")?;
        schema(&field.schema, depth + 1, f)?;
        if field.optional && !matches!(field.schema, Schema::Option(_)) {
            f.write_str(" = default")?;
        }
        f.write_str(",")?;
    }
    line(depth, f)?;
    f.write_str("}")
}

fn aliases(aliases: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if aliases.is_empty() { Ok(()) } else { write!(f, " (or {})", aliases.join(", ")) }
}

fn tuple(parts: &[Schema], depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("(")?;
    for (n, part) in parts.iter().enumerate() {
        f.write_str(if n == 0 { "" } else { ", " })?;
        schema(part, depth, f)?;
    }
    f.write_str(")")
}

fn around(before: &str, of: &Schema, after: &str, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(before)?;
    schema(of, depth, f)?;
    f.write_str(after)
}

fn line(depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\n{:1$}", "", depth * 4)
}

/// Two schemas next to each other under their headings, equal lines in one row. Rows that differ begin with `!`, or with
/// `-` where there is nothing on the right and `+` where there is nothing on the left.
///
/// ```
/// use flott_core::schema::{Schema, side_by_side};
/// #[derive(serde::Deserialize)]
/// struct Old { count: u32, name: String }
/// let new = {
///     #[derive(serde::Deserialize)]
///     struct New { count: u64, name: String }
///     Schema::of::<New>()
/// };
/// print!("{}", side_by_side(("checkpoint", &Schema::of::<Old>()), ("job", &new)));
/// ```
pub fn side_by_side(left: (&str, &Schema), right: (&str, &Schema)) -> String {
    let (left_text, right_text) = (left.1.to_string(), right.1.to_string());
    let (left_lines, right_lines): (Vec<&str>, Vec<&str>) = (left_text.lines().collect(), right_text.lines().collect());
    let width = left_lines.iter().chain([&left.0]).map(|line| line.chars().count()).max().unwrap_or(0);
    let mut out = format!("  {:width$} | {}\n", left.0, right.0);
    for row in align(&left_lines, &right_lines) {
        let (mark, old, new) = match row {
            (Some(old), Some(new)) if old == new => (' ', old, new),
            (Some(old), Some(new)) => ('!', old, new),
            (Some(old), None) => ('-', old, ""),
            (None, Some(new)) => ('+', "", new),
            (None, None) => continue,
        };
        out.push_str(format!("{mark} {old:width$} | {new}").trim_end());
        out.push('\n');
    }
    out
}

/// The lines in rows: a longest common subsequence side by side, and between its lines what is only on one side.
fn align<'a>(left: &[&'a str], right: &[&'a str]) -> Vec<(Option<&'a str>, Option<&'a str>)> {
    let mut rows = Vec::new();
    if left.len().max(right.len()) > ALIGNED_LINES_MAX {
        pair_up(left, right, &mut rows);
        return rows;
    }
    let columns = right.len() + 1;
    // How long the common subsequence of what is left of both is.
    let mut common = vec![0u16; (left.len() + 1) * columns];
    for l in (0..left.len()).rev() {
        for r in (0..right.len()).rev() {
            common[l * columns + r] = if left[l] == right[r] {
                common[(l + 1) * columns + r + 1] + 1
            } else {
                common[(l + 1) * columns + r].max(common[l * columns + r + 1])
            };
        }
    }
    let (mut l, mut r) = (0, 0);
    // Where the lines begin that are only on one side.
    let (mut old, mut new) = (0, 0);
    while l < left.len() || r < right.len() {
        if l < left.len() && r < right.len() && left[l] == right[r] {
            pair_up(&left[old..l], &right[new..r], &mut rows);
            rows.push((Some(left[l]), Some(right[r])));
            (l, r) = (l + 1, r + 1);
            (old, new) = (l, r);
        } else if r == right.len() || l < left.len() && common[(l + 1) * columns + r] >= common[l * columns + r + 1] {
            l += 1;
        } else {
            r += 1;
        }
    }
    pair_up(&left[old..], &right[new..], &mut rows);
    rows
}

/// What differs, next to each other.
fn pair_up<'a>(left: &[&'a str], right: &[&'a str], rows: &mut Vec<(Option<&'a str>, Option<&'a str>)>) {
    let lines = left.len().max(right.len());
    rows.extend((0..lines).map(|n| (left.get(n).copied(), right.get(n).copied())));
}
