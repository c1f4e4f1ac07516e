//! Random schemas and random values of them: the bytes that come out of a file are those that went in.

use super::tables::{read, write};
use crate::{Chunk, Row, TableKind, TableSchema};
use flott_core::schema::{Content, Field, Schema, Variant, wire};
use proptest::prelude::*;

/// Chance, by a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.number() as usize % sides
    }

    fn number(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    fn wide(&mut self) -> u128 {
        let number = (0..4).fold(0u128, |wide, _| wide << 32 | u128::from(self.number()));
        number >> self.roll(128)
    }
}

const SCALARS: &[Schema] = &[
    Schema::Bool,
    Schema::I8,
    Schema::I16,
    Schema::I32,
    Schema::I64,
    Schema::I128,
    Schema::U8,
    Schema::U16,
    Schema::U32,
    Schema::U64,
    Schema::U128,
    Schema::F32,
    Schema::F64,
    Schema::Char,
    Schema::String,
    Schema::Bytes,
    Schema::Unit,
];

fn schema(dice: &mut Dice, depth: usize, around: &mut Vec<String>, ends: bool) -> Schema {
    if ends && !around.is_empty() && dice.roll(8) == 0 {
        return Schema::Recursive(around[dice.roll(around.len())].clone());
    }
    let boxed = |dice: &mut Dice, around: &mut Vec<String>, ends| Box::new(schema(dice, depth - 1, around, ends));
    let kind = if depth == 0 { 0 } else { dice.roll(16) };
    match kind {
        0..=4 => SCALARS[dice.roll(SCALARS.len())].clone(),
        5 | 6 => Schema::Option(boxed(dice, around, true)),
        7 | 8 => Schema::Seq(boxed(dice, around, true)),
        9 => Schema::Map { key: boxed(dice, around, true), value: boxed(dice, around, true) },
        10 => Schema::Array { of: boxed(dice, around, false), length: dice.roll(4) },
        11 => Schema::Tuple((0..1 + dice.roll(3)).map(|_| schema(dice, depth - 1, around, false)).collect()),
        kind => {
            let name = format!("T{}", around.len());
            around.push(name.clone());
            let named = match kind {
                12 => Schema::Newtype { name, of: boxed(dice, around, false) },
                13 => Schema::Struct { name, fields: fields(dice, depth - 1, around) },
                14 => Schema::TupleStruct {
                    name,
                    fields: (0..dice.roll(3)).map(|_| schema(dice, depth - 1, around, false)).collect(),
                },
                _ => Schema::Enum { name, variants: variants(dice, depth - 1, around) },
            };
            around.pop();
            named
        }
    }
}

fn fields(dice: &mut Dice, depth: usize, around: &mut Vec<String>) -> Vec<Field> {
    let names = ["a", "key", "A", "value", "_0", "time"];
    let names = &names[..dice.roll(names.len() + 1)];
    let field = |name: &&str| Field {
        name: (*name).to_owned(),
        aliases: vec![],
        schema: schema(dice, depth, around, false),
        optional: false,
    };
    names.iter().map(field).collect()
}

fn variants(dice: &mut Dice, depth: usize, around: &mut Vec<String>) -> Vec<Variant> {
    let only_units = dice.roll(3) == 0;
    let names = ["Unit", "One", "one", "Variant", "Named"];
    let variant = |(n, name): (usize, &&str)| Variant {
        name: (*name).to_owned(),
        aliases: vec![],
        content: match if only_units || n == 0 { 0 } else { dice.roll(4) } {
            0 => Content::Unit,
            1 => Content::Newtype(schema(dice, depth, around, true)),
            2 => Content::Tuple((0..dice.roll(3)).map(|_| schema(dice, depth, around, true)).collect()),
            _ => Content::Struct(fields(dice, depth, around)),
        },
    };
    names.iter().enumerate().map(variant).collect()
}

/// Appends a random value. `around` are the types around the place.
fn value<'s>(node: &'s Schema, mut around: Vec<&'s Schema>, dice: &mut Dice, depth: usize, out: &mut Vec<u8>) {
    if let Schema::Recursive(name) = node {
        let at = around.iter().rposition(|node| node.name() == Some(name)).unwrap();
        let node = around[at];
        around.truncate(at);
        return value(node, around, dice, depth, out);
    }
    around.push(node);
    let len = if depth == 0 { 0 } else { dice.roll(4) };
    let below = depth.saturating_sub(1);
    let all = |parts: &mut dyn Iterator<Item = &'s Schema>, dice: &mut Dice, out: &mut Vec<u8>| {
        parts.for_each(|part| value(part, around.clone(), dice, below, out));
    };
    let wide = dice.wide();
    match node {
        Schema::Bool => out.push((wide % 2) as u8),
        Schema::I8 | Schema::U8 => out.push(wide as u8),
        Schema::I16 => wire::put_signed(i128::from(wide as i16), out),
        Schema::I32 => wire::put_signed(i128::from(wide as i32), out),
        Schema::I64 => wire::put_signed(i128::from(wide as i64), out),
        Schema::I128 => wire::put_signed(wide as i128, out),
        Schema::U16 => wire::put_unsigned(u128::from(wide as u16), out),
        Schema::U32 => wire::put_unsigned(u128::from(wide as u32), out),
        Schema::U64 => wire::put_unsigned(u128::from(wide as u64), out),
        Schema::U128 => wire::put_unsigned(wide, out),
        // Any bits: a NaN keeps its own.
        Schema::F32 => out.extend((wide as u32).to_le_bytes()),
        Schema::F64 => out.extend((wide as u64).to_le_bytes()),
        Schema::Char | Schema::String => wire::put_bytes(["ä", "z", "€"][dice.roll(3)].as_bytes(), out),
        Schema::Bytes => wire::put_bytes(&wide.to_le_bytes()[..dice.roll(17)], out),
        Schema::Option(of) => {
            out.push(u8::from(len > 0));
            if len > 0 {
                all(&mut [&**of].into_iter(), dice, out);
            }
        }
        Schema::Seq(of) => {
            wire::put_unsigned(len as u128, out);
            all(&mut std::iter::repeat_n(&**of, len), dice, out);
        }
        Schema::Map { key, value } => {
            wire::put_unsigned(len as u128, out);
            (0..len).for_each(|_| all(&mut [&**key, &**value].into_iter(), dice, out));
        }
        Schema::Array { of, length } => all(&mut std::iter::repeat_n(&**of, *length), dice, out),
        Schema::Tuple(parts) | Schema::TupleStruct { fields: parts, .. } => all(&mut parts.iter(), dice, out),
        Schema::Struct { fields, .. } => all(&mut fields.iter().map(|field| &field.schema), dice, out),
        Schema::Newtype { of, .. } => all(&mut [&**of].into_iter(), dice, out),
        Schema::Enum { variants, .. } => {
            let n = if depth == 0 { 0 } else { dice.roll(variants.len()) };
            wire::put_unsigned(n as u128, out);
            match &variants[n].content {
                Content::Unit => {}
                Content::Newtype(of) => all(&mut [of].into_iter(), dice, out),
                Content::Tuple(parts) => all(&mut parts.iter(), dice, out),
                Content::Struct(fields) => all(&mut fields.iter().map(|field| &field.schema), dice, out),
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_comes_back(seed: u64, kind in 0..9usize) {
        let dice = &mut Dice(seed);
        let kind: TableKind = [
            TableKind::Value, TableKind::Reducing, TableKind::Aggregating, TableKind::List, TableKind::Map,
            TableKind::EventTimers, TableKind::ProcessingTimers, TableKind::OperatorList, TableKind::Broadcast,
        ][kind];
        let mut part = |wanted: bool| if wanted { schema(dice, 4, &mut Vec::new(), false) } else { Schema::Unit };
        let (key, namespace) = (part(kind.is_keyed()), part(kind.is_keyed()));
        let map_key = part(matches!(kind, TableKind::Map | TableKind::Broadcast));
        let value_schema = part(!kind.is_timers());
        let stamped = kind.is_keyed() && !kind.is_timers() && dice.roll(2) == 0;
        let table = TableSchema::new(kind, value_schema).key(key).namespace(namespace).map_key(map_key).stamped(stamped);
        let mut chunk = Chunk::new();
        for _ in 0..dice.roll(20) {
            let mut bytes = |schema: &Schema| {
                let mut out = Vec::new();
                value(schema, Vec::new(), dice, 5, &mut out);
                out
            };
            let parts = [&table.key, &table.namespace, &table.map_key, &table.value].map(&mut bytes);
            chunk.push(Row {
                group: dice.roll(32768) as u32,
                key: &parts[0],
                namespace: &parts[1],
                map_key: &parts[2],
                position: if kind.has_position() { dice.number() } else { 0 },
                time: if kind.is_timers() || stamped { dice.wide() as i64 } else { 0 },
                value: &parts[3],
            });
        }
        let (file, _) = write(&table, &chunk);
        prop_assert_eq!(read(file), chunk, "{:?}", table);
    }
}
