//! A deserializer over the codec's bytes that follows a [`Plan`]: it reads what was written and shows the type what it
//! asks for, fields by name and variants by their present number.

use super::plan::{ContentStep, FieldStep, Int, Plan, Step, StepId};
use super::skip::DEPTH_MAX;
use crate::schema::wire::{self, Malformed};
use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use std::fmt;

/// Why a value could not be read.
#[derive(Debug)]
pub(in crate::schema) struct Failure(Box<str>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Failure(message.to_string().into())
    }
}

impl From<Malformed> for Failure {
    #[cold]
    fn from(why: Malformed) -> Self {
        Failure(why.0.into())
    }
}

impl From<postcard::Error> for Failure {
    #[cold]
    fn from(why: postcard::Error) -> Self {
        Failure(why.to_string().into())
    }
}

type Result<T> = std::result::Result<T, Failure>;

/// Stands before the bytes of a step.
pub(in crate::schema) struct Reader<'p, 'i, 'de> {
    plan: &'p Plan,
    step: StepId,
    input: &'i mut &'de [u8],
    depth: usize,
}

impl Plan {
    /// Reads one value from the front of `input` and moves it behind.
    pub(in crate::schema) fn reader<'p, 'i, 'de>(&'p self, input: &'i mut &'de [u8]) -> Reader<'p, 'i, 'de> {
        Reader { plan: self, step: self.root, input, depth: 0 }
    }
}

/// A number as it was written.
enum Number {
    Signed(i64),
    Unsigned(u64),
    SignedWide(i128),
    UnsignedWide(u128),
}

impl<'p, 'i, 'de> Reader<'p, 'i, 'de> {
    #[inline]
    fn step(&self) -> &'p Step {
        &self.plan.steps[self.step as usize]
    }

    #[inline]
    fn at(self, step: StepId) -> Reader<'p, 'i, 'de> {
        Reader { step, ..self }
    }

    #[inline]
    fn number(&mut self, int: Int) -> Result<Number> {
        Ok(match int {
            Int::I8 => Number::Signed(i64::from(wire::byte(self.input)? as i8)),
            Int::U8 => Number::Unsigned(u64::from(wire::byte(self.input)?)),
            Int::I16 | Int::I32 | Int::I64 => Number::Signed(wire::signed(self.input)?),
            Int::U16 | Int::U32 | Int::U64 => Number::Unsigned(wire::unsigned(self.input)?),
            Int::I128 => Number::SignedWide(wire::signed_wide(self.input)?),
            Int::U128 => Number::UnsignedWide(wire::unsigned_wide(self.input)?),
        })
    }

    fn float(&mut self) -> Result<Option<f64>> {
        Ok(match self.step() {
            Step::F32 => Some(f64::from(wire::float(self.input)?)),
            Step::F64 => Some(wire::double(self.input)?),
            Step::Int(int) => {
                let int = *int;
                Some(match self.number(int)? {
                    Number::Signed(value) => value as f64,
                    Number::Unsigned(value) => value as f64,
                    Number::SignedWide(value) => value as f64,
                    Number::UnsignedWide(value) => value as f64,
                })
            }
            _ => None,
        })
    }

    /// Lets the codec read a value that is written as its type reads it.
    #[inline]
    fn plain<T>(
        self,
        read: impl FnOnce(&mut postcard::Deserializer<'de, postcard::de_flavors::Slice<'de>>) -> postcard::Result<T>,
    ) -> Result<T> {
        let mut codec = postcard::Deserializer::from_bytes(self.input);
        let value = read(&mut codec)?;
        *self.input = codec.finalize()?;
        Ok(value)
    }

    fn elements(self, len: usize, step: StepId) -> Elements<'p, 'i, 'de> {
        Elements { plan: self.plan, steps: Steps::Same(step, len), input: self.input, depth: self.depth + 1 }
    }

    fn parts(self, steps: &'p [StepId]) -> Elements<'p, 'i, 'de> {
        Elements { plan: self.plan, steps: Steps::Each(steps.iter()), input: self.input, depth: self.depth + 1 }
    }

    fn fields(self, fields: &'p [FieldStep]) -> Fields<'p, 'i, 'de> {
        Fields { plan: self.plan, left: fields.iter(), next: 0, input: self.input, depth: self.depth + 1 }
    }
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident $kind:ty,)*) => {
        $(#[inline]
        fn $deserialize<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
            match self.step() {
                Step::Plain => self.plain(|codec| codec.$deserialize(visitor)),
                Step::Int(int) => {
                    let value = match self.number(*int)? {
                        Number::Signed(value) => <$kind>::try_from(value).ok(),
                        Number::Unsigned(value) => <$kind>::try_from(value).ok(),
                        Number::SignedWide(value) => <$kind>::try_from(value).ok(),
                        Number::UnsignedWide(value) => <$kind>::try_from(value).ok(),
                    };
                    visitor.$visit(value.ok_or(Malformed("a number does not fit its new type"))?)
                }
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

macro_rules! as_written {
    ($($deserialize:ident)*) => {
        $(#[inline]
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.step() {
                Step::Plain => self.plain(|codec| codec.$deserialize(visitor)),
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_, '_, 'de> {
    type Error = Failure;

    numbers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
    }

    as_written! {
        deserialize_bool deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_unit deserialize_seq deserialize_map
    }

    /// What was written, as it was written.
    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        if self.depth > DEPTH_MAX {
            return Err(Malformed("values are nested too deeply").into());
        }
        match self.step() {
            Step::Plain | Step::Opaque => Err(Malformed("a type asks for something else than its schema says").into()),
            Step::Bool => visitor.visit_bool(wire::flag(self.input)?),
            Step::Int(int) => match self.number(*int)? {
                Number::Signed(value) => visitor.visit_i64(value),
                Number::Unsigned(value) => visitor.visit_u64(value),
                Number::SignedWide(value) => visitor.visit_i128(value),
                Number::UnsignedWide(value) => visitor.visit_u128(value),
            },
            Step::F32 => visitor.visit_f32(wire::float(self.input)?),
            Step::F64 => visitor.visit_f64(wire::double(self.input)?),
            Step::Char => visitor.visit_char(wire::character(self.input)?),
            Step::Text => visitor.visit_borrowed_str(wire::text(self.input)?),
            Step::Bytes => visitor.visit_borrowed_bytes(wire::bytes(self.input)?),
            Step::Unit => visitor.visit_unit(),
            Step::Option(of) => match wire::flag(self.input)? {
                true => visitor.visit_some(self.at(*of)),
                false => visitor.visit_none(),
            },
            Step::Some(of) => visitor.visit_some(self.at(*of)),
            Step::Seq(of) => {
                let len = wire::length(self.input)?;
                visitor.visit_seq(self.elements(len, *of))
            }
            Step::Map(key, value) => {
                let len = wire::length(self.input)?;
                let (plan, input, depth) = (self.plan, self.input, self.depth + 1);
                visitor.visit_map(Entries { plan, key: *key, value: *value, left: len, input, depth })
            }
            Step::Tuple(parts) => visitor.visit_seq(self.parts(parts)),
            Step::Struct(fields) => {
                let mut fields = self.fields(fields);
                let value = visitor.visit_map(&mut fields)?;
                fields.skip_rest()?;
                Ok(value)
            }
            Step::Enum(_) => visitor.visit_enum(self),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        match (self.step(), self.float()?) {
            (Step::Plain, _) => self.plain(|codec| codec.deserialize_f32(visitor)),
            // Whatever is read as f32 fits into it.
            (_, Some(value)) => visitor.visit_f32(value as f32),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        match (self.step(), self.float()?) {
            (Step::Plain, _) => self.plain(|codec| codec.deserialize_f64(visitor)),
            (_, Some(value)) => visitor.visit_f64(value),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.step() {
            Step::Plain => self.plain(|codec| codec.deserialize_option(visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        match self.step() {
            Step::Plain => self.plain(|codec| codec.deserialize_unit_struct(name, visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        match self.step() {
            Step::Plain => self.plain(|codec| codec.deserialize_newtype_struct(name, visitor)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        match self.step() {
            Step::Plain => self.plain(|codec| codec.deserialize_tuple(len, visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, name: &'static str, len: usize, visitor: V) -> Result<V::Value> {
        match self.step() {
            Step::Plain => self.plain(|codec| codec.deserialize_tuple_struct(name, len, visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.step() {
            Step::Plain => self.plain(|codec| codec.deserialize_struct(name, names, visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.step() {
            Step::Plain => self.plain(|codec| codec.deserialize_enum(name, names, visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

enum Steps<'p> {
    Same(StepId, usize),
    Each(std::slice::Iter<'p, StepId>),
}

struct Elements<'p, 'i, 'de> {
    plan: &'p Plan,
    steps: Steps<'p>,
    input: &'i mut &'de [u8],
    depth: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_, 'de> {
    type Error = Failure;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let step = match &mut self.steps {
            Steps::Same(_, 0) => return Ok(None),
            Steps::Same(step, left) => {
                *left -= 1;
                *step
            }
            Steps::Each(steps) => match steps.next() {
                Some(step) => *step,
                None => return Ok(None),
            },
        };
        let reader = Reader { plan: self.plan, step, input: self.input, depth: self.depth };
        seed.deserialize(reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(match &self.steps {
            Steps::Same(_, left) => *left,
            Steps::Each(steps) => steps.len(),
        })
    }
}

struct Entries<'p, 'i, 'de> {
    plan: &'p Plan,
    key: StepId,
    value: StepId,
    left: usize,
    input: &'i mut &'de [u8],
    depth: usize,
}

impl<'de> MapAccess<'de> for Entries<'_, '_, 'de> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let reader = Reader { plan: self.plan, step: self.key, input: self.input, depth: self.depth };
        seed.deserialize(reader).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(Reader { plan: self.plan, step: self.value, input: self.input, depth: self.depth })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The fields that the type still has, by their present names.
struct Fields<'p, 'i, 'de> {
    plan: &'p Plan,
    left: std::slice::Iter<'p, FieldStep>,
    next: StepId,
    input: &'i mut &'de [u8],
    depth: usize,
}

impl Fields<'_, '_, '_> {
    /// A type may stop asking before the end.
    fn skip_rest(self) -> Result<()> {
        for field in self.left {
            if field.name.is_some() {
                return Err(Malformed("a type does not take a field that it has").into());
            }
            self.plan.skip(field.step, self.input, self.depth)?;
        }
        Ok(())
    }
}

impl<'de> MapAccess<'de> for &mut Fields<'_, '_, 'de> {
    type Error = Failure;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        for field in self.left.by_ref() {
            if let Some(name) = &field.name {
                self.next = field.step;
                return seed.deserialize(StrDeserializer::new(name)).map(Some);
            }
            self.plan.skip(field.step, self.input, self.depth)?;
        }
        Ok(None)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(Reader { plan: self.plan, step: self.next, input: self.input, depth: self.depth })
    }
}

impl<'p, 'i, 'de> EnumAccess<'de> for Reader<'p, 'i, 'de> {
    type Error = Failure;
    type Variant = InVariant<'p, 'i, 'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, InVariant<'p, 'i, 'de>)> {
        let Step::Enum(variants) = self.step() else {
            return Err(Malformed("a type asks for something else than its schema says").into());
        };
        let number = wire::unsigned(self.input)? as usize;
        let variant = variants.get(number).ok_or(Malformed("a value is of a variant that its enum does not have"))?;
        let Some(number) = variant.number else {
            return Err(Failure(
                format!("a value is of variant `{}`, which the type does not have any more", variant.name).into(),
            ));
        };
        let value = seed.deserialize(U32Deserializer::<Failure>::new(number))?;
        Ok((value, InVariant { content: &variant.content, reader: self }))
    }
}

pub(in crate::schema) struct InVariant<'p, 'i, 'de> {
    content: &'p ContentStep,
    reader: Reader<'p, 'i, 'de>,
}

impl<'de> VariantAccess<'de> for InVariant<'_, '_, 'de> {
    type Error = Failure;

    fn unit_variant(self) -> Result<()> {
        match self.content {
            ContentStep::Unit => Ok(()),
            _ => Err(Malformed("a variant holds something where the type has nothing").into()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        match self.content {
            ContentStep::Newtype(of) => seed.deserialize(self.reader.at(*of)),
            _ => Err(Malformed("a variant does not hold one value").into()),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        match self.content {
            ContentStep::Tuple(parts) => visitor.visit_seq(self.reader.parts(parts)),
            _ => Err(Malformed("a variant does not hold values by position").into()),
        }
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        match self.content {
            ContentStep::Struct(fields) => {
                let mut fields = self.reader.fields(fields);
                let value = visitor.visit_map(&mut fields)?;
                fields.skip_rest()?;
                Ok(value)
            }
            _ => Err(Malformed("a variant does not hold named fields").into()),
        }
    }
}
