//! Places in schemas, and whether two of them are written alike.

use crate::schema::types::{Content, Field, Schema, Scope};

/// Deeper than any schema that is traced; one that was read from a file may be anything.
const DEPTH_MAX: usize = 200;

/// A place in a schema.
#[derive(Clone, Copy)]
pub(super) struct At<'s> {
    pub node: &'s Schema,
    pub scope: Option<&'s Scope<'s>>,
}

impl<'s> At<'s> {
    pub fn identity(self) -> usize {
        std::ptr::from_ref(self.node) as usize
    }

    pub fn at(self, node: &'s Schema) -> At<'s> {
        At { node, scope: self.scope }
    }
}

/// Calls `then` with the place behind newtypes and references to types around it.
pub(super) fn resolve<R>(at: At<'_>, depth: usize, then: impl FnOnce(At<'_>) -> R) -> Option<R> {
    if depth > DEPTH_MAX {
        return None;
    }
    match at.node {
        Schema::Newtype { of, .. } => {
            let scope = Scope::within(at.node, at.scope);
            resolve(At { node: of, scope: Some(&scope) }, depth + 1, then)
        }
        Schema::Recursive(name) => {
            let (node, scope) = Scope::find(at.scope, name)?;
            resolve(At { node, scope }, depth + 1, then)
        }
        node => {
            let scope = Scope::within(node, at.scope);
            Some(then(At { node, scope: Some(&scope) }))
        }
    }
}

/// Whether both are written alike, field by field under the same names.
pub(super) fn same(reader: At<'_>, writer: At<'_>, assumed: &mut Vec<(usize, usize)>, depth: usize) -> bool {
    resolve(reader, depth, |reader| {
        resolve(writer, depth, |writer| {
            let pair = (reader.identity(), writer.identity());
            if assumed.contains(&pair) {
                return true;
            }
            assumed.push(pair);
            same_nodes(reader, writer, assumed, depth + 1)
        })
    })
    .flatten()
    .unwrap_or(false)
}

fn same_nodes(reader: At<'_>, writer: At<'_>, assumed: &mut Vec<(usize, usize)>, depth: usize) -> bool {
    let mut same = |r: &Schema, w: &Schema| same(reader.at(r), writer.at(w), assumed, depth);
    match (reader.node, writer.node) {
        (Schema::Option(r), Schema::Option(w)) | (Schema::Seq(r), Schema::Seq(w)) => same(r, w),
        (Schema::Map { key: rk, value: rv }, Schema::Map { key: wk, value: wv }) => same(rk, wk) && same(rv, wv),
        (Schema::Struct { fields: r, .. }, Schema::Struct { fields: w, .. }) => same_fields(r, w, &mut same),
        (Schema::Enum { variants: r, .. }, Schema::Enum { variants: w, .. }) => {
            r.len() == w.len()
                && r.iter().zip(w).all(|(r, w)| {
                    is_called_alike(&names(&r.name, &r.aliases), &names(&w.name, &w.aliases))
                        && match (&r.content, &w.content) {
                            (Content::Unit, Content::Unit) => true,
                            (Content::Newtype(r), Content::Newtype(w)) => same(r, w),
                            (Content::Tuple(r), Content::Tuple(w)) => {
                                r.len() == w.len() && r.iter().zip(w).all(|(r, w)| same(r, w))
                            }
                            (Content::Struct(r), Content::Struct(w)) => same_fields(r, w, &mut same),
                            _ => false,
                        }
                })
        }
        (Schema::Row { version: rv, columns: r }, Schema::Row { version: wv, columns: w }) => {
            rv == wv && r.len() == w.len() && r.iter().zip(w).all(|(r, w)| r.reads(w))
        }
        (r, w) => match (parts(r), parts(w)) {
            (Some(r), Some(w)) => r.len() == w.len() && r.iter().zip(&w).all(|(r, w)| same(r, w)),
            _ => r == w,
        },
    }
}

fn same_fields(reader: &[Field], writer: &[Field], same: &mut impl FnMut(&Schema, &Schema) -> bool) -> bool {
    reader.len() == writer.len()
        && reader.iter().zip(writer).all(|(r, w)| r.name == w.name && same(&r.schema, &w.schema))
}

/// The values by position of what is written as such.
pub(super) fn parts(node: &Schema) -> Option<Vec<&Schema>> {
    match node {
        Schema::Tuple(parts) | Schema::TupleStruct { fields: parts, .. } => Some(parts.iter().collect()),
        // An array of nothing to read may say any length, so its element stands for all.
        Schema::Array { of, length } => Some(vec![of; (*length).min(ARRAY_MAX)]),
        _ => None,
    }
}

/// Longer arrays than this are taken for this long.
const ARRAY_MAX: usize = 1 << 16;

pub(super) fn names<'s>(name: &'s str, aliases: &'s [String]) -> Vec<&'s str> {
    [name].into_iter().chain(aliases.iter().map(String::as_str)).collect()
}

pub(super) fn is_called_alike(reader: &[&str], writer: &[&str]) -> bool {
    reader.iter().any(|name| writer.contains(name))
}
