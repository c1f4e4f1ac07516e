//! The plain model: whether a schema can be read as another, and what a value is then.

use super::values::{Around, Value, resolve};
use crate::schema::{Content, Field, Schema};

fn range(node: &Schema) -> Option<(i128, i128)> {
    Some(match node {
        Schema::I8 => (i8::MIN.into(), i8::MAX.into()),
        Schema::I32 => (i32::MIN.into(), i32::MAX.into()),
        Schema::I64 => (i64::MIN.into(), i64::MAX.into()),
        Schema::I128 => (i128::MIN, i128::MAX),
        Schema::U8 => (0, u8::MAX.into()),
        Schema::U16 => (0, u16::MAX.into()),
        Schema::U64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

/// Whether `r` reads `w`; pairs that are being looked at are taken for readable.
pub(super) fn readable<'s>(
    (r, ra): (&'s Schema, Around<'s>),
    (w, wa): (&'s Schema, Around<'s>),
    assumed: &mut Vec<(*const Schema, *const Schema)>,
) -> bool {
    let ((r, ra), (w, wa)) = (resolve(r, ra), resolve(w, wa));
    let pair = (std::ptr::from_ref(r), std::ptr::from_ref(w));
    if assumed.contains(&pair) {
        return true;
    }
    assumed.push(pair);
    let mut sub = |r: &'s Schema, w: &'s Schema| readable((r, ra.clone()), (w, wa.clone()), assumed);
    let is_float = matches!(r, Schema::F32 | Schema::F64);
    match (r, w) {
        (Schema::Option(r), Schema::Option(w)) | (Schema::Seq(r), Schema::Seq(w)) => sub(r, w),
        (Schema::Option(r), _) => {
            let (mut inner, mut inside, mut seen) = (&**r, ra.clone(), vec![]);
            while let (node @ Schema::Option(of), around) = resolve(inner, inside) {
                if seen.contains(&std::ptr::from_ref(node)) {
                    return false;
                }
                seen.push(std::ptr::from_ref(node));
                (inner, inside) = (of, around);
            }
            // What is written is looked at once more, from outside of itself.
            let mut wa = wa;
            wa.pop();
            readable((r, ra), (w, wa), assumed)
        }
        (Schema::Map { key: rk, value: rv }, Schema::Map { key: wk, value: wv }) => sub(rk, wk) && sub(rv, wv),
        (Schema::Tuple(r), Schema::Tuple(w)) => r.len() == w.len() && r.iter().zip(w).all(|(r, w)| sub(r, w)),
        (Schema::Struct { fields: r, .. }, Schema::Struct { fields: w, .. }) => readable_fields(r, w, &mut sub),
        (Schema::Enum { variants: r, .. }, Schema::Enum { variants: w, .. }) => w.iter().all(|w| {
            let Some(r) = r.iter().find(|r| r.name == w.name || r.aliases.contains(&w.name)) else { return true };
            match (&r.content, &w.content) {
                (Content::Unit, Content::Unit) => true,
                (Content::Newtype(r), Content::Newtype(w)) => sub(r, w),
                (Content::Tuple(r), Content::Tuple(w)) => r.len() == w.len() && r.iter().zip(w).all(|(r, w)| sub(r, w)),
                (Content::Struct(r), Content::Struct(w)) => readable_fields(r, w, &mut sub),
                _ => false,
            }
        }),
        (Schema::F64, Schema::F32) => true,
        (Schema::U128, _) => *w == Schema::U128 || range(w).is_some_and(|(low, _)| low == 0),
        _ if is_float && range(w).is_some() => {
            let exact = if *r == Schema::F64 { 1 << 53 } else { 1 << 24 };
            range(w).is_some_and(|(low, high)| -exact <= low && high <= exact)
        }
        _ => match (range(r), range(w)) {
            (Some(r), Some(w)) => r.0 <= w.0 && w.1 <= r.1,
            _ => r == w,
        },
    }
}

fn readable_fields<'s>(r: &'s [Field], w: &'s [Field], sub: &mut impl FnMut(&'s Schema, &'s Schema) -> bool) -> bool {
    let found = |r: &Field| w.iter().find(|w| r.name == w.name || r.aliases.contains(&w.name));
    // In these tests no field has an alias that is the name of another one.
    r.iter().all(|r| found(r).map_or(r.optional, |_| true))
        && r.iter().all(|r| {
            let w = w.iter().find(|w| r.name == w.name || r.aliases.contains(&w.name));
            w.is_none_or(|w| sub(&r.schema, &w.schema))
        })
}

/// The value as the reader must see it.
pub(super) fn convert<'s>(
    r: (&'s Schema, Around<'s>),
    w: (&'s Schema, Around<'s>),
    value: &Value,
) -> Result<Value, ()> {
    let ((r, ra), (w, wa)) = (resolve(r.0, r.1), resolve(w.0, w.1));
    let sub = |r: &'s Schema, w: &'s Schema, v: &Value| convert((r, ra.clone()), (w, wa.clone()), v);
    let all = |r: &'s [Schema], w: &'s [Schema], v: &Value| match v {
        Value::Many(values) => {
            r.iter().zip(w).zip(values).map(|((r, w), v)| sub(r, w, v)).collect::<Result<_, ()>>().map(Value::Many)
        }
        _ => Err(()),
    };
    let fields = |r: &'s [Field], w: &'s [Field], v: &Value| {
        let Value::Fields(values) = v else { return Err(()) };
        let mut converted = Vec::new();
        for r in r {
            let at = w.iter().position(|w| r.name == w.name || r.aliases.contains(&w.name));
            let missing = if matches!(resolve(&r.schema, ra.clone()).0, Schema::Option(_)) {
                Value::Option(None)
            } else {
                Value::Default
            };
            converted
                .push((r.name.clone(), at.map_or(Ok(missing), |at| sub(&r.schema, &w[at].schema, &values[at].1))?));
        }
        Ok(Value::Fields(converted))
    };
    match (r, w, value) {
        (Schema::Option(r), Schema::Option(w), Value::Option(v)) => {
            v.as_ref().map(|v| sub(r, w, v).map(Box::new)).transpose().map(Value::Option)
        }
        (Schema::Option(r), _, v) => {
            let mut wa = wa.clone();
            wa.pop();
            convert((r, ra.clone()), (w, wa), v).map(|v| Value::Option(Some(Box::new(v))))
        }
        (Schema::Seq(r), Schema::Seq(w), Value::Many(v)) => {
            v.iter().map(|v| sub(r, w, v)).collect::<Result<_, ()>>().map(Value::Many)
        }
        (Schema::Map { key: rk, value: rv }, Schema::Map { key: wk, value: wv }, Value::Map(entries)) => {
            let entry = |(k, v): &(Value, Value)| Ok((sub(rk, wk, k)?, sub(rv, wv, v)?));
            entries.iter().map(entry).collect::<Result<_, ()>>().map(Value::Map)
        }
        (Schema::Tuple(r), Schema::Tuple(w), v) => all(r, w, v),
        (Schema::Struct { fields: r, .. }, Schema::Struct { fields: w, .. }, v) => fields(r, w, v),
        (Schema::Enum { variants: r, .. }, Schema::Enum { variants: w, .. }, Value::Variant(name, content)) => {
            let r = r.iter().find(|r| r.name == *name || r.aliases.contains(name)).ok_or(())?;
            let w = w.iter().find(|w| w.name == *name).ok_or(())?;
            let content = match (&r.content, &w.content) {
                (Content::Newtype(r), Content::Newtype(w)) => sub(r, w, content)?,
                (Content::Tuple(r), Content::Tuple(w)) => all(r, w, content)?,
                (Content::Struct(r), Content::Struct(w)) => fields(r, w, content)?,
                _ => Value::Unit,
            };
            Ok(Value::Variant(r.name.clone(), Box::new(content)))
        }
        (Schema::F32 | Schema::F64, _, Value::Int(v)) => Ok(Value::Float(*v as f64)),
        (Schema::U128, _, Value::Int(v)) => Ok(Value::Wide(*v as u128)),
        (_, _, v) => Ok(v.clone()),
    }
}
