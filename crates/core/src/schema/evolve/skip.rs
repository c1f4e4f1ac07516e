//! Going past a value without making it.

use super::plan::{ContentStep, FieldStep, Int, Plan, Step, StepId};
use crate::schema::wire::{self, Malformed};

/// Values within values that are followed.
pub(super) const DEPTH_MAX: usize = 256;

impl Plan {
    /// Moves `input` past the value of a step.
    pub(super) fn skip(&self, step: StepId, input: &mut &[u8], depth: usize) -> Result<(), Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed("values are nested too deeply"));
        }
        match &self.steps[step as usize] {
            Step::Plain | Step::Opaque => Err(Malformed("nobody knows where a value ends")),
            Step::Unit => Ok(()),
            Step::Bool | Step::Int(Int::I8 | Int::U8) => wire::byte(input).map(drop),
            Step::Int(Int::I128 | Int::U128) => wire::unsigned_wide(input).map(drop),
            Step::Int(_) => wire::unsigned(input).map(drop),
            Step::F32 => wire::take(input, 4).map(drop),
            Step::F64 => wire::take(input, 8).map(drop),
            Step::Char | Step::Text | Step::Bytes => wire::bytes(input).map(drop),
            Step::Some(of) => self.skip(*of, input, depth + 1),
            Step::Option(of) => match wire::flag(input)? {
                true => self.skip(*of, input, depth + 1),
                false => Ok(()),
            },
            Step::Seq(of) => self.skip_many(&[*of], input, depth),
            Step::Map(key, value) => self.skip_many(&[*key, *value], input, depth),
            Step::Tuple(parts) => parts.iter().try_for_each(|part| self.skip(*part, input, depth + 1)),
            Step::Struct(fields) => self.skip_fields(fields, input, depth),
            Step::Enum(variants) => {
                let number = wire::unsigned(input)? as usize;
                match variants.get(number).map(|variant| &variant.content) {
                    None => Err(Malformed("a value is of a variant that its enum does not have")),
                    Some(ContentStep::Unit) => Ok(()),
                    Some(ContentStep::Newtype(of)) => self.skip(*of, input, depth + 1),
                    Some(ContentStep::Tuple(parts)) => {
                        parts.iter().try_for_each(|part| self.skip(*part, input, depth + 1))
                    }
                    Some(ContentStep::Struct(fields)) => self.skip_fields(fields, input, depth),
                }
            }
        }
    }

    fn skip_fields(&self, fields: &[FieldStep], input: &mut &[u8], depth: usize) -> Result<(), Malformed> {
        fields.iter().try_for_each(|field| self.skip(field.step, input, depth + 1))
    }

    /// Any number of times these steps after each other.
    fn skip_many(&self, steps: &[StepId], input: &mut &[u8], depth: usize) -> Result<(), Malformed> {
        for _ in 0..wire::length(input)? {
            let before = input.len();
            for step in steps {
                self.skip(*step, input, depth + 1)?;
            }
            if input.len() == before {
                // They take no bytes, so however many there are, the input stands behind them.
                break;
            }
        }
        Ok(())
    }
}
