//! Whether a type can read what another version of it has written: one walk over both schemas that gives the answer
//! in words and the [`Plan`] for reading, so that the two cannot differ.

use super::plan::{ContentStep, FieldStep, Int, Plan, Step, StepId, VariantStep};
use super::same::{At, is_called_alike, names, parts, resolve, same};
use crate::schema::columns::Column;
use crate::schema::types::{Content, Field, Schema, Variant};
use std::collections::BTreeMap;

/// Whether values of one schema can be read as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// The bytes are read as they are.
    Same,
    /// They can be read; what has changed, one sentence each.
    Migrated(Vec<String>),
    /// They cannot be read; why, one sentence each, with the place.
    Incompatible(Vec<String>),
}

impl Compatibility {
    /// Whether values can be read.
    pub fn is_readable(&self) -> bool {
        !matches!(self, Compatibility::Incompatible(_))
    }
}

impl Schema {
    /// Whether a type of this schema can read what a type of schema `writer` has written. Places are called
    /// `value.field`, `value.items[].price`, `value.by_name{}` for the values of a map and `{key}` for its keys.
    ///
    /// Nothing is read for it. A variant that was removed is no hindrance until a value has it.
    ///
    /// ```
    /// use flott_core::schema::{Compatibility, Schema};
    /// assert_eq!(Schema::I64.can_read(&Schema::I64), Compatibility::Same);
    /// assert!(Schema::I64.can_read(&Schema::I32).is_readable());
    /// assert_eq!(
    ///     Schema::I32.can_read(&Schema::I64),
    ///     Compatibility::Incompatible(vec!["`value`: i64 is not read as i32, which cannot hold every value".into()])
    /// );
    /// ```
    pub fn can_read(&self, writer: &Schema) -> Compatibility {
        compare("value", self, writer).0
    }

    /// As [`Schema::can_read`] for the type of a key, whose hash must stay what it is: state is found by the key group,
    /// which comes from it ([`crate::KeyHash`]). So fields and variants may be renamed, numbers widened up to 64 bits
    /// and variants added behind the others, and nothing else.
    pub fn can_read_key(&self, writer: &Schema) -> Compatibility {
        compare_as(Comparison { is_key: true, path: "key".to_owned(), ..Comparison::default() }, self, writer).0
    }
}

/// As [`Schema::can_read`], with the plan for reading; it is not to be used if that says that they cannot be read.
pub(in crate::schema) fn compare(root: &str, reader: &Schema, writer: &Schema) -> (Compatibility, Plan) {
    compare_as(Comparison { path: root.to_owned(), ..Comparison::default() }, reader, writer)
}

fn compare_as(mut comparison: Comparison, reader: &Schema, writer: &Schema) -> (Compatibility, Plan) {
    let (reader, writer) = (At { node: reader, scope: None }, At { node: writer, scope: None });
    if same(reader, writer, &mut Vec::new(), 0) {
        return (Compatibility::Same, Plan { steps: vec![Step::Plain], root: 0 });
    }
    let root = comparison.step(reader, writer);
    let compatibility = if comparison.reasons.is_empty() {
        Compatibility::Migrated(comparison.changes)
    } else {
        Compatibility::Incompatible(comparison.reasons)
    };
    (compatibility, Plan { steps: comparison.steps, root })
}

/// The plan for skipping values of a schema, or why they cannot be.
pub(super) fn skip_plan(schema: &Schema) -> Result<Plan, Vec<String>> {
    let mut comparison = Comparison { path: "value".to_owned(), ..Comparison::default() };
    let root = comparison.skip(At { node: schema, scope: None });
    if comparison.reasons.is_empty() { Ok(Plan { steps: comparison.steps, root }) } else { Err(comparison.reasons) }
}

#[derive(Default)]
struct Comparison {
    steps: Vec<Step>,
    /// Pairs that have been compared, or are being; nobody stands for a reader that skips.
    known: BTreeMap<(usize, usize), StepId>,
    changes: Vec<String>,
    reasons: Vec<String>,
    path: String,
    depth: usize,
    /// Whether the hash of values must stay what it is.
    is_key: bool,
    /// Pairs around this one whose reader is an `Option` of what is written, with nothing read since.
    wrapped: Vec<(usize, usize)>,
}

impl Comparison {
    fn step(&mut self, reader: At<'_>, writer: At<'_>) -> StepId {
        self.depth += 1;
        let depth = self.depth;
        let found = resolve(reader, depth, |reader| {
            resolve(writer, depth, |writer| {
                let pair = (reader.identity(), writer.identity());
                if self.wrapped.contains(&pair) {
                    self.reason("the job's type is an Option of itself, in which no value has an end");
                }
                if let Some(id) = self.known.get(&pair) {
                    return *id;
                }
                let id = self.add(pair);
                let step =
                    if same(reader, writer, &mut Vec::new(), 0) { Step::Plain } else { self.differing(reader, writer) };
                self.steps[id as usize] = step;
                id
            })
        });
        self.depth -= 1;
        found.flatten().unwrap_or_else(|| self.broken())
    }

    /// The step of what is not read but skipped.
    fn skip(&mut self, writer: At<'_>) -> StepId {
        self.depth += 1;
        let found = resolve(writer, self.depth, |writer| {
            let pair = (0, writer.identity());
            if let Some(id) = self.known.get(&pair) {
                return *id;
            }
            let id = self.add(pair);
            self.steps[id as usize] = self.skipped(writer);
            id
        });
        self.depth -= 1;
        found.unwrap_or_else(|| self.broken())
    }

    fn add(&mut self, pair: (usize, usize)) -> StepId {
        let id = self.steps.len() as StepId;
        self.steps.push(Step::Opaque);
        self.known.insert(pair, id);
        id
    }

    fn broken(&mut self) -> StepId {
        self.reason("the schema is too deep, or refers to a type that is not around it");
        let id = self.steps.len() as StepId;
        self.steps.push(Step::Opaque);
        id
    }

    fn reason(&mut self, why: impl AsRef<str>) {
        self.reasons.push(format!("`{}`: {}", self.path, why.as_ref()));
    }

    fn change(&mut self, what: impl AsRef<str>) {
        self.changes.push(format!("`{}`: {}", self.path, what.as_ref()));
    }

    /// As [`Comparison::change`], for what changes the hash of values.
    fn change_of_hash(&mut self, what: impl AsRef<str>) {
        if self.is_key {
            self.reason(format!("{}, which changes the key's hash, so that its state is not found", what.as_ref()));
        } else {
            self.change(what);
        }
    }

    /// Does something one place further in.
    fn at<R>(&mut self, segment: &str, then: impl FnOnce(&mut Self) -> R) -> R {
        let end = self.path.len();
        self.path.push_str(segment);
        let result = then(self);
        self.path.truncate(end);
        result
    }

    fn differing(&mut self, reader: At<'_>, writer: At<'_>) -> Step {
        let is_wrapped = !matches!(writer.node, Schema::Option(_));
        if let (Schema::Option(r), true) = (reader.node, is_wrapped) {
            self.change_of_hash("made optional");
            self.wrapped.push((reader.identity(), writer.identity()));
            let step = Step::Some(self.step(reader.at(r), writer));
            self.wrapped.pop();
            return step;
        }
        let around = std::mem::take(&mut self.wrapped);
        let step = self.differing_parts(reader, writer);
        self.wrapped = around;
        step
    }

    fn differing_parts(&mut self, reader: At<'_>, writer: At<'_>) -> Step {
        if let (Some(r), Some(w)) = (int(reader.node), int(writer.node)) {
            self.widened(reader.node, writer.node, w.fits(r));
            return Step::Int(w);
        }
        if let (Schema::F32 | Schema::F64, Some(w)) = (reader.node, int(writer.node)) {
            self.widened(reader.node, writer.node, w.fits_float(if *reader.node == Schema::F64 { 32 } else { 16 }));
            return Step::Int(w);
        }
        match (reader.node, writer.node) {
            (Schema::F64, Schema::F32) | (Schema::F32, Schema::F64) => {
                self.widened(reader.node, writer.node, *reader.node == Schema::F64);
                if *writer.node == Schema::F32 { Step::F32 } else { Step::F64 }
            }
            (Schema::Option(r), Schema::Option(w)) => Step::Option(self.step(reader.at(r), writer.at(w))),
            (Schema::Seq(r), Schema::Seq(w)) => Step::Seq(self.at("[]", |this| this.step(reader.at(r), writer.at(w)))),
            (Schema::Map { key: rk, value: rv }, Schema::Map { key: wk, value: wv }) => Step::Map(
                self.at("{key}", |this| this.step(reader.at(rk), writer.at(wk))),
                self.at("{}", |this| this.step(reader.at(rv), writer.at(wv))),
            ),
            (Schema::Struct { fields: r, .. }, Schema::Struct { fields: w, .. }) => {
                Step::Struct(self.fields(r, reader, w, writer))
            }
            (Schema::Enum { variants: r, .. }, Schema::Enum { variants: w, .. }) => {
                Step::Enum(self.variants(r, reader, w, writer))
            }
            (Schema::Bytes, Schema::Seq(w)) if **w == Schema::U8 => {
                self.change_of_hash("a sequence of bytes read as bytes");
                Step::Bytes
            }
            (Schema::Seq(r), Schema::Bytes) if **r == Schema::U8 => {
                self.change_of_hash("bytes read as a sequence of them");
                self.steps.push(Step::Int(Int::U8));
                Step::Seq(self.steps.len() as StepId - 1)
            }
            (Schema::Row { version: rv, columns: r }, Schema::Row { version: wv, columns: w }) => {
                if rv != wv {
                    self.reason(format!("its rows have encoding {wv} and the job's have {rv}"));
                }
                self.columns(r, w);
                Step::Opaque
            }
            (_, Schema::Option(_)) => {
                self.reason(format!(
                    "it may be absent and the job always wants a value; make it an Option<{}>",
                    short(reader.node)
                ));
                Step::Opaque
            }
            (r, w) => match (parts(r), parts(w)) {
                (Some(r), Some(w)) if r.len() == w.len() => Step::Tuple(self.tuple(&r, reader, &w, writer)),
                (Some(r), Some(w)) => {
                    self.reason(format!("it has {} values by position and the job reads {}", w.len(), r.len()));
                    Step::Opaque
                }
                _ => {
                    self.reason(format!("it was {} and the job reads {}", short(writer.node), short(reader.node)));
                    Step::Opaque
                }
            },
        }
    }

    fn widened(&mut self, reader: &Schema, writer: &Schema, fits: bool) {
        if fits {
            let words = |node: &Schema| matches!(node, Schema::I128 | Schema::U128);
            let is_float = |node: &Schema| matches!(node, Schema::F32 | Schema::F64);
            let text = format!("{writer} widened to {reader}");
            if words(reader) == words(writer) && is_float(reader) == is_float(writer) {
                self.change(text);
            } else {
                self.change_of_hash(text);
            }
        } else {
            self.reason(format!("{writer} is not read as {reader}, which cannot hold every value"));
        }
    }

    fn tuple(&mut self, reads: &[&Schema], reader: At<'_>, writes: &[&Schema], writer: At<'_>) -> Vec<StepId> {
        let pairs = reads.iter().zip(writes).enumerate();
        pairs.map(|(n, (r, w))| self.at(&format!(".{n}"), |this| this.step(reader.at(r), writer.at(w)))).collect()
    }

    fn fields(&mut self, reads: &[Field], reader: At<'_>, writes: &[Field], writer: At<'_>) -> Vec<FieldStep> {
        let mut targets: Vec<Option<usize>> = writes.iter().map(|w| target(w, reads, writes)).collect();
        for n in 0..targets.len() {
            let twin = (0..n).find(|other| targets[n].is_some() && targets[*other] == targets[n]);
            if let (Some(other), Some(target)) = (twin, targets[n]) {
                self.reason(format!(
                    "fields `{}` and `{}` would both be `{}`; take the alias away",
                    writes[other].name, writes[n].name, reads[target].name
                ));
                targets[n] = None;
            }
        }
        let kept: Vec<usize> = targets.iter().flatten().copied().collect();
        if !kept.is_sorted() {
            self.change_of_hash("fields reordered");
        }
        for (n, r) in reads.iter().enumerate().filter(|(n, _)| !kept.contains(n)) {
            if r.optional {
                let with = if matches!(r.schema, Schema::Option(_)) { "as absent" } else { "with its default" };
                self.change_of_hash(format!("field `{}` added {with}", r.name));
            } else {
                self.reason(format!(
                    "field `{}` is not there; give it #[serde(default)], or the alias that it had",
                    reads[n].name
                ));
            }
        }
        let mut steps = Vec::new();
        for (w, target) in writes.iter().zip(targets) {
            let Some(r) = target.map(|n| &reads[n]) else {
                self.change_of_hash(format!("field `{}` removed", w.name));
                let step = self.at(&format!(".{}", w.name), |this| this.skip(writer.at(&w.schema)));
                steps.push(FieldStep { name: None, step });
                continue;
            };
            if r.name != w.name {
                self.change(format!("field `{}` renamed to `{}`", w.name, r.name));
            }
            let step = self.at(&format!(".{}", r.name), |this| this.step(reader.at(&r.schema), writer.at(&w.schema)));
            steps.push(FieldStep { name: Some(r.name.as_str().into()), step });
        }
        steps
    }

    fn variants(&mut self, reads: &[Variant], reader: At<'_>, writes: &[Variant], writer: At<'_>) -> Vec<VariantStep> {
        let target = |w: &Variant| {
            let by_name = reads.iter().position(|r| r.name == w.name);
            by_name.or_else(|| {
                let written = names(&w.name, &w.aliases);
                reads.iter().position(|r| is_called_alike(&names(&r.name, &r.aliases), &written))
            })
        };
        let targets: Vec<Option<usize>> = writes.iter().map(target).collect();
        let kept: Vec<usize> = targets.iter().flatten().copied().collect();
        if !kept.is_sorted() {
            self.change("variants reordered");
        }
        if self.is_key && targets.iter().enumerate().any(|(n, target)| target.is_some_and(|target| target != n)) {
            self.change_of_hash("variants have other numbers");
        }
        for (_, r) in reads.iter().enumerate().filter(|(n, _)| !kept.contains(n)) {
            self.change(format!("variant `{}` added", r.name));
        }
        let mut steps = Vec::new();
        for (w, target) in writes.iter().zip(targets) {
            let content = match target.map(|n| &reads[n]) {
                Some(r) => {
                    if r.name != w.name && !names(&r.name, &r.aliases).contains(&w.name.as_str()) {
                        self.change(format!("variant `{}` renamed to `{}`", w.name, r.name));
                    }
                    self.at(&format!("::{}", r.name), |this| this.content(&r.content, reader, &w.content, writer))
                }
                None => {
                    self.change(format!("variant `{}` removed: a value that has it is refused", w.name));
                    // It is skipped where it stands in a removed field; here it is an error.
                    ContentStep::Unit
                }
            };
            let number = target.map(|n| n as u32);
            steps.push(VariantStep { number, name: w.name.as_str().into(), content });
        }
        steps
    }

    /// Rows are read with the columns with which they were written.
    fn columns(&mut self, reads: &[Column], writes: &[Column]) {
        for (n, (r, w)) in reads.iter().zip(writes).enumerate() {
            if !r.reads(w) {
                self.reason(format!("column {} was `{w}` and the job reads `{r}`", n + 1));
            }
        }
        for (n, w) in writes.iter().enumerate().skip(reads.len()) {
            self.reason(format!("the job has no column {}, which was `{w}`", n + 1));
        }
        for (n, r) in reads.iter().enumerate().skip(writes.len()) {
            self.reason(format!("column {} of the job, `{r}`, was not there", n + 1));
        }
    }

    fn content(&mut self, reads: &Content, reader: At<'_>, writes: &Content, writer: At<'_>) -> ContentStep {
        match (reads, writes) {
            (Content::Unit, Content::Unit) => ContentStep::Unit,
            (Content::Newtype(r), Content::Newtype(w)) => {
                ContentStep::Newtype(self.at(".0", |this| this.step(reader.at(r), writer.at(w))))
            }
            (Content::Tuple(r), Content::Tuple(w)) if r.len() == w.len() => {
                let (r, w): (Vec<&Schema>, Vec<&Schema>) = (r.iter().collect(), w.iter().collect());
                ContentStep::Tuple(self.tuple(&r, reader, &w, writer))
            }
            (Content::Struct(r), Content::Struct(w)) => ContentStep::Struct(self.fields(r, reader, w, writer)),
            _ => {
                self.reason(format!("the variant held {} and now holds {}", held(writes), held(reads)));
                ContentStep::Unit
            }
        }
    }

    fn skipped(&mut self, writer: At<'_>) -> Step {
        if let Some(int) = int(writer.node) {
            return Step::Int(int);
        }
        if let Some(parts) = parts(writer.node) {
            return Step::Tuple(parts.iter().map(|part| self.skip(writer.at(part))).collect());
        }
        match writer.node {
            Schema::Bool => Step::Bool,
            Schema::F32 => Step::F32,
            Schema::F64 => Step::F64,
            Schema::Char => Step::Char,
            Schema::String => Step::Text,
            Schema::Bytes | Schema::Row { .. } => Step::Bytes,
            Schema::Unit => Step::Unit,
            Schema::Option(of) => Step::Option(self.skip(writer.at(of))),
            Schema::Seq(of) if **of == Schema::U8 => Step::Bytes,
            Schema::Seq(of) => Step::Seq(self.skip(writer.at(of))),
            Schema::Map { key, value } => Step::Map(self.skip(writer.at(key)), self.skip(writer.at(value))),
            Schema::Struct { fields, .. } => Step::Struct(self.skipped_fields(fields, writer)),
            Schema::Enum { variants, .. } => {
                let mut step = |variant: &Variant| VariantStep {
                    number: None,
                    name: variant.name.as_str().into(),
                    content: match &variant.content {
                        Content::Unit => ContentStep::Unit,
                        Content::Newtype(of) => ContentStep::Newtype(self.skip(writer.at(of))),
                        Content::Tuple(of) => {
                            ContentStep::Tuple(of.iter().map(|part| self.skip(writer.at(part))).collect())
                        }
                        Content::Struct(fields) => ContentStep::Struct(self.skipped_fields(fields, writer)),
                    },
                };
                Step::Enum(variants.iter().map(&mut step).collect())
            }
            _ => {
                self.reason("nobody knows where it ends, so it cannot be left out; keep the field");
                Step::Opaque
            }
        }
    }

    fn skipped_fields(&mut self, fields: &[Field], writer: At<'_>) -> Vec<FieldStep> {
        fields.iter().map(|field| FieldStep { name: None, step: self.skip(writer.at(&field.schema)) }).collect()
    }
}

/// Which of the reader's fields a field of the writer is: the one of its name, else the one that has its name as an
/// alias, else the one whose name was an alias of it.
fn target(written: &Field, reads: &[Field], writes: &[Field]) -> Option<usize> {
    let by_name = reads.iter().position(|r| r.name == written.name);
    let by_alias = || reads.iter().position(|r| r.aliases.contains(&written.name));
    let by_own_alias = || {
        let is_free = |r: &Field| !writes.iter().any(|w| w.name == r.name);
        reads.iter().position(|r| written.aliases.contains(&r.name) && is_free(r))
    };
    by_name.or_else(by_alias).or_else(by_own_alias)
}

/// A schema in a few words: the name of a type, or its kind.
fn short(node: &Schema) -> String {
    match node {
        Schema::Struct { name, .. } | Schema::TupleStruct { name, .. } => format!("struct {name}"),
        Schema::Enum { name, .. } => format!("enum {name}"),
        Schema::Option(of) => format!("Option<{}>", short(of)),
        Schema::Seq(of) => format!("Vec<{}>", short(of)),
        Schema::Map { key, value } => format!("Map<{}, {}>", short(key), short(value)),
        Schema::Array { of, length } => format!("[{}; {length}]", short(of)),
        Schema::Tuple(parts) => format!("({})", parts.iter().map(short).collect::<Vec<_>>().join(", ")),
        Schema::Newtype { of, .. } => short(of),
        Schema::Row { .. } => "a row of columns".to_owned(),
        other => other.to_string(),
    }
}

fn held(content: &Content) -> &'static str {
    match content {
        Content::Unit => "nothing",
        Content::Newtype(_) => "one value",
        Content::Tuple(_) => "values by position",
        Content::Struct(_) => "named fields",
    }
}

fn int(node: &Schema) -> Option<Int> {
    Some(match node {
        Schema::I8 => Int::I8,
        Schema::I16 => Int::I16,
        Schema::I32 => Int::I32,
        Schema::I64 => Int::I64,
        Schema::I128 => Int::I128,
        Schema::U8 => Int::U8,
        Schema::U16 => Int::U16,
        Schema::U32 => Int::U32,
        Schema::U64 => Int::U64,
        Schema::U128 => Int::U128,
        _ => return None,
    })
}
