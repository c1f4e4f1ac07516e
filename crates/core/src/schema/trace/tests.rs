//! Tests of tracing: what is found out about types of all kinds.

use crate::schema::{Schema, Skipper};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The printed schema of a type.
fn text<T: serde::de::DeserializeOwned>() -> String {
    Schema::of::<T>().to_string()
}

#[test]
fn scalars_and_containers() {
    assert_eq!(text::<(bool, i8, i16, i32, i64, i128)>(), "(bool, i8, i16, i32, i64, i128)");
    assert_eq!(text::<(u8, u16, u32, u64, u128, f32, f64)>(), "(u8, u16, u32, u64, u128, f32, f64)");
    assert_eq!(text::<(char, String, (), Box<str>)>(), "(char, String, (), String)");
    assert_eq!(text::<Option<Vec<Option<u8>>>>(), "Option<Vec<Option<u8>>>");
    assert_eq!(text::<HashMap<String, BTreeSet<i64>>>(), "Map<String, Vec<i64>>");
    assert_eq!(text::<([u32; 3], [u8; 0], (u8, u8))>(), "([u32; 3], (), (u8, u8))");
    assert_eq!(text::<BTreeMap<(u8, char), [Option<i32>; 2]>>(), "Map<(u8, char), [Option<i32>; 2]>");
}

#[derive(Serialize, Deserialize)]
#[expect(dead_code, reason = "its skipped field is only there to be skipped")]
struct Order {
    id: u64,
    #[serde(default)]
    note: String,
    lines: Vec<Line>,
    #[serde(alias = "zip", alias = "plz", alias = "aaa")]
    postcode: Option<String>,
    #[serde(skip)]
    cached: u32,
    #[serde(rename = "kind")]
    what: Kind,
    by: UserId,
    nothing: Empty,
    also: std::marker::PhantomData<u8>,
    at: Point,
}

#[derive(Serialize, Deserialize)]
struct Line {
    price: f64,
    #[serde(alias = "amount")]
    count: u32,
}

#[derive(Serialize, Deserialize)]
struct UserId(u64);
#[derive(Serialize, Deserialize)]
struct Empty;
#[derive(Serialize, Deserialize)]
struct Point(i32, i32);

#[derive(Serialize, Deserialize)]
enum Kind {
    New,
    #[serde(alias = "Gone", alias = "Away")]
    Left {
        why: String,
        #[serde(default)]
        when: i64,
    },
    Pair(u8, Line),
    One(Box<Line>),
}

#[test]
fn structs_and_enums() {
    let expected = "\
struct Order {
    id: u64,
    note: String = default,
    lines: Vec<struct Line {
        price: f64,
        count (or amount): u32,
    }>,
    postcode (or aaa, plz, zip): Option<String>,
    kind: enum Kind {
        New,
        Away (or Gone, Left) {
            why: String,
            when: i64 = default,
        },
        Pair(u8, struct Line {
            price: f64,
            count (or amount): u32,
        }),
        One(struct Line {
            price: f64,
            count (or amount): u32,
        }),
    },
    by: struct UserId(u64),
    nothing: (),
    also: (),
    at: struct Point(i32, i32),
}";
    assert_eq!(text::<Order>(), expected);
    let Schema::Struct { fields, .. } = Schema::of::<Order>() else { panic!() };
    let optional: Vec<&str> = fields.iter().filter(|f| f.optional).map(|f| f.name.as_str()).collect();
    assert_eq!(optional, ["note", "postcode"]);
}

#[derive(Serialize, Deserialize)]
struct Tree {
    name: String,
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
    values: BTreeMap<u8, Tree>,
    depth: u8,
}

#[derive(Serialize, Deserialize)]
enum Expr {
    Add(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Call { name: String, args: Vec<Expr> },
    Via(Via),
    Lit(i64),
}

#[derive(Serialize, Deserialize)]
struct Via {
    expr: Box<Expr>,
    tail: Option<Box<Via>>,
}

#[derive(Serialize, Deserialize)]
struct Nodes(Vec<Nodes>);

#[test]
fn types_within_themselves() {
    assert_eq!(
        text::<Tree>(),
        "struct Tree {\n    name: String,\n    children: Vec<Tree>,\n    parent: Option<Tree>,\n    \
         values: Map<u8, Tree>,\n    depth: u8,\n}"
    );
    assert_eq!(
        text::<Expr>(),
        "enum Expr {\n    Add(Expr, Expr),\n    Not(Expr),\n    Call {\n        name: String,\n        \
         args: Vec<Expr>,\n    },\n    Via(struct Via {\n        expr: Expr,\n        tail: Option<Via>,\n    }),\n    \
         Lit(i64),\n}"
    );
    assert_eq!(text::<Nodes>(), "struct Nodes(Vec<Nodes>)");
    assert_eq!(text::<Option<Nodes>>(), "Option<struct Nodes(Vec<Nodes>)>");
}

#[derive(Serialize, Deserialize)]
struct Pair<T> {
    a: T,
    b: Option<T>,
}

#[test]
fn one_name_for_two_types() {
    assert_eq!(
        text::<Pair<Pair<u8>>>(),
        "struct Pair {\n    a: struct Pair_ {\n        a: u8,\n        b: Option<u8>,\n    },\n    \
         b: Option<struct Pair_ {\n        a: u8,\n        b: Option<u8>,\n    }>,\n}"
    );
}

#[derive(Deserialize)]
#[serde(try_from = "RawRange")]
struct EvenRange;

#[derive(Deserialize)]
struct RawRange {
    from: u16,
    to: u16,
}

impl TryFrom<RawRange> for EvenRange {
    type Error = String;
    fn try_from(raw: RawRange) -> Result<Self, String> {
        if raw.from.is_multiple_of(2) && raw.to >= 7 || raw.from == 16 { Ok(EvenRange) } else { Err("odd".into()) }
    }
}

/// Text that nothing fits.
struct Secret;

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "xyzzy" { Ok(Secret) } else { Err(serde::de::Error::custom("wrong")) }
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only traced")]
struct Guarded {
    first: Secret,
    maybe: Option<Secret>,
    #[serde(alias = "any")]
    many: Vec<Secret>,
    choice: Choice,
    #[serde(default)]
    last: u32,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only traced")]
enum Choice {
    Never(Secret, u8),
    Ever(u8),
    Also { a: Secret, b: i8 },
}

#[test]
fn checked_types() {
    use std::net::{IpAddr, SocketAddr};
    assert_eq!(text::<std::num::NonZeroU32>(), "u32");
    assert_eq!(text::<EvenRange>(), "struct RawRange {\n    from: u16,\n    to: u16,\n}");
    assert_eq!(text::<crate::JobId>(), "String");
    assert_eq!(text::<uuid::Uuid>(), "bytes");
    assert_eq!(text::<chrono::DateTime<chrono::Utc>>(), "String");
    assert_eq!(
        text::<(chrono::NaiveDate, chrono::NaiveTime, chrono::NaiveDateTime, chrono::Weekday)>(),
        "(String, String, String, String)"
    );
    assert_eq!(text::<IpAddr>(), "enum IpAddr {\n    V4([u8; 4]),\n    V6([u8; 16]),\n}");
    assert!(text::<SocketAddr>().contains("V6(([u8; 16], u16))"), "{}", text::<SocketAddr>());
    assert_eq!(text::<std::time::Duration>(), "struct Duration {\n    secs: u64,\n    nanos: u32,\n}");
    assert!(text::<std::time::SystemTime>().contains("nanos_since_epoch: u32"));
    assert_eq!(text::<Result<u8, String>>(), "enum Result {\n    Ok(u8),\n    Err(String),\n}");
    assert_eq!(text::<std::ops::Range<u8>>(), "struct Range {\n    start: u8,\n    end: u8,\n}");
    assert_eq!(text::<std::path::PathBuf>(), "String");
    assert_eq!(text::<std::ffi::CString>(), "bytes");
}

#[test]
fn what_takes_no_sample_is_known_by_what_it_asks_for() {
    assert_eq!(text::<Secret>(), "String");
    let expected = "\
struct Guarded {
    first: String,
    maybe: Option<String>,
    many (or any): Vec<String>,
    choice: enum Choice {
        Never(String, opaque `flott_core::schema::trace::tests::Choice`),
        Ever(u8),
        Also {
            a: String,
            b: i8,
        },
    },
    last: u32,
}";
    assert_eq!(text::<Guarded>(), expected);
}

/// The codec's bytes of a value are what the schema of its type says.
fn fits<T: Serialize + serde::de::DeserializeOwned>(value: T) {
    let schema = Schema::of::<T>();
    let bytes = crate::codec::to_bytes(&value).unwrap();
    let mut rest = &bytes[..];
    Skipper::new(&schema).unwrap().skip(&mut rest).unwrap();
    assert!(rest.is_empty(), "{schema}");
}

#[test]
fn the_codec_writes_what_the_schema_says() {
    use std::time::{Duration, SystemTime};
    let line = || Line { price: 1.5, count: 3 };
    let order = |what| Order {
        id: 300,
        note: "n".into(),
        lines: vec![line(), line()],
        postcode: Some("p".into()),
        cached: 0,
        what,
        by: UserId(1 << 40),
        nothing: Empty,
        also: std::marker::PhantomData,
        at: Point(-1, 1000),
    };
    fits(order(Kind::New));
    fits(order(Kind::Left { why: "w".into(), when: -300 }));
    fits(order(Kind::Pair(200, line())));
    fits(order(Kind::One(Box::new(line()))));
    let leaf = || Expr::Lit(-70_000);
    fits(Expr::Add(
        Box::new(Expr::Not(Box::new(leaf()))),
        Box::new(Expr::Call { name: "f".into(), args: vec![leaf()] }),
    ));
    fits(Expr::Via(Via { expr: Box::new(leaf()), tail: None }));
    fits((Duration::from_millis(1), SystemTime::UNIX_EPOCH, 1u8..9, Ok::<u8, String>(1), Some(-1i128)));
    fits((std::net::IpAddr::from([1, 2, 3, 4]), std::net::SocketAddr::from(([0; 16], 80)), std::num::NonZeroI16::MIN));
    fits((uuid::Uuid::from_u128(7), chrono::DateTime::UNIX_EPOCH, chrono::NaiveDate::MIN, crate::JobId([1; 16])));
    fits((HashMap::from([("a".to_owned(), [1.0f32; 3])]), 'ß', std::path::PathBuf::from("/a"), Box::new(u128::MAX)));
    fits((std::cell::RefCell::new(1u16), std::rc::Rc::new(2u8), std::borrow::Cow::Borrowed("x").into_owned()));
}

#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only traced")]
enum Untagged {
    Number(u64),
    Text(String),
}

#[test]
fn what_needs_a_self_describing_format_is_opaque() {
    assert_eq!(text::<Untagged>(), "opaque `flott_core::schema::trace::tests::Untagged`");
    let schema = Schema::of::<(u8, Untagged, u16)>();
    assert!(schema.is_opaque(), "{schema}");
    assert_eq!(
        text::<Vec<Option<Untagged>>>(),
        "Vec<Option<opaque `alloc::vec::Vec<core::option::Option<\
         flott_core::schema::trace::tests::Untagged>>`>>"
    );
}

/// A type that has no end.
struct Endless;

impl<'de> Deserialize<'de> for Endless {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<(Endless, u8)>::deserialize(deserializer).map(|_| Endless)
    }
}

#[test]
fn nothing_runs_for_ever() {
    assert!(Schema::of::<Endless>().is_opaque());
    // 30^5 values, far more than are visited.
    type Wide<T> = Box<[T; 30]>;
    let schema = Schema::of::<Wide<Wide<Wide<Wide<Wide<u8>>>>>>();
    assert!(schema.is_opaque());
}

#[test]
fn schemas_are_readable_json() {
    let schema = Schema::of::<Kind>();
    let json = serde_json::to_string(&schema).unwrap();
    assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
    let schema = Schema::of::<(Option<u8>, Line, Tree, [u8; 2], BTreeMap<String, UserId>)>();
    let json = serde_json::to_string(&schema).unwrap();
    assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
    let line = serde_json::to_string(&Schema::of::<Line>()).unwrap();
    assert_eq!(
        line,
        r#"{"struct":{"name":"Line","fields":[{"name":"price","type":"f64"},{"name":"count","aliases":["amount"],"type":"u32"}]}}"#
    );
}
