//! From arrays to the codec's bytes.

use super::shape::Shape;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, ListArray, MapArray, StringArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::DataType;
use flott_core::schema::wire::{Malformed, put_bytes, put_signed, put_unsigned};

/// Gives out the values of a column.
pub(crate) struct Column<'a> {
    array: &'a dyn Array,
    content: Content<'a>,
}

enum Content<'a> {
    Unit,
    Bool(&'a BooleanArray),
    I8(&'a Int8Array),
    I16(&'a Int16Array),
    I32(&'a Int32Array),
    I64(&'a Int64Array),
    U8(&'a UInt8Array),
    U16(&'a UInt16Array),
    U32(&'a UInt32Array),
    U64(&'a UInt64Array),
    F32(&'a Float32Array),
    F64(&'a Float64Array),
    WideSigned(&'a StringArray),
    WideUnsigned(&'a StringArray),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    /// As they are.
    Raw(&'a BinaryArray),
    FixedBytes(&'a FixedSizeBinaryArray),
    /// Bytes that must be of this length.
    LooseBytes(&'a BinaryArray, usize),
    Option(Box<Column<'a>>),
    List(&'a ListArray, Box<Column<'a>>, Option<usize>),
    Map(&'a MapArray, Box<(Column<'a>, Column<'a>)>),
    Struct(Vec<Column<'a>>),
    Name(&'a StringArray, &'a [String]),
    Enum(&'a StringArray, Vec<(&'a str, Option<Column<'a>>)>),
}

impl<'a> Column<'a> {
    /// The values of an array, or what type it has instead.
    pub fn new(shape: &'a Shape, array: &'a dyn Array) -> Result<Column<'a>, String> {
        let wrong = || format!("is of type {} instead of {}", array.data_type(), shape.data_type());
        let content = match shape {
            Shape::Unit => Content::Unit,
            Shape::Bool => Content::Bool(array.as_boolean_opt().ok_or_else(wrong)?),
            Shape::I8 => Content::I8(array.as_primitive_opt::<Int8Type>().ok_or_else(wrong)?),
            Shape::I16 => Content::I16(array.as_primitive_opt::<Int16Type>().ok_or_else(wrong)?),
            Shape::I32 => Content::I32(array.as_primitive_opt::<Int32Type>().ok_or_else(wrong)?),
            Shape::I64 => Content::I64(array.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?),
            Shape::U8 => Content::U8(array.as_primitive_opt::<UInt8Type>().ok_or_else(wrong)?),
            Shape::U16 => Content::U16(array.as_primitive_opt::<UInt16Type>().ok_or_else(wrong)?),
            Shape::U32 => Content::U32(array.as_primitive_opt::<UInt32Type>().ok_or_else(wrong)?),
            Shape::U64 => Content::U64(array.as_primitive_opt::<UInt64Type>().ok_or_else(wrong)?),
            Shape::F32 => Content::F32(array.as_primitive_opt::<Float32Type>().ok_or_else(wrong)?),
            Shape::F64 => Content::F64(array.as_primitive_opt::<Float64Type>().ok_or_else(wrong)?),
            Shape::WideSigned => Content::WideSigned(array.as_string_opt().ok_or_else(wrong)?),
            Shape::WideUnsigned => Content::WideUnsigned(array.as_string_opt().ok_or_else(wrong)?),
            Shape::Char | Shape::Text => Content::Text(array.as_string_opt().ok_or_else(wrong)?),
            Shape::Name(names) => Content::Name(array.as_string_opt().ok_or_else(wrong)?, names),
            Shape::Bytes => Content::Bytes(array.as_binary_opt().ok_or_else(wrong)?),
            Shape::Raw(_) | Shape::Opaque => Content::Raw(array.as_binary_opt().ok_or_else(wrong)?),
            // Other programs know no binary of a fixed size.
            Shape::FixedBytes(len) if *array.data_type() == DataType::Binary => {
                Content::LooseBytes(array.as_binary_opt().ok_or_else(wrong)?, *len as usize)
            }
            Shape::FixedBytes(len) => {
                let array = array.as_fixed_size_binary_opt().filter(|array| array.value_length() == *len);
                Content::FixedBytes(array.ok_or_else(wrong)?)
            }
            Shape::Option(of) => Content::Option(Box::new(Column::new(of, array)?)),
            Shape::List(of) | Shape::Array(of, _) => {
                let list: &ListArray = array.as_list_opt().ok_or_else(wrong)?;
                let fixed = if let Shape::Array(_, len) = shape { Some(*len) } else { None };
                Content::List(list, Box::new(Column::new(of, list.values())?), fixed)
            }
            Shape::Map(key, value) => {
                let map = array.as_map_opt().ok_or_else(wrong)?;
                let pair = (Column::new(key, map.keys())?, Column::new(value, map.values())?);
                Content::Map(map, Box::new(pair))
            }
            Shape::Struct(fields) => {
                let column = |(name, shape): &'a (String, Shape)| {
                    let array = array.as_struct_opt().and_then(|array| array.column_by_name(name));
                    Column::new(shape, array.ok_or_else(wrong)?)
                };
                Content::Struct(fields.iter().map(column).collect::<Result<_, _>>()?)
            }
            Shape::Enum { tag, variants } => {
                let held = |name: &str| array.as_struct_opt().and_then(|array| array.column_by_name(name));
                let tag = held(tag).and_then(|tag| tag.as_string_opt()).ok_or_else(wrong)?;
                let variant = |(name, shape): &'a (String, Option<Shape>)| {
                    let column = |shape: &'a Shape| Column::new(shape, held(name).ok_or_else(wrong)?);
                    Ok((name.as_str(), shape.as_ref().map(column).transpose()?))
                };
                Content::Enum(tag, variants.iter().map(variant).collect::<Result<_, String>>()?)
            }
        };
        Ok(Column { array, content })
    }

    /// Appends the value of a row.
    pub fn encode(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
        if let Content::Option(of) = &self.content {
            out.push(u8::from(!self.array.is_null(row)));
            return if self.array.is_null(row) { Ok(()) } else { of.encode(row, out) };
        }
        if self.array.is_null(row) {
            return Err(Malformed("a value is null that must not be"));
        }
        match &self.content {
            Content::Unit | Content::Option(_) => {}
            Content::Bool(from) => out.push(u8::from(from.value(row))),
            Content::I8(from) => out.push(from.value(row) as u8),
            Content::I16(from) => put_signed(from.value(row).into(), out),
            Content::I32(from) => put_signed(from.value(row).into(), out),
            Content::I64(from) => put_signed(from.value(row).into(), out),
            Content::U8(from) => out.push(from.value(row)),
            Content::U16(from) => put_unsigned(from.value(row).into(), out),
            Content::U32(from) => put_unsigned(from.value(row).into(), out),
            Content::U64(from) => put_unsigned(from.value(row).into(), out),
            Content::F32(from) => out.extend_from_slice(&from.value(row).to_le_bytes()),
            Content::F64(from) => out.extend_from_slice(&from.value(row).to_le_bytes()),
            Content::WideSigned(from) => put_signed(number(from.value(row))?, out),
            Content::WideUnsigned(from) => put_unsigned(number(from.value(row))?, out),
            Content::Text(from) => put_bytes(from.value(row).as_bytes(), out),
            Content::Bytes(from) => put_bytes(from.value(row), out),
            Content::Raw(from) => out.extend_from_slice(from.value(row)),
            Content::LooseBytes(from, len) => {
                if from.value_length(row) as usize != *len {
                    return Err(Malformed("an array has another length"));
                }
                out.extend_from_slice(from.value(row));
            }
            Content::FixedBytes(from) => out.extend_from_slice(from.value(row)),
            Content::List(list, of, fixed) => {
                let offsets = list.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                match fixed {
                    Some(len) if *len != end - start => return Err(Malformed("an array has another length")),
                    Some(_) => {}
                    None => put_unsigned((end - start) as u128, out),
                }
                for element in start..end {
                    of.encode(element, out)?;
                }
            }
            Content::Map(map, pair) => {
                let offsets = map.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                put_unsigned((end - start) as u128, out);
                for entry in start..end {
                    pair.0.encode(entry, out)?;
                    pair.1.encode(entry, out)?;
                }
            }
            Content::Struct(fields) => {
                for field in fields {
                    field.encode(row, out)?;
                }
            }
            Content::Name(from, names) => {
                let name = from.value(row);
                let number = names.iter().position(|known| known == name).ok_or(UNKNOWN_VARIANT)?;
                put_unsigned(number as u128, out);
            }
            Content::Enum(tag, variants) => {
                let name = tag.value(row);
                let number = variants.iter().position(|(known, _)| *known == name).ok_or(UNKNOWN_VARIANT)?;
                put_unsigned(number as u128, out);
                if let (_, Some(content)) = &variants[number] {
                    content.encode(row, out)?;
                }
            }
        }
        Ok(())
    }
}

const UNKNOWN_VARIANT: Malformed = Malformed("a value is of a variant that its enum does not have");

fn number<N: std::str::FromStr>(text: &str) -> Result<N, Malformed> {
    text.parse().map_err(|_| Malformed("a text is not a number of 128 bits"))
}
