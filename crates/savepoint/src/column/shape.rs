//! What a schema is as a column: the table of types that `docs/savepoints.md` shows.

use arrow_schema::{DataType, Field, Fields};
use flott_core::schema::{Content, Schema, Skipper};
use flott_core::{Error, Result};
use std::sync::Arc;

/// Arrays of Rust's that serde knows are far shorter.
const ARRAY_MAX: i32 = 1 << 20;

/// A column, or a part of one.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    /// A 128-bit number as decimal text: no integer of that size is known to every reader of Parquet.
    WideSigned,
    WideUnsigned,
    Char,
    Text,
    Bytes,
    FixedBytes(i32),
    /// There is nothing to show: `true`, so that it can still be absent.
    Unit,
    /// Null if absent.
    Option(Box<Shape>),
    List(Box<Shape>),
    /// A list of always as many.
    Array(Box<Shape>, usize),
    Map(Box<Shape>, Box<Shape>),
    Struct(Vec<(String, Shape)>),
    /// An enum whose variants hold nothing: its name.
    Name(Vec<String>),
    /// An enum: a struct of the variant's name and a column for each variant that holds something.
    Enum {
        tag: String,
        variants: Vec<(String, Option<Shape>)>,
    },
    /// The codec's bytes, of a type that contains itself.
    Raw(Box<Skipper>),
    /// The codec's bytes up to their end, of a type that could not be looked into.
    Opaque,
}

impl Shape {
    /// The column of a whole key, namespace or value.
    pub fn of(schema: &Schema) -> Result<Shape> {
        if schema.is_opaque() { Ok(Shape::Opaque) } else { Shape::part(schema) }
    }

    fn part(schema: &Schema) -> Result<Shape> {
        if schema.name().is_some_and(|name| refers_to(schema, name)) {
            return Ok(Shape::Raw(Box::new(Skipper::new(schema)?)));
        }
        let boxed = |schema: &Schema| Shape::part(schema).map(Box::new);
        Ok(match schema {
            Schema::Bool => Shape::Bool,
            Schema::I8 => Shape::I8,
            Schema::I16 => Shape::I16,
            Schema::I32 => Shape::I32,
            Schema::I64 => Shape::I64,
            Schema::I128 => Shape::WideSigned,
            Schema::U8 => Shape::U8,
            Schema::U16 => Shape::U16,
            Schema::U32 => Shape::U32,
            Schema::U64 => Shape::U64,
            Schema::U128 => Shape::WideUnsigned,
            Schema::F32 => Shape::F32,
            Schema::F64 => Shape::F64,
            Schema::Char => Shape::Char,
            Schema::String => Shape::Text,
            Schema::Bytes | Schema::Row { .. } => Shape::Bytes,
            Schema::Unit => Shape::Unit,
            Schema::Option(of) => match Shape::part(of)? {
                // Absent, and present but itself absent, are two things.
                inner @ Shape::Option(_) => Shape::Option(Box::new(Shape::Struct(vec![("some".to_owned(), inner)]))),
                inner => Shape::Option(Box::new(inner)),
            },
            Schema::Seq(of) if *of.without_newtypes() == Schema::U8 => Shape::Bytes,
            Schema::Seq(of) => Shape::List(boxed(of)?),
            Schema::Array { of, length } => match (of.without_newtypes(), i32::try_from(*length)) {
                (_, Ok(0)) => Shape::Unit,
                (_, length) if length.is_err() || length.is_ok_and(|length| length > ARRAY_MAX) => {
                    return Err(Error::limit(format!("an array of {length:?} values is more than {ARRAY_MAX}")));
                }
                (Schema::U8, Ok(length)) => Shape::FixedBytes(length),
                _ => Shape::Array(boxed(of)?, *length),
            },
            Schema::Map { key, value } => match Shape::part(key)? {
                // A key of a map is never null in Parquet.
                key @ Shape::Option(_) => Shape::List(Box::new(Shape::Struct(vec![
                    ("key".to_owned(), key),
                    ("value".to_owned(), Shape::part(value)?),
                ]))),
                key => Shape::Map(Box::new(key), boxed(value)?),
            },
            Schema::Tuple(parts) | Schema::TupleStruct { fields: parts, .. } => by_position(parts)?,
            Schema::Struct { fields, .. } => named(fields)?,
            Schema::Newtype { of, .. } => Shape::part(of)?,
            Schema::Enum { variants, .. } if variants.iter().all(|variant| variant.content.is_unit()) => {
                Shape::Name(variants.iter().map(|variant| variant.name.clone()).collect())
            }
            Schema::Enum { variants, .. } => {
                let mut names = Names::default();
                let tag = names.unique("variant");
                let mut columns = Vec::new();
                for variant in variants {
                    let shape = match &variant.content {
                        Content::Unit => None,
                        Content::Newtype(of) => Some(match Shape::part(of)? {
                            // The column is null for other variants.
                            of @ Shape::Option(_) => Shape::Struct(vec![("_0".to_owned(), of)]),
                            of => of,
                        }),
                        Content::Tuple(parts) => Some(by_position(parts)?),
                        Content::Struct(fields) => Some(named(fields)?),
                    };
                    columns.push((names.unique(&variant.name), shape));
                }
                Shape::Enum { tag, variants: columns }
            }
            Schema::Recursive(_) | Schema::Opaque(_) => {
                return Err(Error::corrupt(format!(
                    "a schema of a savepoint refers to a type that is not around it: {schema}"
                )));
            }
        })
    }

    /// Whether a null of the column is a value.
    pub fn is_nullable(&self) -> bool {
        matches!(self, Shape::Option(_))
    }

    /// The column's type.
    pub fn data_type(&self) -> DataType {
        match self {
            Shape::Bool | Shape::Unit => DataType::Boolean,
            Shape::I8 => DataType::Int8,
            Shape::I16 => DataType::Int16,
            Shape::I32 => DataType::Int32,
            Shape::I64 => DataType::Int64,
            Shape::U8 => DataType::UInt8,
            Shape::U16 => DataType::UInt16,
            Shape::U32 => DataType::UInt32,
            Shape::U64 => DataType::UInt64,
            Shape::F32 => DataType::Float32,
            Shape::F64 => DataType::Float64,
            Shape::WideSigned | Shape::WideUnsigned | Shape::Char | Shape::Text | Shape::Name(_) => DataType::Utf8,
            Shape::Bytes | Shape::Raw(_) | Shape::Opaque => DataType::Binary,
            Shape::FixedBytes(len) => DataType::FixedSizeBinary(*len),
            Shape::Option(of) => of.data_type(),
            Shape::List(of) | Shape::Array(of, _) => DataType::List(of.element_field()),
            Shape::Map(key, value) => DataType::Map(entries_field(key, value), false),
            Shape::Struct(_) | Shape::Enum { .. } => DataType::Struct(self.fields()),
        }
    }

    /// The column under a name.
    pub fn field(&self, name: &str) -> Field {
        Field::new(name, self.data_type(), self.is_nullable())
    }

    /// The element of a list of this.
    pub fn element_field(&self) -> Arc<Field> {
        Arc::new(Field::new("element", self.data_type(), true))
    }

    /// The fields of a struct or an enum. They may all be null: where the struct is null its fields are, and engines that
    /// take a field out of a struct do not always look at the struct.
    pub fn fields(&self) -> Fields {
        match self {
            Shape::Struct(fields) => {
                fields.iter().map(|(name, shape)| Field::new(name, shape.data_type(), true)).collect()
            }
            Shape::Enum { tag, variants } => {
                let tag = Field::new(tag, DataType::Utf8, true);
                let held = variants
                    .iter()
                    .filter_map(|(name, shape)| shape.as_ref().map(|shape| Field::new(name, shape.data_type(), true)));
                [tag].into_iter().chain(held).collect()
            }
            _ => Fields::empty(),
        }
    }
}

/// The entries of a map.
pub(crate) fn entries_field(key: &Shape, value: &Shape) -> Arc<Field> {
    Arc::new(Field::new("key_value", DataType::Struct(entry_fields(key, value)), false))
}

pub(crate) fn entry_fields(key: &Shape, value: &Shape) -> Fields {
    Fields::from(vec![Field::new("key", key.data_type(), false), Field::new("value", value.data_type(), true)])
}

fn by_position(parts: &[Schema]) -> Result<Shape> {
    if parts.is_empty() {
        return Ok(Shape::Unit);
    }
    let column = |(n, part): (usize, &Schema)| Ok((format!("_{n}"), Shape::part(part)?));
    parts.iter().enumerate().map(column).collect::<Result<_>>().map(Shape::Struct)
}

fn named(fields: &[flott_core::schema::Field]) -> Result<Shape> {
    if fields.is_empty() {
        return Ok(Shape::Unit);
    }
    let mut names = Names::default();
    let column = |field: &flott_core::schema::Field| Ok((names.unique(&field.name), Shape::part(&field.schema)?));
    fields.iter().map(column).collect::<Result<_>>().map(Shape::Struct)
}

/// Whether a type refers to the one called `name` that stands around it.
fn refers_to(schema: &Schema, name: &str) -> bool {
    let all = |parts: &[Schema]| parts.iter().any(|part| refers_to(part, name));
    let fields = |fields: &[flott_core::schema::Field]| fields.iter().any(|field| refers_to(&field.schema, name));
    match schema {
        Schema::Recursive(of) => of == name,
        Schema::Option(of) | Schema::Seq(of) | Schema::Array { of, .. } | Schema::Newtype { of, .. } => {
            refers_to(of, name)
        }
        Schema::Map { key, value } => refers_to(key, name) || refers_to(value, name),
        Schema::Tuple(parts) | Schema::TupleStruct { fields: parts, .. } => all(parts),
        Schema::Struct { fields: of, .. } => fields(of),
        Schema::Enum { variants, .. } => variants.iter().any(|variant| match &variant.content {
            Content::Unit => false,
            Content::Newtype(of) => refers_to(of, name),
            Content::Tuple(parts) => all(parts),
            Content::Struct(of) => fields(of),
        }),
        _ => false,
    }
}

/// Names of columns that stand beside each other. SQL engines do not tell upper from lower case.
#[derive(Default)]
pub(crate) struct Names(Vec<String>);

impl Names {
    /// The name, with as many `_` behind it as it takes to be the only one.
    pub fn unique(&mut self, name: &str) -> String {
        let mut name = name.to_owned();
        while self.has(&name) || name.is_empty() {
            name.push('_');
        }
        self.0.push(name.to_lowercase());
        name
    }

    /// Whether there is one like it.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(&name.to_lowercase())
    }
}
