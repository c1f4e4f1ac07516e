//! What is known of a type so far, and the schema that is made of it in the end.

use super::fields::Fields;
use super::registry::{Kind, Registry};
use super::variants::{VariantForm, Variants};
use crate::schema::types::{Content, Field, Schema, Variant};

/// Deeper trees are not kept: whoever reads their JSON has a limit too.
const DEPTH_MAX: usize = 24;
/// Trees with more nodes are not kept.
const NODES_MAX: usize = 10_000;

/// A place in a type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Form {
    /// Not seen yet.
    #[default]
    Unknown,
    /// Something without parts.
    Leaf(Schema),
    Option(Box<Form>),
    Seq(Box<Form>),
    Map(Box<(Form, Form)>),
    /// A tuple, or an array if all are alike and Rust's name says so; and that name.
    Tuple(Vec<Form>, &'static str),
    /// A type of the registry.
    Named(usize),
    /// Seen in two ways that do not go together.
    Torn,
}

impl Form {
    /// Adds what another look has shown.
    pub fn merge(&mut self, seen: Form) {
        match (&mut *self, seen) {
            (_, Form::Unknown) | (Form::Torn, _) => {}
            (Form::Unknown, seen) => *self = seen,
            (Form::Option(own), Form::Option(seen)) | (Form::Seq(own), Form::Seq(seen)) => own.merge(*seen),
            (Form::Map(own), Form::Map(seen)) => {
                own.0.merge(seen.0);
                own.1.merge(seen.1);
            }
            (Form::Tuple(own, _), Form::Tuple(seen, _)) if own.len() == seen.len() => {
                own.iter_mut().zip(seen).for_each(|(own, seen)| own.merge(seen));
            }
            (own, seen) if *own == seen => {}
            _ => *self = Form::Torn,
        }
    }
}

/// Too large to be kept.
pub(super) struct TooLarge;

/// Makes a schema of a form.
pub(super) struct Finish<'r> {
    registry: &'r Registry,
    /// Types around the place, with the names that they have in the schema.
    open: Vec<(usize, String)>,
    depth: usize,
    nodes: usize,
}

impl<'r> Finish<'r> {
    pub fn new(registry: &'r Registry) -> Self {
        Finish { registry, open: Vec::new(), depth: 0, nodes: 0 }
    }

    /// The schema of `form`, which belongs to the Rust type `owner`.
    pub fn schema(&mut self, form: &Form, owner: &str) -> Result<Schema, TooLarge> {
        self.depth += 1;
        self.nodes += 1;
        if self.depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return Err(TooLarge);
        }
        let schema = match form {
            Form::Unknown | Form::Torn => Schema::Opaque(owner.to_owned()),
            Form::Leaf(schema) => schema.clone(),
            Form::Option(of) => Schema::Option(Box::new(self.schema(of, owner)?)),
            Form::Seq(of) => Schema::Seq(Box::new(self.schema(of, owner)?)),
            Form::Map(pair) => Schema::Map {
                key: Box::new(self.schema(&pair.0, owner)?),
                value: Box::new(self.schema(&pair.1, owner)?),
            },
            Form::Tuple(forms, name) => self.tuple(forms, name)?,
            Form::Named(id) => self.named(*id)?,
        };
        self.depth -= 1;
        Ok(schema)
    }

    fn tuple(&mut self, forms: &[Form], name: &str) -> Result<Schema, TooLarge> {
        if forms.contains(&Form::Unknown) {
            return Ok(Schema::Opaque(name.to_owned()));
        }
        Ok(match forms {
            [] => Schema::Unit,
            [first, rest @ ..] if name.starts_with('[') && rest.iter().all(|form| form == first) => {
                Schema::Array { of: Box::new(self.schema(first, name)?), length: forms.len() }
            }
            _ => Schema::Tuple(self.parts(forms, name)?),
        })
    }

    fn parts(&mut self, forms: &[Form], owner: &str) -> Result<Vec<Schema>, TooLarge> {
        forms.iter().map(|form| self.schema(form, owner)).collect()
    }

    fn named(&mut self, id: usize) -> Result<Schema, TooLarge> {
        if let Some((_, name)) = self.open.iter().find(|(open, _)| *open == id) {
            return Ok(Schema::Recursive(name.clone()));
        }
        let registry = self.registry;
        let named = &registry.types[id];
        let mut name = named.name.to_owned();
        // A reference finds the nearest type of a name, which must not be another one.
        while self.open.iter().any(|(_, open)| *open == name) {
            name.push('_');
        }
        self.open.push((id, name.clone()));
        let schema = match &named.kind {
            Kind::Newtype(form) => Schema::Newtype { name, of: Box::new(self.schema(form, named.rust)?) },
            Kind::Tuple(forms) if forms.contains(&Form::Unknown) => Schema::Opaque(named.rust.to_owned()),
            Kind::Tuple(forms) => Schema::TupleStruct { name, fields: self.parts(forms, named.rust)? },
            Kind::Struct(fields) => self.fields(&registry.fields[*fields], name, named.rust)?,
            Kind::Enum(variants) => Schema::Enum { variants: self.variants(variants, named.rust)?, name },
        };
        self.open.pop();
        Ok(schema)
    }

    fn fields(&mut self, fields: &Fields, name: String, owner: &str) -> Result<Schema, TooLarge> {
        Ok(match fields.by_name() {
            Some(known) => Schema::Struct { name, fields: self.named_fields(known, owner)? },
            None => match fields.by_position() {
                Some(forms) => Schema::TupleStruct { name, fields: self.parts(forms, owner)? },
                None => Schema::Opaque(owner.to_owned()),
            },
        })
    }

    fn named_fields(&mut self, fields: Vec<super::fields::Known>, owner: &str) -> Result<Vec<Field>, TooLarge> {
        let field = |field: super::fields::Known| {
            let schema = self.schema(&field.form, owner)?;
            Ok(Field { name: field.name, aliases: field.aliases, schema, optional: field.optional })
        };
        fields.into_iter().map(field).collect()
    }

    fn variants(&mut self, variants: &Variants, owner: &str) -> Result<Vec<Variant>, TooLarge> {
        let mut all = Vec::new();
        for (names, form) in variants.known() {
            let content = match form {
                VariantForm::Unknown => Content::Newtype(Schema::Opaque(owner.to_owned())),
                VariantForm::Unit => Content::Unit,
                VariantForm::Newtype(form) => Content::Newtype(self.schema(form, owner)?),
                VariantForm::Tuple(forms) => Content::Tuple(self.parts(forms, owner)?),
                VariantForm::Struct(fields) => match self.registry.fields[*fields].by_name() {
                    Some(known) => Content::Struct(self.named_fields(known, owner)?),
                    None => Content::Newtype(Schema::Opaque(owner.to_owned())),
                },
            };
            let mut names = names.into_iter();
            let name = names.next().unwrap_or_default();
            all.push(Variant { name, aliases: names.collect(), content });
        }
        Ok(all)
    }
}
