//! What all runs of a trace share: the named types that were met, which values types refuse, and what went wrong in
//! this run.
//!
//! A run is one call of `T::deserialize`. It ends early when something is refused; then exactly one part of it is
//! *blamed*, and the next run tries that part with something else. A part that has been tried with everything is
//! *dead*: no value of it can be made, so what stands around it has to do without.

use super::fields::{Fields, Stage};
use super::form::Form;
use super::samples::SAMPLES;
use super::variants::{VariantForm, Variants};
use std::collections::{BTreeMap, BTreeSet};

/// Nesting of calls beyond which a run is given up.
const FRAMES_MAX: usize = 128;
/// Places that are visited in all runs together; what is not known then stays unknown.
const VISITS_MAX: usize = 200_000;

/// A type with a name.
pub(super) struct Named {
    /// As serde calls it.
    pub name: &'static str,
    /// As Rust calls it, with its path.
    pub rust: &'static str,
    pub kind: Kind,
}

pub(super) enum Kind {
    Newtype(Form),
    Tuple(Vec<Form>),
    /// A number in [`Registry::fields`].
    Struct(usize),
    Enum(Variants),
}

#[derive(Default)]
pub(super) struct Registry {
    pub types: Vec<Named>,
    pub fields: Vec<Fields>,
    /// By the Rust name of their visitors, which differs where serde's name of two types is the same.
    ids: BTreeMap<(&'static str, &'static str), usize>,
    /// How often a type has refused its values, if it has.
    refusals: BTreeMap<&'static str, usize>,
    /// Options, sequences and maps whose content cannot be made.
    empty: BTreeSet<&'static str>,
    visits: usize,
    /// Set in a run that has shown something new.
    pub changed: bool,
    /// The types whose values are being made.
    frames: Vec<&'static str>,
    /// The named types among them.
    open: Vec<usize>,
    /// Whether it is known why this run fails.
    pub blamed: bool,
    /// Whether it fails at a part that can never be made.
    pub dead: bool,
}

impl Registry {
    pub fn start_run(&mut self) {
        self.changed = false;
        self.frames.clear();
        self.open.clear();
        self.blamed = false;
        self.dead = false;
    }

    /// Whether no more may be tried.
    pub fn is_spent(&self) -> bool {
        self.visits >= VISITS_MAX
    }

    /// The value of a type is about to be made. False if there are too many already.
    pub fn enter(&mut self, rust: &'static str) -> bool {
        self.visits += 1;
        if self.frames.len() >= FRAMES_MAX || self.is_spent() {
            self.give_up();
            return false;
        }
        self.frames.push(rust);
        true
    }

    /// The value was made, or not.
    pub fn leave(&mut self, failed: bool) {
        let Some(rust) = self.frames.pop() else { return };
        if !failed || self.blamed {
            return;
        }
        self.blamed = true;
        let refusals = self.refusals.entry(rust).or_insert(0);
        if *refusals + 1 < SAMPLES {
            *refusals += 1;
            self.changed = true;
        } else {
            self.dead = true;
        }
    }

    /// The run fails here, at something that cannot be made.
    pub fn give_up(&mut self) {
        self.blamed = true;
        self.dead = true;
    }

    /// The run fails here, and the next one will do something else.
    pub fn retry(&mut self) {
        self.blamed = true;
        self.dead = false;
        self.changed = true;
    }

    /// Which sample is to be taken: as many as the innermost type has refused that has refused any.
    pub fn sample(&self) -> usize {
        if self.refusals.is_empty() {
            return 0;
        }
        self.frames.iter().rev().find_map(|rust| self.refusals.get(rust)).copied().unwrap_or(0)
    }

    /// The number of a type that has been met.
    pub fn known(&self, visitor: &'static str, name: &'static str) -> Option<usize> {
        self.ids.get(&(visitor, name)).copied()
    }

    /// Adds a type.
    pub fn add(&mut self, visitor: &'static str, name: &'static str, rust: &'static str, kind: Kind) -> usize {
        self.ids.insert((visitor, name), self.types.len());
        self.types.push(Named { name, rust, kind });
        self.changed = true;
        self.types.len() - 1
    }

    pub fn open(&mut self, id: usize) {
        self.open.push(id);
    }

    pub fn close(&mut self) {
        self.open.pop();
    }

    /// Whether the type is being made around this place.
    pub fn is_open(&self, id: usize) -> bool {
        self.open.contains(&id)
    }

    /// Whether the type, which is being made here, is also being made around here.
    pub fn is_within(&self, id: usize) -> bool {
        self.open.iter().filter(|open| **open == id).count() > 1
    }

    /// Whether a container of this visitor has to be empty: because its content cannot be made, or because this is a
    /// type within itself and has to end.
    pub fn is_empty(&self, visitor: &'static str) -> bool {
        self.open.last().is_some_and(|id| self.is_within(*id)) || self.empty.contains(visitor)
    }

    /// The content of a container could not be made: it will be empty from now on.
    pub fn do_without(&mut self, visitor: &'static str) {
        if self.dead {
            self.retry();
            self.empty.insert(visitor);
        }
    }

    pub fn variants(&mut self, id: usize) -> Option<&mut Variants> {
        match self.types.get_mut(id).map(|named| &mut named.kind) {
            Some(Kind::Enum(variants)) => Some(variants),
            _ => None,
        }
    }

    /// Whether more can be learnt below this place.
    pub fn is_pending(&self, form: &Form, seen: &mut BTreeSet<usize>) -> bool {
        match form {
            Form::Unknown | Form::Leaf(_) | Form::Torn => false,
            Form::Option(of) | Form::Seq(of) => self.is_pending(of, seen),
            Form::Map(pair) => self.is_pending(&pair.0, seen) || self.is_pending(&pair.1, seen),
            Form::Tuple(forms, _) => forms.iter().any(|form| self.is_pending(form, seen)),
            Form::Named(id) => {
                seen.insert(*id)
                    && match &self.types[*id].kind {
                        Kind::Newtype(form) => self.is_pending(form, seen),
                        Kind::Tuple(forms) => forms.iter().any(|form| self.is_pending(form, seen)),
                        Kind::Struct(fields) => self.are_fields_pending(*fields, seen),
                        Kind::Enum(variants) => {
                            variants.has_more() || variants.forms().any(|form| self.is_variant_pending(form, seen))
                        }
                    }
            }
        }
    }

    pub fn is_variant_pending(&self, form: &VariantForm, seen: &mut BTreeSet<usize>) -> bool {
        match form {
            VariantForm::Unknown | VariantForm::Unit => false,
            VariantForm::Newtype(form) => self.is_pending(form, seen),
            VariantForm::Tuple(forms) => forms.iter().any(|form| self.is_pending(form, seen)),
            VariantForm::Struct(fields) => self.are_fields_pending(*fields, seen),
        }
    }

    fn are_fields_pending(&self, fields: usize, seen: &mut BTreeSet<usize>) -> bool {
        let fields = &self.fields[fields];
        !matches!(fields.stage, Stage::Done | Stage::Positional)
            || fields.forms().any(|form| self.is_pending(form, seen))
    }

    /// Whether a value at this place always holds one of type `target`, so that it would never end.
    pub fn must_hold(&self, form: &Form, target: usize, seen: &mut BTreeSet<usize>) -> bool {
        match form {
            Form::Named(id) if *id == target => true,
            Form::Tuple(forms, _) => forms.iter().any(|form| self.must_hold(form, target, seen)),
            Form::Named(id) => {
                seen.insert(*id)
                    && match &self.types[*id].kind {
                        Kind::Newtype(form) => self.must_hold(form, target, seen),
                        Kind::Tuple(forms) => forms.iter().any(|form| self.must_hold(form, target, seen)),
                        Kind::Struct(fields) => {
                            self.fields[*fields].forms().any(|form| self.must_hold(form, target, seen))
                        }
                        Kind::Enum(variants) => {
                            variants.forms().all(|form| self.variant_must_hold(form, target, &mut seen.clone()))
                        }
                    }
            }
            _ => false,
        }
    }

    pub fn variant_must_hold(&self, form: &VariantForm, target: usize, seen: &mut BTreeSet<usize>) -> bool {
        match form {
            VariantForm::Unknown | VariantForm::Unit => false,
            VariantForm::Newtype(form) => self.must_hold(form, target, seen),
            VariantForm::Tuple(forms) => forms.iter().any(|form| self.must_hold(form, target, seen)),
            VariantForm::Struct(fields) => self.fields[*fields].forms().any(|form| self.must_hold(form, target, seen)),
        }
    }
}
