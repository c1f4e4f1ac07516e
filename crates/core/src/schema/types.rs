//! The tree itself: what a type's serde form is, in the order in which it is written.

use super::columns::Column;
use serde::{Deserialize, Serialize};

/// What a type's serde form is. Two types with the same schema are read from the same bytes.
///
/// It is stored with state as JSON, so its serde form may grow and never change. Names are those that `Deserialize`
/// knows; the encoding itself ([`crate::codec`]) carries none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the scalars are called what they are")]
pub enum Schema {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    String,
    /// Bytes by `serialize_bytes`; a `Vec<u8>` is a sequence of `u8`, which is written in the same way.
    Bytes,
    /// Nothing: `()`, a struct without content, `PhantomData`.
    Unit,
    /// A value that may be absent.
    Option(Box<Schema>),
    /// Any number of values.
    Seq(Box<Schema>),
    /// Any number of pairs.
    Map {
        key: Box<Schema>,
        value: Box<Schema>,
    },
    /// A fixed number of values.
    Tuple(Vec<Schema>),
    /// A fixed number of values of one type. The same bytes as those of a tuple.
    Array {
        of: Box<Schema>,
        length: usize,
    },
    /// A struct with named fields.
    Struct {
        name: String,
        fields: Vec<Field>,
    },
    /// A struct with fields by position.
    TupleStruct {
        name: String,
        fields: Vec<Schema>,
    },
    /// A struct around one value. The same bytes as those of the value.
    Newtype {
        name: String,
        of: Box<Schema>,
    },
    /// One of several variants.
    Enum {
        name: String,
        variants: Vec<Variant>,
    },
    /// A row of columns as bytes, written as [`Schema::Bytes`] are.
    Row {
        /// How a row looks in bytes: [`ROW_VERSION`](super::ROW_VERSION).
        version: u32,
        columns: Vec<Column>,
    },
    /// The nearest type of this name that stands around this place: a type that contains itself.
    Recursive(String),
    /// A type that could not be looked into, by its Rust name. Its bytes are read by it alone and by nothing else, and
    /// nobody knows where they end.
    Opaque(String),
}

/// A named field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Field {
    /// The name.
    pub name: String,
    /// Other names under which it is found (`#[serde(alias = "...")]`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub schema: Schema,
    /// Whether a value without it can be read (`#[serde(default)]`, or an `Option`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Variant {
    /// The name; if it has aliases, the first of all its names.
    pub name: String,
    /// Other names under which it is found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Content::is_unit")]
    pub content: Content,
}

/// What a variant of an enum holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Nothing.
    #[default]
    Unit,
    /// One value.
    Newtype(Schema),
    /// Values by position.
    Tuple(Vec<Schema>),
    /// Named fields.
    Struct(Vec<Field>),
}

impl Content {
    /// Whether it is nothing.
    pub fn is_unit(&self) -> bool {
        *self == Content::Unit
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Schema {
    /// The name that [`Schema::Recursive`] inside of it refers to.
    pub fn name(&self) -> Option<&str> {
        match self {
            Schema::Struct { name, .. }
            | Schema::TupleStruct { name, .. }
            | Schema::Newtype { name, .. }
            | Schema::Enum { name, .. } => Some(name),
            _ => None,
        }
    }

    /// A row of these columns.
    pub fn row(columns: Vec<Column>) -> Schema {
        Schema::Row { version: super::ROW_VERSION, columns }
    }

    /// The type inside of newtypes, whose bytes are the same.
    pub fn without_newtypes(&self) -> &Schema {
        match self {
            Schema::Newtype { of, .. } => of.without_newtypes(),
            other => other,
        }
    }

    /// Whether a part of it could not be looked into, so that nobody but the type itself can tell where it ends.
    pub fn is_opaque(&self) -> bool {
        match self {
            Schema::Opaque(_) => true,
            Schema::Option(of) | Schema::Seq(of) | Schema::Newtype { of, .. } => of.is_opaque(),
            Schema::Array { of, length } => *length > 0 && of.is_opaque(),
            Schema::Map { key, value } => key.is_opaque() || value.is_opaque(),
            Schema::Tuple(parts) | Schema::TupleStruct { fields: parts, .. } => parts.iter().any(Schema::is_opaque),
            Schema::Struct { fields, .. } => fields.iter().any(|field| field.schema.is_opaque()),
            Schema::Enum { variants, .. } => variants.iter().any(|variant| match &variant.content {
                Content::Unit => false,
                Content::Newtype(of) => of.is_opaque(),
                Content::Tuple(parts) => parts.iter().any(Schema::is_opaque),
                Content::Struct(fields) => fields.iter().any(|field| field.schema.is_opaque()),
            }),
            _ => false,
        }
    }
}

/// The named types around a place in a schema, innermost first, so that [`Schema::Recursive`] can be followed.
#[derive(Clone, Copy)]
pub struct Scope<'s> {
    node: &'s Schema,
    around: Option<&'s Scope<'s>>,
}

impl<'s> Scope<'s> {
    /// The scope inside of `node`, which stands in `around`.
    pub fn within(node: &'s Schema, around: Option<&'s Scope<'s>>) -> Scope<'s> {
        Scope { node, around }
    }

    /// The type of this name and the scope in which it stands itself.
    pub fn find(scope: Option<&'s Scope<'s>>, name: &str) -> Option<(&'s Schema, Option<&'s Scope<'s>>)> {
        let mut at = scope;
        while let Some(scope) = at {
            if scope.node.name() == Some(name) {
                return Some((scope.node, scope.around));
            }
            at = scope.around;
        }
        None
    }
}
