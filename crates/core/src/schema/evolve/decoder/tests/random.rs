//! Random pairs of schemas and random values: what the comparison says and what the decoder does must be what a plain
//! model says.

mod generate;
mod model;
mod seed;
mod values;

use super::super::super::compare::compare;
use crate::schema::Compatibility;
use generate::{Dice, change, schema};
use model::{convert, readable};
use proptest::prelude::*;
use seed::Seed;
use serde::de::DeserializeSeed;
use values::value;

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_is_what_happens(seed: u64, related in 0..10) {
        let dice = &mut Dice(seed);
        let writer = schema(dice, 4, &mut Vec::new(), false);
        let reader = if related > 0 { change(&writer, dice) } else { schema(dice, 3, &mut Vec::new(), false) };
        let (compatibility, plan) = compare("value", &reader, &writer);
        prop_assert_eq!(
            compatibility.is_readable(),
            readable((&reader, vec![]), (&writer, vec![]), &mut Vec::new()),
            "{:?}\nwriter {}\nreader {}", compatibility, writer, reader
        );
        if compatibility.is_readable() {
            for _ in 0..5 {
                let mut bytes = Vec::new();
                let value = value(&writer, vec![], dice, 4, &mut bytes);
                let mut rest = &bytes[..];
                let read = Seed(&reader, vec![]).deserialize(plan.reader(&mut rest));
                let expected = convert((&reader, vec![]), (&writer, vec![]), &value);
                match expected {
                    Ok(expected) => {
                        prop_assert!(read.is_ok(), "{:?}\n{:?}\nwriter {}\nreader {}", read, value, writer, reader);
                        prop_assert_eq!(read.unwrap(), expected, "writer {}\nreader {}", writer, reader);
                        prop_assert!(rest.is_empty());
                    }
                    Err(()) => prop_assert!(read.unwrap_err().to_string().contains("variant")),
                }
            }
            if writer == reader {
                prop_assert_eq!(&compatibility, &Compatibility::Same);
            }
        }
    }
}
