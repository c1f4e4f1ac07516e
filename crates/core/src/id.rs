//! Identities: one newtype each.

use crate::murmur3::murmur3_128;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = crate::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let wrong = || crate::Error::invalid(format!("`{text}` is not a {}: 32 hexadecimal digits are", stringify!($name)));
                if text.len() != 32 || !text.is_ascii() {
                    return Err(wrong());
                }
                let mut id = [0; 16];
                for (n, byte) in id.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_| wrong())?;
                }
                Ok($name(id))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hex_id! {
    /// A job: 16 bytes, printed as 32 hexadecimal digits as Flink does.
    JobId
}

hex_id! {
    /// An operator across versions of a job: the hash of its uid, or of its place in the graph when it has none.
    /// State is bound to it.
    OperatorId
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// A checkpoint of a job: 1, 2, 3 and so on; never reused, not even after a restart.
    CheckpointId(u64)
}

number_id! {
    /// A vertex of the job graph: its position in topological order.
    VertexId(u32)
}

number_id! {
    /// A parallel instance of a vertex: 0 to parallelism - 1.
    SubtaskIndex(u32)
}

number_id! {
    /// A run of the whole job: 0 at first, one more after each restart. Messages of an older one are ignored.
    AttemptId(u32)
}

impl OperatorId {
    /// The id of an operator with an explicit uid: the one that Flink gives it.
    pub fn from_uid(uid: &str) -> OperatorId {
        OperatorId(murmur3_128(uid.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_ids_print_and_parse() {
        let id = OperatorId::from_uid("counts");
        assert_eq!(id.to_string().parse::<OperatorId>().unwrap(), id);
        assert!("zz".parse::<JobId>().is_err());
        // Pinned, and as in Flink: a uid must name the same state for ever.
        assert_eq!(id.to_string(), "7968152a5bbe1581827fbee6788b6bd1");
    }
}
