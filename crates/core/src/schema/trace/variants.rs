//! Finding out about the variants of an enum: each is made once, in a run of its own, by its number as in the codec.
//! If the type knows more names than it has numbers, every name is tried too, to see which variant it is.

use super::fields::{self, Fields};
use super::form::Form;
use super::registry::Registry;
use super::tracer::{Refusal, in_frame, read_tuple};
use serde::de::value::{BorrowedStrDeserializer, U32Deserializer};
use serde::de::{DeserializeSeed, EnumAccess, VariantAccess, Visitor};
use std::any::type_name;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

/// What is known of the variants of an enum.
pub(super) struct Variants {
    /// Every name that the type knows.
    names: &'static [&'static str],
    /// Number of variants, once a number was refused.
    count: Option<usize>,
    list: Vec<Known>,
    /// What the type's own identifier looks like for each name; only asked if there are more names than variants.
    marks: Vec<Option<u64>>,
    /// Of variants below which there is more to learn, each gets its turn.
    turn: usize,
}

#[derive(Default)]
struct Known {
    explored: bool,
    dead: bool,
    form: VariantForm,
    mark: Option<u64>,
}

/// What a variant holds, as far as it is known.
#[derive(Default)]
pub(super) enum VariantForm {
    #[default]
    Unknown,
    Unit,
    Newtype(Form),
    Tuple(Vec<Form>),
    /// A number in [`Registry::fields`].
    Struct(usize),
}

#[derive(Clone, Copy)]
enum Choice {
    Number(usize),
    Name(usize),
}

impl Variants {
    pub fn new(names: &'static [&'static str]) -> Self {
        let list = names.iter().map(|_| Known::default()).collect();
        Variants { names, count: None, list, marks: vec![None; names.len()], turn: 0 }
    }

    /// Whether not everything about the variants has been asked.
    pub fn has_more(&self) -> bool {
        self.next_question().is_some()
    }

    /// What has been seen of the content of variants that can be made.
    pub fn forms(&self) -> impl Iterator<Item = &VariantForm> {
        self.list[..self.count()].iter().filter(|variant| !variant.dead).map(|variant| &variant.form)
    }

    /// The variants in the end, with their names.
    pub fn known(&self) -> impl Iterator<Item = (Vec<String>, &VariantForm)> {
        let has_aliases = self.count() < self.names.len();
        self.list[..self.count()].iter().enumerate().map(move |(n, variant)| {
            let is_name = |i: usize| if has_aliases { self.marks[i] == variant.mark } else { i == n };
            let names = (0..self.names.len()).filter(|i| is_name(*i)).map(|i| self.names[i].to_owned()).collect();
            (names, &variant.form)
        })
    }

    fn count(&self) -> usize {
        self.count.unwrap_or(self.names.len())
    }

    fn next_question(&self) -> Option<Choice> {
        let unexplored = self.list[..self.count()].iter().position(|variant| !variant.explored);
        if let Some(n) = unexplored {
            return Some(Choice::Number(n));
        }
        let has_aliases = self.count() < self.names.len();
        has_aliases.then(|| self.marks.iter().position(Option::is_none).map(Choice::Name)).flatten()
    }
}

/// The variant to make of an enum.
fn choose(registry: &mut Registry, id: usize) -> Choice {
    let is_within_itself = registry.is_open(id);
    let question = registry.variants(id).and_then(|variants| variants.next_question());
    if let Some(question) = question {
        if let (Choice::Number(n), Some(variants)) = (question, registry.variants(id)) {
            variants.list[n].explored = true;
        }
        registry.changed = true;
        return question;
    }
    let shared = &*registry;
    let super::registry::Kind::Enum(variants) = &shared.types[id].kind else { return Choice::Number(0) };
    let alive = || (0..variants.count()).filter(|n| !variants.list[*n].dead);
    if !is_within_itself {
        let is_pending = |n: &usize| shared.is_variant_pending(&variants.list[*n].form, &mut BTreeSet::from([id]));
        let pending: Vec<usize> = alive().filter(is_pending).collect();
        if !pending.is_empty() {
            let chosen = pending[variants.turn % pending.len()];
            if let Some(variants) = registry.variants(id) {
                variants.turn += 1;
            }
            return Choice::Number(chosen);
        }
    }
    let is_unit = |n: &usize| matches!(variants.list[*n].form, VariantForm::Unit);
    let ends = |n: &usize| !shared.variant_must_hold(&variants.list[*n].form, id, &mut BTreeSet::new());
    let chosen = alive().find(is_unit).or_else(|| alive().find(ends)).or_else(|| alive().next());
    Choice::Number(chosen.unwrap_or(0))
}

/// Makes a value of the enum with this number, of the variant that is next.
pub(super) fn read<'de, V: Visitor<'de>>(
    registry: &RefCell<Registry>,
    id: usize,
    visitor: V,
) -> Result<V::Value, Refusal> {
    let choice = choose(&mut registry.borrow_mut(), id);
    registry.borrow_mut().open(id);
    let result = visitor.visit_enum(OneVariant { registry, id, choice });
    let registry = &mut *registry.borrow_mut();
    registry.close();
    if result.is_err()
        && registry.dead
        && let (Choice::Number(n), Some(variants)) = (choice, registry.variants(id))
        && let Some(variant) = variants.list.get_mut(n)
    {
        variant.dead = true;
        if variants.list[..variants.count()].iter().any(|variant| !variant.dead) {
            registry.retry();
        }
    }
    result
}

struct OneVariant<'t> {
    registry: &'t RefCell<Registry>,
    id: usize,
    choice: Choice,
}

impl<'de, 't> EnumAccess<'de> for OneVariant<'t> {
    type Error = Refusal;
    type Variant = Inside<'t>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Inside<'t>), Refusal> {
        let inside = |number| Inside { registry: self.registry, id: self.id, number };
        match self.choice {
            Choice::Number(n) => {
                let result = seed.deserialize(U32Deserializer::<Refusal>::new(n as u32));
                let registry = &mut *self.registry.borrow_mut();
                match result {
                    Ok(value) => {
                        if let Some(variants) = registry.variants(self.id) {
                            variants.list[n].mark = Some(mark(&value));
                        }
                        Ok((value, inside(n)))
                    }
                    Err(refusal) => {
                        if let Some(variants) = registry.variants(self.id) {
                            variants.count = Some(n);
                        }
                        if n == 0 {
                            registry.give_up()
                        } else {
                            registry.retry()
                        }
                        Err(refusal)
                    }
                }
            }
            Choice::Name(n) => {
                let result = seed.deserialize(BorrowedStrDeserializer::<Refusal>::new(
                    self.registry.borrow_mut().variants(self.id).map_or("", |variants| variants.names[n]),
                ));
                let registry = &mut *self.registry.borrow_mut();
                if let Some(variants) = registry.variants(self.id) {
                    // A name that is refused is nobody's.
                    variants.marks[n] = Some(result.as_ref().map_or(u64::MAX, mark));
                }
                registry.retry();
                Err(Refusal::Other)
            }
        }
    }
}

/// Tells the values of the type's own identifier of variants apart, which is an enum that nobody else knows.
fn mark<T>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    discriminant(value).hash(&mut hasher);
    hasher.finish()
}

struct Inside<'t> {
    registry: &'t RefCell<Registry>,
    id: usize,
    number: usize,
}

impl Inside<'_> {
    fn note(&self, note: impl FnOnce(&mut VariantForm)) {
        if let Some(variants) = self.registry.borrow_mut().variants(self.id) {
            note(&mut variants.list[self.number].form);
        }
    }
}

impl<'de> VariantAccess<'de> for Inside<'_> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        self.note(|form| *form = VariantForm::Unit);
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refusal> {
        let mut seen = Form::Unknown;
        let result = in_frame(self.registry, type_name::<S::Value>(), &mut seen, |tracer| seed.deserialize(tracer));
        self.note(|form| match form {
            VariantForm::Newtype(own) => own.merge(seen),
            _ => *form = VariantForm::Newtype(seen),
        });
        result
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        let mut seen = vec![Form::Unknown; len];
        let result = read_tuple(self.registry, &mut seen, visitor);
        self.note(|form| match form {
            VariantForm::Tuple(own) if own.len() == len => {
                own.iter_mut().zip(seen).for_each(|(own, seen)| own.merge(seen));
            }
            _ => *form = VariantForm::Tuple(seen),
        });
        result
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Refusal> {
        let known = {
            let registry = &mut *self.registry.borrow_mut();
            let next = registry.fields.len();
            let known = match registry.variants(self.id).map(|variants| &mut variants.list[self.number].form) {
                Some(VariantForm::Struct(number)) => *number,
                Some(form) => {
                    *form = VariantForm::Struct(next);
                    next
                }
                None => next,
            };
            if known == next {
                registry.fields.push(Fields::new(names));
            }
            known
        };
        // The enum itself is open here, so within itself means that it is open twice.
        let is_within_itself = self.registry.borrow().is_within(self.id);
        fields::read(self.registry, known, is_within_itself, visitor)
    }
}
