//! A deserializer that has no input: it gives types the values that they ask for and notes what they were.

use super::fields::{self, Fields};
use super::form::Form;
use super::registry::{Kind, Registry};
use super::samples::{self, sample};
use super::variants::{self, Variants};
use crate::schema::types::Schema;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::any::type_name;
use std::cell::RefCell;
use std::fmt;

/// Why a type did not take what it was given.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A field by this name is missing.
    Missing(&'static str),
    /// The field of this name was given before.
    Duplicate(&'static str),
    Other,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sample value was refused")
    }
}

impl std::error::Error for Refusal {}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Refusal::Other
    }
    fn missing_field(field: &'static str) -> Self {
        Refusal::Missing(field)
    }
    fn duplicate_field(field: &'static str) -> Self {
        Refusal::Duplicate(field)
    }
}

/// Stands at one place of a type, whose form it notes.
pub(super) struct Tracer<'t> {
    registry: &'t RefCell<Registry>,
    form: &'t mut Form,
}

/// Makes the value of the type that Rust calls `rust`, and notes it if the type refuses what it was given.
pub(super) fn in_frame<T>(
    registry: &RefCell<Registry>,
    rust: &'static str,
    form: &mut Form,
    make: impl FnOnce(Tracer<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    if !registry.borrow_mut().enter(rust) {
        return Err(Refusal::Other);
    }
    let result = make(Tracer { registry, form });
    registry.borrow_mut().leave(result.is_err());
    result
}

/// Makes a tuple of as many values as there are forms.
pub(super) fn read_tuple<'de, V: Visitor<'de>>(
    registry: &RefCell<Registry>,
    seen: &mut [Form],
    visitor: V,
) -> Result<V::Value, Refusal> {
    visitor.visit_seq(Elements { registry, forms: seen.iter_mut() })
}

struct Elements<'t> {
    registry: &'t RefCell<Registry>,
    forms: std::slice::IterMut<'t, Form>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refusal> {
        let Some(form) = self.forms.next() else { return Ok(None) };
        in_frame(self.registry, type_name::<S::Value>(), form, |tracer| seed.deserialize(tracer)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.forms.len())
    }
}

struct OneEntry<'t> {
    registry: &'t RefCell<Registry>,
    left: usize,
    key: Form,
    value: Form,
}

impl<'de> MapAccess<'de> for &mut OneEntry<'_> {
    type Error = Refusal;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refusal> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let key = &mut self.key;
        in_frame(self.registry, type_name::<S::Value>(), key, |tracer| seed.deserialize(tracer)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        in_frame(self.registry, type_name::<S::Value>(), &mut self.value, |tracer| seed.deserialize(tracer))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'t> Tracer<'t> {
    fn leaf(&mut self, schema: Schema) -> usize {
        *self.form = Form::Leaf(schema);
        self.registry.borrow().sample()
    }

    /// The codec cannot read types that want to see what they get.
    fn refuse<T>(self) -> Result<T, Refusal> {
        self.registry.borrow_mut().give_up();
        Err(Refusal::Other)
    }

    fn id<'de, V: Visitor<'de>>(&self, name: &'static str, new: impl FnOnce(&mut Registry) -> Kind) -> usize {
        let registry = &mut *self.registry.borrow_mut();
        let rust = type_name::<V::Value>();
        let visitor = type_name::<V>();
        match registry.known(visitor, name) {
            Some(id) => id,
            None => {
                let kind = new(registry);
                registry.add(visitor, name, rust, kind)
            }
        }
    }
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident $schema:ident $kind:ty,)*) => {
        $(fn $deserialize<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
            let n = self.leaf(Schema::$schema);
            visitor.$visit(sample(samples::NUMBERS, n) as $kind)
        })*
    };
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Refusal;

    numbers! {
        deserialize_i8 visit_i8 I8 i8,
        deserialize_i16 visit_i16 I16 i16,
        deserialize_i32 visit_i32 I32 i32,
        deserialize_i64 visit_i64 I64 i64,
        deserialize_i128 visit_i128 I128 i128,
        deserialize_u8 visit_u8 U8 u8,
        deserialize_u16 visit_u16 U16 u16,
        deserialize_u32 visit_u32 U32 u32,
        deserialize_u64 visit_u64 U64 u64,
        deserialize_u128 visit_u128 U128 u128,
        deserialize_f32 visit_f32 F32 f32,
        deserialize_f64 visit_f64 F64 f64,
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        let n = self.leaf(Schema::Bool);
        visitor.visit_bool(n % 2 == 1)
    }

    fn deserialize_char<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        let n = self.leaf(Schema::Char);
        visitor.visit_char(sample(samples::CHARS, n))
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        let n = self.leaf(Schema::String);
        visitor.visit_borrowed_str(sample(samples::TEXTS, n))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        const BYTES: &[u8] = &[1; 64];
        let n = self.leaf(Schema::Bytes);
        visitor.visit_borrowed_bytes(&BYTES[..sample(samples::BYTE_LENGTHS, n)])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        self.leaf(Schema::Unit);
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let key = type_name::<V>();
        *self.form = Form::Option(Box::default());
        if self.registry.borrow().is_empty(key) {
            return visitor.visit_none();
        }
        let mut of = Form::Unknown;
        let result = in_frame(self.registry, key, &mut of, |tracer| visitor.visit_some(tracer));
        *self.form = Form::Option(Box::new(of));
        if result.is_err() {
            self.registry.borrow_mut().do_without(key);
        }
        result
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let key = type_name::<V>();
        let (is_empty, n) = (self.registry.borrow().is_empty(key), self.registry.borrow().sample());
        let mut seen = vec![Form::Unknown; if is_empty { 0 } else { sample(samples::SEQ_LENGTHS, n) }];
        let result = read_tuple(self.registry, &mut seen, visitor);
        let mut of = Form::Unknown;
        seen.into_iter().for_each(|form| of.merge(form));
        *self.form = Form::Seq(Box::new(of));
        if result.is_err() {
            self.registry.borrow_mut().do_without(key);
        }
        result
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let key = type_name::<V>();
        let left = usize::from(!self.registry.borrow().is_empty(key));
        let mut entry = OneEntry { registry: self.registry, left, key: Form::Unknown, value: Form::Unknown };
        let result = visitor.visit_map(&mut entry);
        *self.form = Form::Map(Box::new((entry.key, entry.value)));
        if result.is_err() {
            self.registry.borrow_mut().do_without(key);
        }
        result
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        let mut seen = vec![Form::Unknown; len];
        let result = read_tuple(self.registry, &mut seen, visitor);
        *self.form = Form::Tuple(seen, type_name::<V::Value>());
        result
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let id = self.id::<V>(name, |_| Kind::Tuple(vec![Form::Unknown; len]));
        *self.form = Form::Named(id);
        self.registry.borrow_mut().open(id);
        let mut seen = vec![Form::Unknown; len];
        let result = read_tuple(self.registry, &mut seen, visitor);
        let registry = &mut *self.registry.borrow_mut();
        registry.close();
        if let Kind::Tuple(own) = &mut registry.types[id].kind {
            own.iter_mut().zip(seen).for_each(|(own, seen)| own.merge(seen));
        }
        result
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refusal> {
        let id = self.id::<V>(name, |_| Kind::Newtype(Form::Unknown));
        *self.form = Form::Named(id);
        self.registry.borrow_mut().open(id);
        let mut seen = Form::Unknown;
        let read = |tracer: Tracer<'_>| visitor.visit_newtype_struct(tracer);
        let result = in_frame(self.registry, type_name::<V>(), &mut seen, read);
        let registry = &mut *self.registry.borrow_mut();
        registry.close();
        if let Kind::Newtype(own) = &mut registry.types[id].kind {
            own.merge(seen);
        }
        result
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let id = self.id::<V>(name, |registry| {
            registry.fields.push(Fields::new(names));
            Kind::Struct(registry.fields.len() - 1)
        });
        *self.form = Form::Named(id);
        let number = match self.registry.borrow().types[id].kind {
            Kind::Struct(number) => number,
            _ => return self.refuse(),
        };
        self.registry.borrow_mut().open(id);
        let is_within_itself = self.registry.borrow().is_within(id);
        let result = fields::read(self.registry, number, is_within_itself, visitor);
        self.registry.borrow_mut().close();
        result
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let id = self.id::<V>(name, |_| Kind::Enum(Variants::new(names)));
        *self.form = Form::Named(id);
        variants::read(self.registry, id, visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refusal> {
        self.refuse()
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refusal> {
        self.refuse()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refusal> {
        self.refuse()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
