//! Tests of reading what an older version of a type has written.

mod random;

use super::*;
use crate::schema::Compatibility;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The value as its newer version reads it.
fn migrate<W: Serialize + DeserializeOwned, R: DeserializeOwned>(value: &W) -> Result<R> {
    codec::decode_as(&Schema::of::<W>(), &codec::to_bytes(value)?)
}

fn compatibility<W: DeserializeOwned, R: DeserializeOwned>() -> Compatibility {
    Schema::of::<R>().can_read(&Schema::of::<W>())
}

fn reasons<W: DeserializeOwned, R: DeserializeOwned>() -> Vec<String> {
    match compatibility::<W, R>() {
        Compatibility::Incompatible(reasons) => reasons,
        other => panic!("{other:?}"),
    }
}

mod old {
    use super::*;

    #[derive(Clone, Serialize, Deserialize)]
    pub struct Order {
        pub id: u32,
        pub note: String,
        pub gone: Vec<Option<Kind>>,
        pub items: Vec<Item>,
        pub by_name: BTreeMap<String, Item>,
        pub kind: Kind,
        pub at: (i32, f32),
    }

    #[derive(Clone, Serialize, Deserialize)]
    pub struct Item {
        pub price: f32,
        pub count: i8,
    }

    #[derive(Clone, Serialize, Deserialize)]
    pub enum Kind {
        New,
        Left { why: String, extra: u128 },
        Old(u8, u8),
        Paid(Item),
    }

    pub fn order(kind: Kind) -> Order {
        let item = Item { price: 1.5, count: -3 };
        let gone = vec![None, Some(kind.clone()), Some(Kind::Left { why: "x".into(), extra: u128::MAX })];
        Order {
            id: 7,
            note: "n".into(),
            gone,
            items: vec![item.clone(), Item { price: 2.5, count: 4 }],
            by_name: [("i".to_owned(), item)].into(),
            kind,
            at: (-5, 0.25),
        }
    }
}

mod new {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub struct Order {
        pub kind: Kind,
        #[serde(default)]
        pub flag: bool,
        #[serde(alias = "note")]
        pub remark: Option<String>,
        pub by_name: BTreeMap<String, Item>,
        pub items: Vec<Item>,
        pub at: Place,
        pub id: u64,
        pub more: Option<Vec<u8>>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub struct Place(pub i64, pub f64);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Item {
        pub count: f64,
        pub price: f64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub enum Kind {
        Added(String),
        Paid(Item),
        #[serde(alias = "Left")]
        Away {
            why: String,
        },
        New,
    }
}

#[test]
fn an_old_value_is_read_by_the_new_type() {
    let read = |kind| migrate::<_, new::Order>(&old::order(kind));
    let item = || new::Item { count: -3.0, price: 1.5 };
    let order = read(old::Kind::Paid(old::Item { price: 1.5, count: -3 })).unwrap();
    let expected = new::Order {
        kind: new::Kind::Paid(item()),
        flag: false,
        remark: Some("n".into()),
        by_name: [("i".to_owned(), item())].into(),
        items: vec![item(), new::Item { count: 4.0, price: 2.5 }],
        at: new::Place(-5, 0.25),
        id: 7,
        more: None,
    };
    assert_eq!(order, expected);
    assert_eq!(read(old::Kind::New).unwrap().kind, new::Kind::New);
    let left = read(old::Kind::Left { why: "w".into(), extra: 1 }).unwrap();
    assert_eq!(left.kind, new::Kind::Away { why: "w".into() });
    let error = read(old::Kind::Old(1, 2)).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
    assert!(error.to_string().contains("variant `Old`"), "{error}");
}

#[test]
fn changes_are_told() {
    let Compatibility::Migrated(changes) = compatibility::<old::Order, new::Order>() else { panic!() };
    let expected = [
        "`value`: fields reordered",
        "`value`: field `flag` added with its default",
        "`value`: field `more` added as absent",
        "`value.id`: u32 widened to u64",
        "`value`: field `note` renamed to `remark`",
        "`value.remark`: made optional",
        "`value`: field `gone` removed",
        "`value.items[]`: fields reordered",
        "`value.items[].price`: f32 widened to f64",
        "`value.items[].count`: i8 widened to f64",
        "`value.by_name{}`: fields reordered",
        "`value.by_name{}.price`: f32 widened to f64",
        "`value.by_name{}.count`: i8 widened to f64",
        "`value.kind`: variants reordered",
        "`value.kind`: variant `Added` added",
        "`value.kind::Away`: field `extra` removed",
        "`value.kind`: variant `Old` removed: a value that has it is refused",
        "`value.kind::Paid.0`: fields reordered",
        "`value.kind::Paid.0.price`: f32 widened to f64",
        "`value.kind::Paid.0.count`: i8 widened to f64",
        "`value.at.0`: i32 widened to i64",
        "`value.at.1`: f32 widened to f64",
    ];
    assert_eq!(changes, expected, "{changes:#?}");
}

#[test]
fn the_same_is_the_same() {
    assert_eq!(compatibility::<old::Order, old::Order>(), Compatibility::Same);
    assert!(Decoder::<old::Order>::new(&Schema::of::<old::Order>()).unwrap().is_plain());
    // Another name of the type, a newtype around it, an array in place of a tuple: all the same bytes.
    #[derive(Serialize, Deserialize)]
    struct Other(new::Item);
    assert_eq!(compatibility::<Vec<Other>, Vec<new::Item>>(), Compatibility::Same);
    assert_eq!(compatibility::<(u8, u8), [u8; 2]>(), Compatibility::Same);
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    #[derive(Serialize, Deserialize)]
    struct Items {
        items: Vec<old::Item>,
        kind: old::Kind,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Wrong {
        items: Vec<WrongItem>,
        kind: WrongKind,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct WrongItem {
        price: String,
        count: u8,
        currency: String,
    }
    #[derive(Debug, Serialize, Deserialize)]
    enum WrongKind {
        New(u8),
        Left { why: Option<u8> },
    }
    let expected = [
        "`value.items[]`: field `currency` is not there; give it #[serde(default)], or the alias that it had",
        "`value.items[].price`: it was f32 and the job reads String",
        "`value.items[].count`: i8 is not read as u8, which cannot hold every value",
        "`value.kind::New`: the variant held nothing and now holds one value",
        "`value.kind::Left.why`: it was String and the job reads u8",
    ];
    assert_eq!(reasons::<Items, Wrong>(), expected);
    let error = Decoder::<Wrong>::new(&Schema::of::<Items>()).err().unwrap();
    assert_eq!(error.kind(), crate::ErrorKind::Invalid);
    let side_by_side = "
  written                      | the job's type
! struct Items {               | struct Wrong {
!     items: Vec<struct Item { |     items: Vec<struct WrongItem {
!         price: f32,          |         price: String,
!         count: i8,           |         count: u8,
+                              |         currency: String,
      }>,                      |     }>,
!     kind: enum Kind {        |     kind: enum WrongKind {
!         New,                 |         New(u8),
          Left {               |         Left {
!             why: String,     |             why: Option<u8>,
-             extra: u128,     |
          },                   |         },
-         Old(u8, u8),         |
-         Paid(struct Item {   |
-             price: f32,      |
-             count: i8,       |
-         }),                  |
      },                       |     },
  }                            | }";
    assert!(error.to_string().ends_with(side_by_side), "{error}");
    assert_eq!(
        reasons::<Option<u8>, u8>(),
        ["`value`: it may be absent and the job always wants a value; make it an Option<u8>"]
    );
    assert_eq!(reasons::<(u8, u8), (u8, u8, u8)>(), ["`value`: it has 2 values by position and the job reads 3"]);
}

#[test]
fn two_fields_do_not_become_one() {
    #[derive(Serialize, Deserialize)]
    struct Two {
        a: u8,
        b: u8,
    }
    #[derive(Serialize, Deserialize)]
    struct One {
        #[serde(alias = "a")]
        b: u8,
    }
    assert_eq!(reasons::<Two, One>(), ["`value`: fields `a` and `b` would both be `b`; take the alias away"]);
}

#[test]
fn bytes_are_a_sequence_of_bytes() {
    let schema = Schema::Bytes;
    assert_eq!(codec::decode_as::<Vec<u8>>(&schema, &[2, 200, 3]).unwrap(), [200, 3]);
    assert!(Schema::Bytes.can_read(&Schema::of::<Vec<u8>>()).is_readable());
}

#[test]
fn a_key_keeps_its_hash() {
    use crate::KeyHash;
    #[derive(Serialize, Deserialize)]
    enum Kind {
        A(u16),
        B,
    }
    #[derive(Serialize, Deserialize)]
    struct Key {
        id: u32,
        kind: Kind,
        wide: u64,
    }
    #[derive(Serialize, Deserialize)]
    enum NewKind {
        A(i64),
        B,
        C,
    }
    #[derive(Serialize, Deserialize)]
    struct NewKey {
        #[serde(alias = "id")]
        number: i64,
        kind: NewKind,
        wide: u64,
    }
    let old = Key { id: u32::MAX, kind: Kind::A(7), wide: 3 };
    let new: NewKey = migrate(&old).unwrap();
    assert!(Schema::of::<NewKey>().can_read_key(&Schema::of::<Key>()).is_readable());
    assert_eq!(KeyHash::of(&old), KeyHash::of(&new));
    let refused = |reader: Schema, writer: Schema| {
        assert!(reader.can_read(&writer).is_readable());
        assert!(!reader.can_read_key(&writer).is_readable(), "{reader} of {writer}");
    };
    refused(Schema::I128, Schema::I64);
    refused(Schema::F64, Schema::I32);
    refused(Schema::Option(Box::new(Schema::I64)), Schema::I64);
    refused(Schema::Bytes, Schema::of::<Vec<u8>>());
    refused(Schema::of::<new::Kind>(), Schema::of::<old::Kind>());
    refused(Schema::of::<new::Item>(), Schema::of::<old::Item>());
}

#[test]
fn a_newer_version_can_be_read_by_the_older_one() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Before {
        name: String,
    }
    #[derive(Serialize, Deserialize)]
    struct After {
        #[serde(alias = "name")]
        title: String,
        #[serde(default)]
        more: u64,
    }
    let back: Before = migrate(&After { title: "t".into(), more: 1 }).unwrap();
    assert_eq!(back, Before { name: "t".into() });
}

#[test]
fn types_within_themselves_are_migrated() {
    #[derive(Serialize, Deserialize)]
    struct Tree {
        value: u16,
        gone: Option<Box<Tree>>,
        children: Vec<Tree>,
    }
    mod new {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct Tree {
            pub children: Vec<Tree>,
            pub value: i32,
        }
    }
    let leaf = |value| Tree { value, gone: None, children: vec![] };
    let gone = Tree { value: 9, gone: Some(Box::new(leaf(8))), children: vec![leaf(7)] };
    let tree = Tree { value: 1, gone: Some(Box::new(gone)), children: vec![leaf(2), leaf(3)] };
    let new_leaf = |value| new::Tree { value, children: vec![] };
    let expected = new::Tree { value: 1, children: vec![new_leaf(2), new_leaf(3)] };
    assert_eq!(migrate::<_, new::Tree>(&tree).unwrap(), expected);

    // Bytes that nest without end are refused, and not followed until the stack is full.
    let decoder = Decoder::<new::Tree>::new(&Schema::of::<Tree>()).unwrap();
    let mut bytes = Vec::new();
    (0..100_000).for_each(|_| bytes.extend([1, 1]));
    assert_eq!(decoder.from_bytes(&bytes).unwrap_err().kind(), crate::ErrorKind::Corrupt);
    let mut bytes = Vec::new();
    (0..100_000).for_each(|_| bytes.extend([1, 0, 1]));
    let error = decoder.from_bytes(&bytes).unwrap_err();
    assert!(error.to_string().contains("nested too deeply"), "{error}");
}

#[test]
fn wrong_bytes_are_corrupt() {
    let decoder = Decoder::<new::Order>::new(&Schema::of::<old::Order>()).unwrap();
    let bytes = codec::to_bytes(&old::order(old::Kind::New)).unwrap();
    for end in 0..bytes.len() {
        assert_eq!(decoder.from_bytes(&bytes[..end]).unwrap_err().kind(), crate::ErrorKind::Corrupt);
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(decoder.from_bytes(&longer).unwrap_err().to_string().contains("left over"));
    let mut lots = Vec::new();
    crate::schema::wire::put_unsigned(u64::MAX.into(), &mut lots);
    assert!(codec::decode_as::<Vec<u64>>(&Schema::of::<Vec<u32>>(), &lots).is_err());
    // As many values without bytes as there may be are skipped at once.
    let skip = Schema::of::<(Vec<()>,)>();
    assert!(codec::decode_as::<(Vec<()>,)>(&skip, &[3]).is_ok());
}
