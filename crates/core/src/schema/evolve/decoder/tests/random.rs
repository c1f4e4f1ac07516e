//! Random pairs of schemas and random values: what the comparison says and what the decoder does must be what a plain
//! model says. The reader is a seed that behaves as serde's derive does for its schema.

use super::super::super::compare::compare;
use crate::schema::{Compatibility, Content, Field, Schema, Variant, wire};
use proptest::prelude::*;
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use std::fmt;

/// A value of any schema.
#[derive(Clone, Debug, PartialEq)]
enum Value {
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

/// Chance, by a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

const NAMES: &[&str] = &["a", "b", "c", "d", "e", "f"];
const SCALARS: &[Schema] = &[
    Schema::Bool,
    Schema::I8,
    Schema::I32,
    Schema::I64,
    Schema::I128,
    Schema::U8,
    Schema::U16,
    Schema::U64,
    Schema::U128,
    Schema::F32,
    Schema::F64,
    Schema::Char,
    Schema::String,
    Schema::Unit,
];

/// A schema; `around` are the types that stand around it, to which it may refer if a value then still has an end.
fn schema(dice: &mut Dice, depth: usize, around: &mut Vec<String>, ends: bool) -> Schema {
    if ends && !around.is_empty() && dice.roll(5) == 0 {
        return Schema::Recursive(around[dice.roll(around.len())].clone());
    }
    let kind = if depth == 0 { 0 } else { dice.roll(12) };
    match kind {
        0..=3 => SCALARS[dice.roll(SCALARS.len())].clone(),
        4 => Schema::Option(Box::new(schema(dice, depth - 1, around, true))),
        5 => Schema::Seq(Box::new(schema(dice, depth - 1, around, true))),
        6 => Schema::Map {
            key: Box::new(schema(dice, depth - 1, around, true)),
            value: Box::new(schema(dice, depth - 1, around, true)),
        },
        7 => Schema::Tuple((0..1 + dice.roll(3)).map(|_| schema(dice, depth - 1, around, false)).collect()),
        kind => {
            let name = format!("T{}", around.len());
            around.push(name.clone());
            let named = match kind {
                8 => Schema::Newtype { name, of: Box::new(schema(dice, depth - 1, around, false)) },
                9 | 10 => Schema::Struct { name, fields: fields(dice, depth - 1, around) },
                _ => Schema::Enum { name, variants: variants(dice, depth - 1, around) },
            };
            around.pop();
            named
        }
    }
}

fn fields(dice: &mut Dice, depth: usize, around: &mut Vec<String>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for _ in 0..1 + dice.roll(4) {
        let name = NAMES[dice.roll(NAMES.len())].to_owned();
        if fields.iter().all(|field| field.name != name) {
            fields.push(field(name, schema(dice, depth, around, false), dice));
        }
    }
    fields
}

fn field(name: String, schema: Schema, dice: &mut Dice) -> Field {
    let optional = matches!(schema, Schema::Option(_)) || dice.roll(2) == 0;
    Field { name, aliases: vec![], schema, optional }
}

fn variants(dice: &mut Dice, depth: usize, around: &mut Vec<String>) -> Vec<Variant> {
    let mut variants = vec![Variant { name: "z".into(), aliases: vec![], content: Content::Unit }];
    for name in &NAMES[..dice.roll(4)] {
        let content = match dice.roll(4) {
            0 => Content::Unit,
            1 => Content::Newtype(schema(dice, depth, around, true)),
            2 => Content::Tuple((0..2).map(|_| schema(dice, depth, around, true)).collect()),
            _ => Content::Struct(fields(dice, depth, around)),
        };
        variants.push(Variant { name: (*name).to_owned(), aliases: vec![], content });
    }
    variants
}

/// Another version of a schema: most of it stays.
fn change(of: &Schema, dice: &mut Dice) -> Schema {
    match dice.roll(14) {
        0 => return Schema::Option(Box::new(change(of, dice))),
        1 if dice.roll(4) == 0 => return SCALARS[dice.roll(SCALARS.len())].clone(),
        2 => return Schema::Newtype { name: "New".into(), of: Box::new(change(of, dice)) },
        _ => {}
    }
    let boxed = |of: &Schema, dice: &mut Dice| Box::new(change(of, dice));
    match of {
        Schema::I8 | Schema::I32 | Schema::U8 | Schema::U16 | Schema::F32 if dice.roll(3) == 0 => {
            let wider = [Schema::I32, Schema::I64, Schema::U64, Schema::F64, Schema::I128, Schema::U16];
            wider[dice.roll(wider.len())].clone()
        }
        Schema::Option(of) => Schema::Option(boxed(of, dice)),
        Schema::Seq(of) => Schema::Seq(boxed(of, dice)),
        Schema::Map { key, value } => Schema::Map { key: boxed(key, dice), value: boxed(value, dice) },
        Schema::Tuple(parts) => Schema::Tuple(parts.iter().map(|part| change(part, dice)).collect()),
        Schema::Newtype { name, of } => Schema::Newtype { name: name.clone(), of: boxed(of, dice) },
        Schema::Struct { name, fields } => Schema::Struct { name: name.clone(), fields: change_fields(fields, dice) },
        Schema::Enum { name, variants } => {
            let mut changed: Vec<Variant> = variants.iter().map(|v| change_variant(v, dice)).collect();
            match dice.roll(5) {
                0 => changed.reverse(),
                1 if changed.len() > 1 => drop(changed.remove(dice.roll(changed.len()))),
                2 => changed.insert(0, Variant { name: "y".into(), aliases: vec![], content: Content::Unit }),
                _ => {}
            }
            Schema::Enum { name: name.clone(), variants: changed }
        }
        same => same.clone(),
    }
}

fn change_fields(fields: &[Field], dice: &mut Dice) -> Vec<Field> {
    let mut changed: Vec<Field> =
        fields.iter().map(|f| Field { schema: change(&f.schema, dice), ..f.clone() }).collect();
    changed.iter_mut().for_each(|f| f.optional |= matches!(f.schema, Schema::Option(_)));
    match dice.roll(6) {
        0 => changed.reverse(),
        1 => drop(changed.remove(dice.roll(changed.len()))),
        2 => {
            let new = field("new".into(), SCALARS[dice.roll(SCALARS.len())].clone(), dice);
            changed.insert(dice.roll(changed.len() + 1), new);
        }
        3 => {
            let n = dice.roll(changed.len());
            let old = std::mem::replace(&mut changed[n].name, "renamed".into());
            changed[n].aliases.push(old);
        }
        _ => {}
    }
    changed
}

fn change_variant(variant: &Variant, dice: &mut Dice) -> Variant {
    let content = match &variant.content {
        Content::Unit => Content::Unit,
        Content::Newtype(of) => Content::Newtype(change(of, dice)),
        Content::Tuple(parts) => Content::Tuple(parts.iter().map(|part| change(part, dice)).collect()),
        Content::Struct(fields) => Content::Struct(change_fields(fields, dice)),
    };
    let (name, aliases) = match dice.roll(8) {
        0 => (format!("{}_", variant.name), vec![variant.name.clone()]),
        _ => (variant.name.clone(), vec![]),
    };
    Variant { name, aliases, content }
}

/// The types around a place, so that references can be followed.
type Around<'s> = Vec<&'s Schema>;

/// The schema behind newtypes and references, and what stands around its parts.
fn resolve<'s>(mut node: &'s Schema, mut around: Around<'s>) -> (&'s Schema, Around<'s>) {
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
fn value(node: &Schema, around: Around<'_>, dice: &mut Dice, depth: usize, out: &mut Vec<u8>) -> Value {
    let (node, around) = resolve(node, around);
    let int = dice.roll(200) as i128;
    let signed = |range: i128| {
        let value = (int - 100) % range;
        (value, { let mut out = Vec::new(); wire::put_signed(value, &mut out); out })
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
            let n = if depth == 0 { variants.iter().position(|v| v.content.is_unit()).unwrap_or(0) } else { dice.roll(variants.len()) };
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

fn range(node: &Schema) -> Option<(i128, i128)> {
    Some(match node {
        Schema::I8 => (i8::MIN.into(), i8::MAX.into()),
        Schema::I32 => (i32::MIN.into(), i32::MAX.into()),
        Schema::I64 => (i64::MIN.into(), i64::MAX.into()),
        Schema::I128 => (i128::MIN, i128::MAX),
        Schema::U8 => (0, u8::MAX.into()),
        Schema::U16 => (0, u16::MAX.into()),
        Schema::U64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

/// Whether `r` reads `w`; pairs that are being looked at are taken for readable.
fn readable<'s>(
    (r, ra): (&'s Schema, Around<'s>),
    (w, wa): (&'s Schema, Around<'s>),
    assumed: &mut Vec<(*const Schema, *const Schema)>,
) -> bool {
    let ((r, ra), (w, wa)) = (resolve(r, ra), resolve(w, wa));
    let pair = (std::ptr::from_ref(r), std::ptr::from_ref(w));
    if assumed.contains(&pair) {
        return true;
    }
    assumed.push(pair);
    let mut sub = |r: &'s Schema, w: &'s Schema| readable((r, ra.clone()), (w, wa.clone()), assumed);
    let is_float = matches!(r, Schema::F32 | Schema::F64);
    match (r, w) {
        (Schema::Option(r), Schema::Option(w)) | (Schema::Seq(r), Schema::Seq(w)) => sub(r, w),
        (Schema::Option(r), _) => {
            let (mut inner, mut inside, mut seen) = (&**r, ra.clone(), vec![]);
            while let (node @ Schema::Option(of), around) = resolve(inner, inside) {
                if seen.contains(&std::ptr::from_ref(node)) {
                    return false;
                }
                seen.push(std::ptr::from_ref(node));
                (inner, inside) = (of, around);
            }
            // What is written is looked at once more, from outside of itself.
            let mut wa = wa;
            wa.pop();
            readable((r, ra), (w, wa), assumed)
        }
        (Schema::Map { key: rk, value: rv }, Schema::Map { key: wk, value: wv }) => sub(rk, wk) && sub(rv, wv),
        (Schema::Tuple(r), Schema::Tuple(w)) => r.len() == w.len() && r.iter().zip(w).all(|(r, w)| sub(r, w)),
        (Schema::Struct { fields: r, .. }, Schema::Struct { fields: w, .. }) => readable_fields(r, w, &mut sub),
        (Schema::Enum { variants: r, .. }, Schema::Enum { variants: w, .. }) => w.iter().all(|w| {
            let Some(r) = r.iter().find(|r| r.name == w.name || r.aliases.contains(&w.name)) else { return true };
            match (&r.content, &w.content) {
                (Content::Unit, Content::Unit) => true,
                (Content::Newtype(r), Content::Newtype(w)) => sub(r, w),
                (Content::Tuple(r), Content::Tuple(w)) => {
                    r.len() == w.len() && r.iter().zip(w).all(|(r, w)| sub(r, w))
                }
                (Content::Struct(r), Content::Struct(w)) => readable_fields(r, w, &mut sub),
                _ => false,
            }
        }),
        (Schema::F64, Schema::F32) => true,
        (Schema::U128, _) => *w == Schema::U128 || range(w).is_some_and(|(low, _)| low == 0),
        _ if is_float && range(w).is_some() => {
            let exact = if *r == Schema::F64 { 1 << 53 } else { 1 << 24 };
            range(w).is_some_and(|(low, high)| -exact <= low && high <= exact)
        }
        _ => match (range(r), range(w)) {
            (Some(r), Some(w)) => r.0 <= w.0 && w.1 <= r.1,
            _ => r == w,
        },
    }
}

fn readable_fields<'s>(
    r: &'s [Field],
    w: &'s [Field],
    sub: &mut impl FnMut(&'s Schema, &'s Schema) -> bool,
) -> bool {
    let found = |r: &Field| w.iter().find(|w| r.name == w.name || r.aliases.contains(&w.name));
    // In these tests no field has an alias that is the name of another one.
    r.iter().all(|r| found(r).map_or(r.optional, |_| true))
        && r.iter().all(|r| {
            let w = w.iter().find(|w| r.name == w.name || r.aliases.contains(&w.name));
            w.is_none_or(|w| sub(&r.schema, &w.schema))
        })
}

/// The value as the reader must see it.
fn convert<'s>(r: (&'s Schema, Around<'s>), w: (&'s Schema, Around<'s>), value: &Value) -> Result<Value, ()> {
    let ((r, ra), (w, wa)) = (resolve(r.0, r.1), resolve(w.0, w.1));
    let sub = |r: &'s Schema, w: &'s Schema, v: &Value| convert((r, ra.clone()), (w, wa.clone()), v);
    let all = |r: &'s [Schema], w: &'s [Schema], v: &Value| match v {
        Value::Many(values) => r.iter().zip(w).zip(values).map(|((r, w), v)| sub(r, w, v)).collect::<Result<_, ()>>().map(Value::Many),
        _ => Err(()),
    };
    let fields = |r: &'s [Field], w: &'s [Field], v: &Value| {
        let Value::Fields(values) = v else { return Err(()) };
        let mut converted = Vec::new();
        for r in r {
            let at = w.iter().position(|w| r.name == w.name || r.aliases.contains(&w.name));
            let missing = if matches!(resolve(&r.schema, ra.clone()).0, Schema::Option(_)) { Value::Option(None) } else { Value::Default };
            converted.push((r.name.clone(), at.map_or(Ok(missing), |at| sub(&r.schema, &w[at].schema, &values[at].1))?));
        }
        Ok(Value::Fields(converted))
    };
    match (r, w, value) {
        (Schema::Option(r), Schema::Option(w), Value::Option(v)) => {
            v.as_ref().map(|v| sub(r, w, v).map(Box::new)).transpose().map(Value::Option)
        }
        (Schema::Option(r), _, v) => {
            let mut wa = wa.clone();
            wa.pop();
            convert((r, ra.clone()), (w, wa), v).map(|v| Value::Option(Some(Box::new(v))))
        }
        (Schema::Seq(r), Schema::Seq(w), Value::Many(v)) => {
            v.iter().map(|v| sub(r, w, v)).collect::<Result<_, ()>>().map(Value::Many)
        }
        (Schema::Map { key: rk, value: rv }, Schema::Map { key: wk, value: wv }, Value::Map(entries)) => {
            let entry = |(k, v): &(Value, Value)| Ok((sub(rk, wk, k)?, sub(rv, wv, v)?));
            entries.iter().map(entry).collect::<Result<_, ()>>().map(Value::Map)
        }
        (Schema::Tuple(r), Schema::Tuple(w), v) => all(r, w, v),
        (Schema::Struct { fields: r, .. }, Schema::Struct { fields: w, .. }, v) => fields(r, w, v),
        (Schema::Enum { variants: r, .. }, Schema::Enum { variants: w, .. }, Value::Variant(name, content)) => {
            let r = r.iter().find(|r| r.name == *name || r.aliases.contains(name)).ok_or(())?;
            let w = w.iter().find(|w| w.name == *name).ok_or(())?;
            let content = match (&r.content, &w.content) {
                (Content::Newtype(r), Content::Newtype(w)) => sub(r, w, content)?,
                (Content::Tuple(r), Content::Tuple(w)) => all(r, w, content)?,
                (Content::Struct(r), Content::Struct(w)) => fields(r, w, content)?,
                _ => Value::Unit,
            };
            Ok(Value::Variant(r.name.clone(), Box::new(content)))
        }
        (Schema::F32 | Schema::F64, _, Value::Int(v)) => Ok(Value::Float(*v as f64)),
        (Schema::U128, _, Value::Int(v)) => Ok(Value::Wide(*v as u128)),
        (_, _, v) => Ok(v.clone()),
    }
}

/// Reads a value as the derived code of a type of this schema would.
struct Seed<'s>(&'s Schema, Around<'s>);

fn names<'a>(names: impl Iterator<Item = &'a str>) -> &'static [&'static str] {
    let names: Vec<&'static str> = names.map(|name| &*Box::leak(name.to_owned().into_boxed_str())).collect();
    Box::leak(names.into_boxed_slice())
}

fn field_names(fields: &[Field]) -> &'static [&'static str] {
    names(fields.iter().flat_map(|f| f.aliases.iter().chain([&f.name])).map(String::as_str))
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        if let Schema::Newtype { .. } = self.0 {
            return d.deserialize_newtype_struct("New", self);
        }
        let (node, around) = match self.0 {
            Schema::Recursive(name) => {
                let at = self.1.iter().rposition(|node| node.name() == Some(name)).unwrap();
                return Seed(self.1[at], self.1[..at].to_vec()).deserialize(d);
            }
            node => {
                let mut around = self.1;
                around.push(node);
                (node, around)
            }
        };
        let inside = Seed(node, around);
        match node {
            Schema::Bool => d.deserialize_bool(inside),
            Schema::I8 => d.deserialize_i8(inside),
            Schema::I32 => d.deserialize_i32(inside),
            Schema::I64 => d.deserialize_i64(inside),
            Schema::I128 => d.deserialize_i128(inside),
            Schema::U8 => d.deserialize_u8(inside),
            Schema::U16 => d.deserialize_u16(inside),
            Schema::U64 => d.deserialize_u64(inside),
            Schema::U128 => d.deserialize_u128(inside),
            Schema::F32 => d.deserialize_f32(inside),
            Schema::F64 => d.deserialize_f64(inside),
            Schema::Char => d.deserialize_char(inside),
            Schema::String => d.deserialize_string(inside),
            Schema::Option(_) => d.deserialize_option(inside),
            Schema::Seq(_) => d.deserialize_seq(inside),
            Schema::Map { .. } => d.deserialize_map(inside),
            Schema::Tuple(parts) => d.deserialize_tuple(parts.len(), inside),
            Schema::Struct { fields, .. } => d.deserialize_struct("S", field_names(fields), inside),
            Schema::Enum { variants, .. } => {
                let names = names(variants.iter().map(|v| v.name.as_str()));
                d.deserialize_enum("E", names, inside)
            }
            _ => d.deserialize_unit(inside),
        }
    }
}

impl<'s> Seed<'s> {
    /// A part of this.
    fn part(&self, node: &'s Schema) -> Seed<'s> {
        Seed(node, self.1.clone())
    }

    fn fields<'de, A: MapAccess<'de>>(&self, fields: &'s [Field], mut map: A) -> Result<Value, A::Error> {
        let mut found: Vec<Option<Value>> = vec![None; fields.len()];
        while let Some(name) = map.next_key::<String>()? {
            let at = fields.iter().position(|f| f.name == name || f.aliases.contains(&name));
            let at = at.ok_or_else(|| de::Error::custom(format!("unknown field {name}")))?;
            if found[at].is_some() {
                return Err(de::Error::duplicate_field("twice"));
            }
            found[at] = Some(map.next_value_seed(self.part(&fields[at].schema))?);
        }
        let value = |(field, found): (&Field, Option<Value>)| match found {
            Some(value) => Ok((field.name.clone(), value)),
            None if matches!(resolve(&field.schema, self.1.clone()).0, Schema::Option(_)) => {
                Ok((field.name.clone(), Value::Option(None)))
            }
            None if field.optional => Ok((field.name.clone(), Value::Default)),
            None => Err(de::Error::missing_field("missing")),
        };
        fields.iter().zip(found).map(value).collect::<Result<_, _>>().map(Value::Fields)
    }

    fn parts<'de, A: SeqAccess<'de>>(&self, parts: &'s [Schema], mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        for part in parts {
            values.push(seq.next_element_seed(self.part(part))?.ok_or_else(|| de::Error::custom("too few"))?);
        }
        Ok(Value::Many(values))
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Int(v.into()))
    }
    fn visit_i8<E: de::Error>(self, v: i8) -> Result<Value, E> {
        Ok(Value::Int(v.into()))
    }
    fn visit_i32<E: de::Error>(self, v: i32) -> Result<Value, E> {
        Ok(Value::Int(v.into()))
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Int(v.into()))
    }
    fn visit_i128<E: de::Error>(self, v: i128) -> Result<Value, E> {
        Ok(Value::Int(v))
    }
    fn visit_u8<E: de::Error>(self, v: u8) -> Result<Value, E> {
        Ok(Value::Int(v.into()))
    }
    fn visit_u16<E: de::Error>(self, v: u16) -> Result<Value, E> {
        Ok(Value::Int(v.into()))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Int(v.into()))
    }
    fn visit_u128<E: de::Error>(self, v: u128) -> Result<Value, E> {
        Ok(Value::Wide(v))
    }
    fn visit_f32<E: de::Error>(self, v: f32) -> Result<Value, E> {
        Ok(Value::Float(v.into()))
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Float(v))
    }
    fn visit_char<E: de::Error>(self, v: char) -> Result<Value, E> {
        Ok(Value::Text(v.to_string()))
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }
    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Unit)
    }
    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Option(None))
    }
    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        let Schema::Option(of) = self.0 else { return Err(de::Error::custom("no option")) };
        self.part(of).deserialize(d).map(|value| Value::Option(Some(Box::new(value))))
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(mut self, d: D) -> Result<Value, D::Error> {
        let Schema::Newtype { of, .. } = self.0 else { return Err(de::Error::custom("no newtype")) };
        self.1.push(self.0);
        Seed(of, self.1).deserialize(d)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        match self.0 {
            Schema::Tuple(parts) => self.parts(parts, seq),
            Schema::Seq(of) => {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element_seed(self.part(of))? {
                    values.push(value);
                }
                Ok(Value::Many(values))
            }
            // The codec gives the fields of a struct by position.
            Schema::Struct { fields, .. } => self.fields_in_order(fields, seq),
            _ => Err(de::Error::custom("no sequence")),
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        match self.0 {
            Schema::Struct { fields, .. } => self.fields(fields, map),
            Schema::Map { key, value } => {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key_seed(self.part(key))? {
                    entries.push((key, map.next_value_seed(self.part(value))?));
                }
                Ok(Value::Map(entries))
            }
            _ => Err(de::Error::custom("no map")),
        }
    }
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let Schema::Enum { variants, .. } = self.0 else { return Err(de::Error::custom("no enum")) };
        let (number, access) = data.variant::<u32>()?;
        let variant = &variants[number as usize];
        let content = match &variant.content {
            Content::Unit => access.unit_variant().map(|()| Value::Unit)?,
            Content::Newtype(of) => access.newtype_variant_seed(self.part(of))?,
            Content::Tuple(parts) => access.tuple_variant(parts.len(), Inside(&self, None, parts))?,
            Content::Struct(fields) => access.struct_variant(field_names(fields), Inside(&self, Some(fields), &[]))?,
        };
        Ok(Value::Variant(variant.name.clone(), Box::new(content)))
    }
}

impl<'s> Seed<'s> {
    fn fields_in_order<'de, A: SeqAccess<'de>>(&self, fields: &'s [Field], mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        for field in fields {
            let value = seq.next_element_seed(self.part(&field.schema))?;
            values.push((field.name.clone(), value.ok_or_else(|| de::Error::custom("too few"))?));
        }
        Ok(Value::Fields(values))
    }
}

/// The content of a variant.
struct Inside<'a, 's>(&'a Seed<'s>, Option<&'s Vec<Field>>, &'s [Schema]);

impl<'de> Visitor<'de> for Inside<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the content of a variant")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Value, A::Error> {
        match self.1 {
            Some(fields) => self.0.fields_in_order(fields, seq),
            None => self.0.parts(self.2, seq),
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        self.0.fields(self.1.unwrap(), map)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_is_what_happens(seed: u64, related in 0..10) {
        let dice = &mut Dice(seed);
        let writer = schema(dice, 4, &mut Vec::new(), false);
        let reader = if related > 0 { change(&writer, dice) } else { schema(dice, 3, &mut Vec::new(), false) };
        let (compatibility, plan) = compare("value", &reader, &writer);
        prop_assert_eq!(
            compatibility.is_readable(),
            readable((&reader, vec![]), (&writer, vec![]), &mut Vec::new()),
            "{:?}\nwriter {}\nreader {}", compatibility, writer, reader
        );
        if compatibility.is_readable() {
            for _ in 0..5 {
                let mut bytes = Vec::new();
                let value = value(&writer, vec![], dice, 4, &mut bytes);
                let mut rest = &bytes[..];
                let read = Seed(&reader, vec![]).deserialize(plan.reader(&mut rest));
                let expected = convert((&reader, vec![]), (&writer, vec![]), &value);
                match expected {
                    Ok(expected) => {
                        prop_assert!(read.is_ok(), "{:?}\n{:?}\nwriter {}\nreader {}", read, value, writer, reader);
                        prop_assert_eq!(read.unwrap(), expected, "writer {}\nreader {}", writer, reader);
                        prop_assert!(rest.is_empty());
                    }
                    Err(()) => prop_assert!(read.unwrap_err().to_string().contains("variant")),
                }
            }
            if writer == reader {
                prop_assert_eq!(&compatibility, &Compatibility::Same);
            }
        }
    }
}
