//! Finding out about named fields: their order, their types, their other names, and which may be missing.
//!
//! One question per run, in this order:
//! 1. [`Stage::Order`]: all fields by position, as the codec gives them.
//! 2. [`Stage::Names`]: all names that the type knows. A name that is a second one for a field is refused as a
//!    duplicate of the first.
//! 3. [`Stage::Missing`]: no field; one that must be there is named in the refusal and given in the next run.

use super::form::Form;
use super::registry::Registry;
use super::tracer::{Refusal, in_frame};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::any::type_name;
use std::cell::RefCell;

/// Which question comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    Order,
    Names,
    Missing,
    Done,
    /// The type takes its fields by position only.
    Positional,
}

/// What is known of the fields of a struct or of a variant.
pub(super) struct Fields {
    /// Every name that the type knows. Those of one field stand together.
    names: &'static [&'static str],
    /// By name.
    by_name: Vec<Form>,
    /// By name: the field's own name, if this is another one.
    alias_of: Vec<Option<&'static str>>,
    /// By name: whether the field must be there.
    required: Vec<bool>,
    /// By name: whether its value cannot be made, so that it is given after all others.
    last: Vec<bool>,
    in_order: Option<Vec<Form>>,
    pub stage: Stage,
}

/// A field in the end.
pub(super) struct Known {
    pub name: String,
    pub aliases: Vec<String>,
    pub form: Form,
    pub optional: bool,
}

impl Fields {
    pub fn new(names: &'static [&'static str]) -> Self {
        Fields {
            names,
            by_name: vec![Form::Unknown; names.len()],
            alias_of: vec![None; names.len()],
            required: vec![false; names.len()],
            last: vec![false; names.len()],
            in_order: None,
            stage: Stage::Order,
        }
    }

    /// Everything that has been seen of the types of fields.
    pub fn forms(&self) -> impl Iterator<Item = &Form> {
        self.by_name.iter().chain(self.in_order.iter().flatten())
    }

    /// The fields with their names; `None` if the type takes them by position only.
    pub fn by_name(&self) -> Option<Vec<Known>> {
        if self.stage == Stage::Positional {
            return None;
        }
        let own: Vec<usize> = (0..self.names.len()).filter(|n| self.alias_of[*n].is_none()).collect();
        if self.in_order.as_ref().is_some_and(|forms| forms.len() != own.len()) {
            return None;
        }
        let mut known = Vec::new();
        for (place, n) in own.into_iter().enumerate() {
            let mut form = self.by_name[n].clone();
            if let Some(in_order) = &self.in_order {
                form.merge(in_order[place].clone());
            }
            (0..self.names.len())
                .filter(|a| self.alias_of[*a] == Some(self.names[n]))
                .for_each(|a| form.merge(self.by_name[a].clone()));
            if form == Form::Torn && self.by_name[n] != Form::Torn {
                // By name it is something else than by position: the names do not stand in the order of the encoding.
                return None;
            }
            let alias =
                |(a, name): (usize, &&str)| (self.alias_of[a] == Some(self.names[n])).then(|| (*name).to_owned());
            let is_option = matches!(form, Form::Option(_));
            known.push(Known {
                name: self.names[n].to_owned(),
                aliases: self.names.iter().enumerate().filter_map(alias).collect(),
                form,
                optional: if self.stage == Stage::Done { !self.required[n] } else { is_option },
            });
        }
        Some(known)
    }

    /// The fields by position, if all were seen that way.
    pub fn by_position(&self) -> Option<&[Form]> {
        self.in_order.as_deref().filter(|forms| !forms.contains(&Form::Unknown))
    }

    /// What to give to the type: its fields by position, or these names.
    fn offer(&self, is_within_itself: bool) -> Option<Vec<usize>> {
        let wanted: Vec<usize> = match self.stage {
            Stage::Order | Stage::Positional => return None,
            Stage::Done if self.in_order.is_some() => return None,
            Stage::Names | Stage::Missing if is_within_itself && self.in_order.is_some() => return None,
            Stage::Missing if !is_within_itself => (0..self.names.len()).filter(|n| self.required[*n]).collect(),
            _ => (0..self.names.len()).filter(|n| self.alias_of[*n].is_none()).collect(),
        };
        let (last, first): (Vec<usize>, Vec<usize>) = wanted.into_iter().partition(|n| self.last[*n]);
        Some(first.into_iter().chain(last).collect())
    }

    /// After the fields were given by position.
    fn after_order(&mut self, seen: Vec<Form>, refusal: Option<&Refusal>, run: &mut Run) {
        if self.stage != Stage::Order {
            if let Some(in_order) = self.in_order.as_mut().filter(|forms| forms.len() == seen.len()) {
                in_order.iter_mut().zip(seen).for_each(|(own, seen)| own.merge(seen));
            }
            return;
        }
        match refusal {
            None => {
                self.in_order = Some(seen);
                self.stage = Stage::Names;
                run.changed = true;
            }
            Some(_) if run.dead || !run.blamed && seen.is_empty() => {
                self.stage = Stage::Names;
                run.retry = true;
            }
            Some(_) => {}
        }
    }

    /// After names were given, of which `current` was the last.
    fn after_names(&mut self, current: Option<usize>, refusal: Option<&Refusal>, run: &mut Run) {
        let next = match (self.stage, refusal) {
            (Stage::Names, None) => Some(Stage::Missing),
            (Stage::Missing, None) => Some(Stage::Done),
            (Stage::Names, Some(refusal)) => self.name_refused(current, refusal, run),
            (Stage::Missing, Some(Refusal::Missing(name))) if !run.blamed => {
                let found = self.names.iter().position(|n| n == name).filter(|n| !self.required[*n]);
                match found {
                    Some(n) => {
                        self.required[n] = true;
                        run.retry = true;
                        None
                    }
                    None => self.all_required(),
                }
            }
            (Stage::Missing, Some(_)) if run.dead || !run.blamed => self.all_required(),
            _ => None,
        };
        if let Some(next) = next {
            self.stage = next;
            run.changed = true;
            run.retry = refusal.is_some();
        }
    }

    fn name_refused(&mut self, current: Option<usize>, refusal: &Refusal, run: &mut Run) -> Option<Stage> {
        let Some(current) = current else { return (!run.blamed).then_some(Stage::Positional) };
        if run.dead {
            let was_last = std::mem::replace(&mut self.last[current], true);
            run.retry = !was_last;
            return if was_last { self.all_required() } else { None };
        }
        if run.blamed {
            return None;
        }
        if let Refusal::Duplicate(own) = refusal {
            // Of the two names one is the field's own, which stands before or after the other.
            let before = (0..current).rev().find(|n| self.alias_of[*n].is_none());
            let alias = if self.names[current] == *own { before } else { Some(current) };
            if let Some(alias) = alias {
                self.alias_of[alias] = Some(own);
                run.retry = true;
                return None;
            }
        }
        Some(Stage::Positional)
    }

    /// Which fields may be missing cannot be found out, so none may that is not an option.
    fn all_required(&mut self) -> Option<Stage> {
        for (required, form) in self.required.iter_mut().zip(&self.by_name) {
            *required = !matches!(form, Form::Option(_));
        }
        Some(Stage::Done)
    }
}

/// The part of a run's outcome that the fields look at and change.
struct Run {
    blamed: bool,
    dead: bool,
    changed: bool,
    retry: bool,
}

/// Makes a struct, or the content of a variant, asking the next question.
pub(super) fn read<'de, V: Visitor<'de>>(
    registry: &RefCell<Registry>,
    number: usize,
    is_within_itself: bool,
    visitor: V,
) -> Result<V::Value, Refusal> {
    let (offer, names) = {
        let registry = registry.borrow();
        let fields = &registry.fields[number];
        (fields.offer(is_within_itself), fields.names)
    };
    let (mut seen, mut current) = (Vec::new(), None);
    let by_name = offer.is_some();
    let result = match offer {
        None => visitor.visit_seq(InOrder { registry, left: names.len(), seen: &mut seen }),
        Some(offer) => {
            let offer = offer.into_iter();
            visitor.visit_map(ByName { registry, number, names, offer, current: &mut current })
        }
    };
    let registry = &mut *registry.borrow_mut();
    let mut run = Run { blamed: registry.blamed, dead: registry.dead, changed: false, retry: false };
    let fields = &mut registry.fields[number];
    if by_name && is_within_itself {
        return result;
    }
    if by_name {
        fields.after_names(current, result.as_ref().err(), &mut run);
    } else {
        fields.after_order(seen, result.as_ref().err(), &mut run);
    }
    registry.changed |= run.changed;
    if run.retry {
        registry.retry();
    }
    result
}

struct InOrder<'t> {
    registry: &'t RefCell<Registry>,
    left: usize,
    seen: &'t mut Vec<Form>,
}

impl<'de> SeqAccess<'de> for InOrder<'_> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refusal> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut form = Form::Unknown;
        let result = in_frame(self.registry, type_name::<S::Value>(), &mut form, |tracer| seed.deserialize(tracer));
        self.seen.push(form);
        result.map(Some)
    }
}

struct ByName<'t> {
    registry: &'t RefCell<Registry>,
    number: usize,
    names: &'static [&'static str],
    offer: std::vec::IntoIter<usize>,
    current: &'t mut Option<usize>,
}

impl<'de> MapAccess<'de> for ByName<'_> {
    type Error = Refusal;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refusal> {
        let Some(next) = self.offer.next() else { return Ok(None) };
        *self.current = Some(next);
        seed.deserialize(BorrowedStrDeserializer::new(self.names[next])).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        let mut form = Form::Unknown;
        let result = in_frame(self.registry, type_name::<S::Value>(), &mut form, |tracer| seed.deserialize(tracer));
        if let Some(current) = *self.current {
            self.registry.borrow_mut().fields[self.number].by_name[current].merge(form);
        }
        result
    }
}
