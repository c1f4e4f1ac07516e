//! A reader that behaves as the code that serde derives for a type of its schema.

use super::values::{Around, Value, resolve};
use crate::schema::{Content, Field, Schema};
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use std::fmt;

/// Reads a value as the derived code of a type of this schema would.
pub(super) struct Seed<'s>(pub &'s Schema, pub Around<'s>);

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
