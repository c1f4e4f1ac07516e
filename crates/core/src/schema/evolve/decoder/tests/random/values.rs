//! Random values of a schema, with their bytes.

use super::generate::Dice;
use crate::schema::{Content, Field, Schema, wire};

/// A value of any schema.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Int(i128),
    Wide(u128),
    Float(f64),
    Text(String),
    Unit,
    Option(Option<Box<Value>>),
    Many(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Fields(Vec<(String, Value)>),
    Variant(String, Box<Value>),
    /// Of a field that was not there.
    Default,
}

/// The types around a place, so that references can be followed.
pub(super) type Around<'s> = Vec<&'s Schema>;

/// The schema behind newtypes and references, and what stands around its parts.
pub(super) fn resolve<'s>(mut node: &'s Schema, mut around: Around<'s>) -> (&'s Schema, Around<'s>) {
    loop {
        match node {
            Schema::Recursive(name) => {
                let at = around.iter().rposition(|node| node.name() == Some(name)).unwrap();
                node = around[at];
                around.truncate(at);
            }
            Schema::Newtype { of, .. } => {
                around.push(node);
                node = of;
            }
            _ => {
                around.push(node);
                return (node, around);
            }
        }
    }
}

/// A random value and its bytes.
pub(super) fn value(node: &Schema, around: Around<'_>, dice: &mut Dice, depth: usize, out: &mut Vec<u8>) -> Value {
    let (node, around) = resolve(node, around);
    let int = dice.roll(200) as i128;
    let signed = |range: i128| {
        let value = (int - 100) % range;
        (value, {
            let mut out = Vec::new();
            wire::put_signed(value, &mut out);
            out
        })
    };
    match node {
        Schema::Bool => {
            out.push((int % 2) as u8);
            Value::Int(int % 2)
        }
        Schema::I8 => {
            let (value, _) = signed(128);
            out.push(value as i8 as u8);
            Value::Int(value)
        }
        Schema::I32 | Schema::I64 | Schema::I128 => {
            let (value, bytes) = signed(1 << 20);
            out.extend(bytes);
            Value::Int(value)
        }
        Schema::U8 => {
            out.push(int as u8);
            Value::Int(int)
        }
        Schema::U16 | Schema::U64 => {
            wire::put_unsigned(int as u128, out);
            Value::Int(int)
        }
        Schema::U128 => {
            let wide = u128::MAX - int as u128;
            wire::put_unsigned(wide, out);
            Value::Wide(wide)
        }
        Schema::F32 => {
            out.extend((int as f32 / 4.0).to_le_bytes());
            Value::Float(int as f64 / 4.0)
        }
        Schema::F64 => {
            out.extend((int as f64 / 3.0).to_le_bytes());
            Value::Float(int as f64 / 3.0)
        }
        Schema::Char | Schema::String => {
            let text = ["ä", "z", "€"][dice.roll(3)];
            wire::put_bytes(text.as_bytes(), out);
            Value::Text(text.to_owned())
        }
        Schema::Option(of) => {
            let some = depth > 0 && dice.roll(3) > 0;
            out.push(u8::from(some));
            Value::Option(some.then(|| Box::new(value(of, around, dice, depth - 1, out))))
        }
        Schema::Seq(of) => {
            let len = if depth == 0 { 0 } else { dice.roll(3) };
            wire::put_unsigned(len as u128, out);
            Value::Many((0..len).map(|_| value(of, around.clone(), dice, depth - 1, out)).collect())
        }
        Schema::Map { key, value: of } => {
            let len = if depth == 0 { 0 } else { dice.roll(3) };
            wire::put_unsigned(len as u128, out);
            let mut entry = |_| {
                let key = value(key, around.clone(), dice, depth - 1, out);
                (key, value(of, around.clone(), dice, depth - 1, out))
            };
            Value::Map((0..len).map(&mut entry).collect())
        }
        Schema::Tuple(parts) => Value::Many(many(parts, &around, dice, depth, out)),
        Schema::Struct { fields, .. } => Value::Fields(field_values(fields, &around, dice, depth, out)),
        Schema::Enum { variants, .. } => {
            let n = if depth == 0 {
                variants.iter().position(|v| v.content.is_unit()).unwrap_or(0)
            } else {
                dice.roll(variants.len())
            };
            wire::put_unsigned(n as u128, out);
            let depth = depth.saturating_sub(1);
            let content = match &variants[n].content {
                Content::Unit => Value::Unit,
                Content::Newtype(of) => value(of, around, dice, depth, out),
                Content::Tuple(parts) => Value::Many(many(parts, &around, dice, depth, out)),
                Content::Struct(fields) => Value::Fields(field_values(fields, &around, dice, depth, out)),
            };
            Value::Variant(variants[n].name.clone(), Box::new(content))
        }
        _ => Value::Unit,
    }
}

fn many(parts: &[Schema], around: &Around<'_>, dice: &mut Dice, depth: usize, out: &mut Vec<u8>) -> Vec<Value> {
    parts.iter().map(|part| value(part, around.clone(), dice, depth, out)).collect()
}

fn field_values(
    fields: &[Field],
    around: &Around<'_>,
    dice: &mut Dice,
    depth: usize,
    out: &mut Vec<u8>,
) -> Vec<(String, Value)> {
    fields.iter().map(|f| (f.name.clone(), value(&f.schema, around.clone(), dice, depth, out))).collect()
}
