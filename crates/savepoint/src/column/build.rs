//! From the codec's bytes to arrays.

use super::shape::{Shape, entries_field, entry_fields};
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, NullBufferBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::ArrowError;
use flott_core::schema::wire::{self, Malformed};
use std::fmt::Write as _;
use std::sync::Arc;

/// Collects the values of a column.
pub(crate) struct Builder {
    shape: Shape,
    content: Content,
}

enum Content {
    Bool(BooleanBuilder),
    I8(PrimitiveBuilder<Int8Type>),
    I16(PrimitiveBuilder<Int16Type>),
    I32(PrimitiveBuilder<Int32Type>),
    I64(PrimitiveBuilder<Int64Type>),
    U8(PrimitiveBuilder<UInt8Type>),
    U16(PrimitiveBuilder<UInt16Type>),
    U32(PrimitiveBuilder<UInt32Type>),
    U64(PrimitiveBuilder<UInt64Type>),
    F32(PrimitiveBuilder<Float32Type>),
    F64(PrimitiveBuilder<Float64Type>),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    FixedBytes(FixedSizeBinaryBuilder),
    /// The one inside of an option takes the nulls.
    Option(Box<Builder>),
    List(Box<Builder>, Rows),
    Map(Box<(Builder, Builder)>, Rows),
    Struct(Vec<Builder>, NullBufferBuilder),
    Enum {
        tag: StringBuilder,
        variants: Vec<Option<Builder>>,
        nulls: NullBufferBuilder,
    },
}

/// Where the values of rows end, and which rows are null.
struct Rows {
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Rows {
    fn new() -> Rows {
        Rows { ends: vec![0], nulls: NullBufferBuilder::new(0) }
    }

    fn push(&mut self, len: usize) -> Result<(), Malformed> {
        let end = self.ends.last().copied().unwrap_or_default();
        let len = i32::try_from(len).ok().and_then(|len| end.checked_add(len));
        self.ends.push(len.ok_or(Malformed("there are too many elements"))?);
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.ends.push(self.ends.last().copied().unwrap_or_default());
        self.nulls.append_null();
    }

    fn offsets(&mut self) -> OffsetBuffer<i32> {
        OffsetBuffer::new(std::mem::replace(&mut self.ends, vec![0]).into())
    }
}

impl Builder {
    pub fn new(shape: &Shape) -> Builder {
        let boxed = |shape: &Shape| Box::new(Builder::new(shape));
        let content = match shape {
            Shape::Bool | Shape::Unit => Content::Bool(BooleanBuilder::new()),
            Shape::I8 => Content::I8(PrimitiveBuilder::new()),
            Shape::I16 => Content::I16(PrimitiveBuilder::new()),
            Shape::I32 => Content::I32(PrimitiveBuilder::new()),
            Shape::I64 => Content::I64(PrimitiveBuilder::new()),
            Shape::U8 => Content::U8(PrimitiveBuilder::new()),
            Shape::U16 => Content::U16(PrimitiveBuilder::new()),
            Shape::U32 => Content::U32(PrimitiveBuilder::new()),
            Shape::U64 => Content::U64(PrimitiveBuilder::new()),
            Shape::F32 => Content::F32(PrimitiveBuilder::new()),
            Shape::F64 => Content::F64(PrimitiveBuilder::new()),
            Shape::WideSigned | Shape::WideUnsigned | Shape::Char | Shape::Text | Shape::Name(_) => {
                Content::Text(StringBuilder::new())
            }
            Shape::Bytes | Shape::Raw(_) | Shape::Opaque => Content::Bytes(BinaryBuilder::new()),
            Shape::FixedBytes(len) => Content::FixedBytes(FixedSizeBinaryBuilder::new(*len)),
            Shape::Option(of) => Content::Option(boxed(of)),
            Shape::List(of) | Shape::Array(of, _) => Content::List(boxed(of), Rows::new()),
            Shape::Map(key, value) => Content::Map(Box::new((Builder::new(key), Builder::new(value))), Rows::new()),
            Shape::Struct(fields) => Content::Struct(
                fields.iter().map(|(_, shape)| Builder::new(shape)).collect(),
                NullBufferBuilder::new(0),
            ),
            Shape::Enum { variants, .. } => Content::Enum {
                tag: StringBuilder::new(),
                variants: variants.iter().map(|(_, shape)| shape.as_ref().map(Builder::new)).collect(),
                nulls: NullBufferBuilder::new(0),
            },
        };
        Builder { shape: shape.clone(), content }
    }

    /// Takes one value from the front of `input`.
    pub fn append(&mut self, input: &mut &[u8]) -> Result<(), Malformed> {
        match (&mut self.content, &self.shape) {
            (Content::Bool(to), Shape::Unit) => to.append_value(true),
            (Content::Bool(to), _) => to.append_value(wire::flag(input)?),
            (Content::I8(to), _) => to.append_value(wire::byte(input)? as i8),
            (Content::I16(to), _) => to.append_value(narrow(wire::signed(input)?)?),
            (Content::I32(to), _) => to.append_value(narrow(wire::signed(input)?)?),
            (Content::I64(to), _) => to.append_value(wire::signed(input)?),
            (Content::U8(to), _) => to.append_value(wire::byte(input)?),
            (Content::U16(to), _) => to.append_value(narrow(wire::unsigned(input)?)?),
            (Content::U32(to), _) => to.append_value(narrow(wire::unsigned(input)?)?),
            (Content::U64(to), _) => to.append_value(wire::unsigned(input)?),
            (Content::F32(to), _) => to.append_value(wire::float(input)?),
            (Content::F64(to), _) => to.append_value(wire::double(input)?),
            (Content::Text(to), Shape::WideSigned) => append_shown(to, wire::signed_wide(input)?),
            (Content::Text(to), Shape::WideUnsigned) => append_shown(to, wire::unsigned_wide(input)?),
            (Content::Text(to), Shape::Name(names)) => to.append_value(chosen(names, input)?.1),
            (Content::Text(to), Shape::Char) => append_shown(to, wire::character(input)?),
            (Content::Text(to), _) => to.append_value(wire::text(input)?),
            (Content::Bytes(to), Shape::Opaque) => to.append_value(std::mem::take(input)),
            (Content::Bytes(to), Shape::Raw(skipper)) => to.append_value(skipper.take(input)?),
            (Content::Bytes(to), _) => to.append_value(wire::bytes(input)?),
            (Content::FixedBytes(to), Shape::FixedBytes(len)) => {
                let value = wire::take(input, *len as usize)?;
                to.append_value(value).map_err(|_| Malformed("they end too early"))?;
            }
            (Content::FixedBytes(_), _) => return Err(Malformed("a column is not that of its schema")),
            (Content::Option(of), _) => match wire::flag(input)? {
                true => of.append(input)?,
                false => of.append_null(),
            },
            (Content::List(of, rows), shape) => {
                let len = match shape {
                    Shape::Array(_, len) => *len,
                    _ => wire::length(input)?,
                };
                rows.push(len)?;
                for _ in 0..len {
                    of.append(input)?;
                }
            }
            (Content::Map(pair, rows), _) => {
                let len = wire::length(input)?;
                rows.push(len)?;
                for _ in 0..len {
                    pair.0.append(input)?;
                    pair.1.append(input)?;
                }
            }
            (Content::Struct(fields, nulls), _) => {
                for field in fields {
                    field.append(input)?;
                }
                nulls.append_non_null();
            }
            (Content::Enum { tag, variants, nulls }, Shape::Enum { variants: names, .. }) => {
                let (number, name) = chosen(names, input)?;
                tag.append_value(&name.0);
                for (n, variant) in variants.iter_mut().enumerate() {
                    match variant {
                        Some(content) if n == number => content.append(input)?,
                        Some(content) => content.append_null(),
                        None => {}
                    }
                }
                nulls.append_non_null();
            }
            (Content::Enum { .. }, _) => return Err(Malformed("a column is not that of its schema")),
        }
        Ok(())
    }

    /// There is no value.
    pub fn append_null(&mut self) {
        match &mut self.content {
            Content::Bool(to) => to.append_null(),
            Content::I8(to) => to.append_null(),
            Content::I16(to) => to.append_null(),
            Content::I32(to) => to.append_null(),
            Content::I64(to) => to.append_null(),
            Content::U8(to) => to.append_null(),
            Content::U16(to) => to.append_null(),
            Content::U32(to) => to.append_null(),
            Content::U64(to) => to.append_null(),
            Content::F32(to) => to.append_null(),
            Content::F64(to) => to.append_null(),
            Content::Text(to) => to.append_null(),
            Content::Bytes(to) => to.append_null(),
            Content::FixedBytes(to) => to.append_null(),
            Content::Option(of) => of.append_null(),
            Content::List(_, rows) | Content::Map(_, rows) => rows.push_null(),
            Content::Struct(fields, nulls) => {
                fields.iter_mut().for_each(Builder::append_null);
                nulls.append_null();
            }
            Content::Enum { tag, variants, nulls } => {
                tag.append_null();
                variants.iter_mut().flatten().for_each(Builder::append_null);
                nulls.append_null();
            }
        }
    }

    /// The array of everything that was appended; empties the builder.
    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match &mut self.content {
            Content::Bool(to) => Arc::new(to.finish()),
            Content::I8(to) => Arc::new(to.finish()),
            Content::I16(to) => Arc::new(to.finish()),
            Content::I32(to) => Arc::new(to.finish()),
            Content::I64(to) => Arc::new(to.finish()),
            Content::U8(to) => Arc::new(to.finish()),
            Content::U16(to) => Arc::new(to.finish()),
            Content::U32(to) => Arc::new(to.finish()),
            Content::U64(to) => Arc::new(to.finish()),
            Content::F32(to) => Arc::new(to.finish()),
            Content::F64(to) => Arc::new(to.finish()),
            Content::Text(to) => Arc::new(to.finish()),
            Content::Bytes(to) => Arc::new(to.finish()),
            Content::FixedBytes(to) => Arc::new(to.finish()),
            Content::Option(of) => of.finish()?,
            Content::List(of, rows) => {
                let field = of.shape.element_field();
                Arc::new(ListArray::try_new(field, rows.offsets(), of.finish()?, rows.nulls.finish())?)
            }
            Content::Map(pair, rows) => {
                let (key, value) = &mut **pair;
                let fields = entry_fields(&key.shape, &value.shape);
                let field = entries_field(&key.shape, &value.shape);
                let entries = StructArray::try_new(fields, vec![key.finish()?, value.finish()?], None)?;
                Arc::new(MapArray::try_new(field, rows.offsets(), entries, rows.nulls.finish(), false)?)
            }
            Content::Struct(fields, nulls) => {
                let arrays = fields.iter_mut().map(Builder::finish).collect::<Result<_, _>>()?;
                Arc::new(StructArray::try_new(self.shape.fields(), arrays, nulls.finish())?)
            }
            Content::Enum { tag, variants, nulls } => {
                let tag: ArrayRef = Arc::new(tag.finish());
                let held = variants.iter_mut().flatten().map(Builder::finish);
                let arrays = [Ok(tag)].into_iter().chain(held).collect::<Result<_, _>>()?;
                Arc::new(StructArray::try_new(self.shape.fields(), arrays, nulls.finish())?)
            }
        })
    }
}

fn narrow<W, N: TryFrom<W>>(value: W) -> Result<N, Malformed> {
    N::try_from(value).map_err(|_| Malformed("a number does not fit its type"))
}

/// The variant that comes next.
fn chosen<'n, N>(names: &'n [N], input: &mut &[u8]) -> Result<(usize, &'n N), Malformed> {
    let number = wire::length(input)?;
    let name = names.get(number).ok_or(Malformed("a value is of a variant that its enum does not have"))?;
    Ok((number, name))
}

/// Appends what it looks like, without a copy of its own.
fn append_shown(to: &mut StringBuilder, value: impl std::fmt::Display) {
    // Writing into a builder never fails.
    let _ = write!(to, "{value}");
    to.append_value("");
}
