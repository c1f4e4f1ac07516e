//! Random schemas, and other versions of them.

use crate::schema::{Content, Field, Schema, Variant};

/// Chance, by a seed.
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

pub(super) const NAMES: &[&str] = &["a", "b", "c", "d", "e", "f"];
pub(super) const SCALARS: &[Schema] = &[
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
pub(super) fn schema(dice: &mut Dice, depth: usize, around: &mut Vec<String>, ends: bool) -> Schema {
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
pub(super) fn change(of: &Schema, dice: &mut Dice) -> Schema {
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
