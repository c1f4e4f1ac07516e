//! How bytes of one schema are read as a type of another: what [`super::compare`] finds and [`super::read`] follows.

/// A step by its place in the plan.
pub(super) type StepId = u32;

/// How to read bytes, made once for a pair of schemas.
#[derive(Clone, Debug, Default)]
pub(in crate::schema) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) root: StepId,
}

/// What is written at a place, and how the type that reads it is to see it.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The type reads what it would write itself: the codec does it.
    Plain,
    Bool,
    Int(Int),
    F32,
    F64,
    Char,
    Text,
    Bytes,
    Unit,
    Option(StepId),
    /// What is written is there always; the type holds it in an `Option`.
    Some(StepId),
    Seq(StepId),
    Map(StepId, StepId),
    Tuple(Vec<StepId>),
    Struct(Vec<FieldStep>),
    Enum(Vec<VariantStep>),
    /// Nobody knows where it ends.
    Opaque,
}

/// An integer as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Int {
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
}

#[derive(Clone, Debug)]
pub(super) struct FieldStep {
    /// The name by which the type knows the field; `None` if it does not, so that the field is skipped.
    pub name: Option<Box<str>>,
    pub step: StepId,
}

#[derive(Clone, Debug)]
pub(super) struct VariantStep {
    /// The variant's number in the type; `None` if it has none.
    pub number: Option<u32>,
    /// Its name, to be told when it has none.
    pub name: Box<str>,
    pub content: ContentStep,
}

#[derive(Clone, Debug)]
pub(super) enum ContentStep {
    Unit,
    Newtype(StepId),
    Tuple(Vec<StepId>),
    Struct(Vec<FieldStep>),
}

impl Int {
    /// Whether it is signed, and its bits.
    pub fn shape(self) -> (bool, u32) {
        match self {
            Int::I8 => (true, 8),
            Int::I16 => (true, 16),
            Int::I32 => (true, 32),
            Int::I64 => (true, 64),
            Int::I128 => (true, 128),
            Int::U8 => (false, 8),
            Int::U16 => (false, 16),
            Int::U32 => (false, 32),
            Int::U64 => (false, 64),
            Int::U128 => (false, 128),
        }
    }

    /// Whether every value of this type is one of the other.
    pub fn fits(self, other: Int) -> bool {
        match (self.shape(), other.shape()) {
            ((false, own), (true, other)) => own < other,
            ((true, _), (false, _)) => false,
            ((_, own), (_, other)) => own <= other,
        }
    }

    /// Whether every value is exact in a float with so many bits for the number itself.
    pub fn fits_float(self, digits: u32) -> bool {
        self.shape().1 <= digits
    }
}
