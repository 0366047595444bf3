use std::collections::HashSet;

use proptest::{prelude::*, sample::select};
use roaring::RoaringBitmap;
use serde_json::{Map, Value, json};

use super::{Definition, IndexKind, Indexes, Points, Within};
use crate::{
    payload::{
        Payload,
        filter::{Bounds, Condition, Filter, Scalar, Test, parse_datetime},
        path::Path,
    },
    tenant::PointId,
};

/// Payloads in the order of their slots, whose ids are the slots' numbers; and the dead slots.
#[derive(Clone, Debug)]
struct Stored {
    payloads: Vec<Payload>,
    dead: HashSet<u32>,
}

impl Stored {
    fn living(&self) -> RoaringBitmap {
        let slots = 0..u32::try_from(self.payloads.len()).unwrap();
        slots.filter(|slot| !self.dead.contains(slot)).collect()
    }

    fn indexed(&self, definitions: &[Definition]) -> Indexes {
        let mut indexes = Indexes::new(definitions.iter().cloned());
        for (slot, payload) in (0_u32..).zip(&self.payloads) {
            let entry = indexes.read(payload);
            indexes.insert(slot, entry);
        }
        indexes
    }

    /// What the one evaluator says.
    fn matching(&self, filter: &Filter) -> RoaringBitmap {
        let living = self.living();
        let slots = (0_u32..).zip(&self.payloads);
        slots
            .filter(|(slot, payload)| {
                living.contains(*slot) && filter.matches(PointId::Number((*slot).into()), payload)
            })
            .map(|(slot, _)| slot)
            .collect()
    }

    fn within(&self, indexes: &Indexes, filter: &Filter) -> Within {
        let living = self.living();
        let by_id = |ids: &HashSet<PointId>| {
            let has = |slot: &u32| ids.contains(&PointId::Number((*slot).into()));
            living.iter().filter(has).collect()
        };
        let points = Points {
            living: &living,
            by_id: &by_id,
        };
        indexes.within(filter, &points)
    }
}

fn scalar_value() -> impl Strategy<Value = Value> {
    let text = select(
        &[
            "red",
            "",
            "5",
            "true",
            "2024-02-03",
            "2024-02-03T00:00:00Z",
            "2024-02-03T01:00:00+01:00",
            "1969-12-31T23:59:59.5Z",
            "11111111-2222-3333-4444-5555aaaabbbb",
            "11111111-2222-3333-4444-5555AAAABBBB",
        ][..],
    );
    prop_oneof![
        4 => text.prop_map(Value::from),
        3 => (-3_i64..4).prop_map(Value::from),
        2 => select(&[-1.5, -0.0, 0.0, 1.0, 2.5, 1e300][..]).prop_map(Value::from),
        1 => select(&[i64::MAX, i64::MAX - 1, i64::MIN, 1 << 53, (1 << 53) + 1][..]).prop_map(Value::from),
        1 => select(&[u64::MAX, 1 << 63][..]).prop_map(Value::from),
        2 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!("long".repeat(500))),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => scalar_value(),
        2 => prop::collection::vec(scalar_value(), 0..4).prop_map(Value::from),
        1 => prop::collection::vec(prop::collection::vec(scalar_value(), 0..3), 0..3).prop_map(Value::from),
        1 => scalar_value().prop_map(|value| json!({"b": value})),
        1 => prop::collection::vec(scalar_value().prop_map(|value| json!({"b": value})), 0..3)
            .prop_map(Value::from),
    ]
}

fn stored() -> impl Strategy<Value = Stored> {
    let field = || prop::option::weighted(0.8, value());
    let payload = (field(), field()).prop_map(|(a, n)| {
        let fields = [("a", a), ("n", n)].into_iter();
        let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Payload::new(fields.collect::<Map<_, _>>()).unwrap()
    });
    (
        prop::collection::vec(payload, 0..30),
        prop::collection::hash_set(0_u32..30, 0..5),
    )
        .prop_map(|(payloads, dead)| Stored { payloads, dead })
}

const FIELDS: [&str; 5] = ["a", "a[]", "a.b", "a[].b", "n"];

fn path() -> impl Strategy<Value = Path> {
    select(&FIELDS[..]).prop_map(|field| Path::parse(field).unwrap())
}

fn definitions() -> impl Strategy<Value = Vec<Definition>> {
    let one = (select(&FIELDS[..]), select(&IndexKind::ALL[..]))
        .prop_map(|(field, kind)| Definition::new(field, kind, String::new()).unwrap());
    prop::collection::vec(one, 0..5)
}

fn scalars() -> impl Strategy<Value = Vec<Scalar>> {
    let one = scalar_value().prop_filter_map("a scalar", |value| match value {
        Value::String(text) => Some(Scalar::Keyword(text)),
        Value::Bool(truth) => Some(Scalar::Bool(truth)),
        Value::Number(number) => number.as_i64().map(Scalar::Integer),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    });
    prop::collection::vec(one, 0..4)
}

fn bounds<T: Clone + std::fmt::Debug>(
    values: impl Strategy<Value = T>,
) -> impl Strategy<Value = Bounds<T>> {
    let sides = prop::collection::vec(prop::option::weighted(0.4, values), 4);
    sides.prop_map(|sides| {
        let [gt, gte, lt, lte] = sides.try_into().unwrap();
        Bounds { gt, gte, lt, lte }
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let number = select(
        &[
            -2.0,
            -1.5,
            -0.0,
            0.0,
            1.0,
            2.5,
            3.0,
            9.007_199_254_740_992e15,
            9.2e18,
            1e300,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ][..],
    );
    let time = select(
        &[
            "2024-02-03T00:00:00Z",
            "1969-12-31T23:59:59.5Z",
            "1970-01-01",
        ][..],
    )
    .prop_map(|text| parse_datetime(text).unwrap());
    let test = prop_oneof![
        4 => scalars().prop_map(Test::Any),
        2 => scalars().prop_map(Test::Except),
        3 => bounds(number).prop_map(Test::Range),
        1 => bounds(time).prop_map(Test::DatetimeRange),
    ];
    prop_oneof![
        8 => (path(), test).prop_map(|(path, test)| Condition::Field(path, test)),
        1 => path().prop_map(Condition::IsEmpty),
        1 => path().prop_map(Condition::IsNull),
        1 => (path(), bounds(0.0_f64..4.0)).prop_map(|(path, bounds)| Condition::ValuesCount(path, bounds)),
        1 => prop::collection::hash_set((0_u64..40).prop_map(PointId::Number), 0..10)
            .prop_map(Condition::HasId),
    ]
}

fn filter_of(condition: impl Strategy<Value = Condition> + Clone) -> impl Strategy<Value = Filter> {
    let some = || prop::collection::vec(condition.clone(), 0..3);
    let least = prop::option::weighted(0.3, (some(), 0_usize..4));
    (some(), some(), some(), least).prop_map(|(must, should, must_not, min_should)| Filter {
        must,
        should,
        must_not,
        min_should,
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let condition = condition().boxed();
    let nested =
        filter_of(condition.clone()).prop_map(|filter| Condition::Filter(Box::new(filter)));
    filter_of(prop_oneof![5 => condition, 1 => nested].boxed())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_index_never_contradicts_the_evaluator(
        stored in stored(),
        definitions in definitions(),
        filter in filter(),
    ) {
        let indexes = stored.indexed(&definitions);
        let (within, truth) = (stored.within(&indexes, &filter), stored.matching(&filter));
        prop_assert!(within.sure().is_subset(&truth), "{within:?} but {truth:?}");
        prop_assert!(truth.is_subset(within.possible()), "{within:?} but {truth:?}");
        prop_assert!(within.possible().is_subset(&stored.living()));

        let read = Indexes::decode(&indexes.encode()).unwrap();
        prop_assert_eq!(stored.within(&read, &filter), within, "read back");
        prop_assert_eq!(read.encode(), indexes.encode());
        prop_assert_eq!(read.bytes() > 0, indexes.bytes() > 0);
    }

    #[test]
    fn renumbering_is_indexing_what_is_left(
        stored in stored(),
        definitions in definitions(),
        filter in filter(),
    ) {
        let mut next = 0..;
        let table: Vec<Option<u32>> = (0..stored.payloads.len())
            .map(|slot| u32::try_from(slot).unwrap())
            .map(|slot| (!stored.dead.contains(&slot)).then(|| next.next().unwrap()))
            .collect();
        let left = Stored {
            payloads: stored.payloads.iter().zip(&table)
                .filter(|(_, number)| number.is_some())
                .map(|(payload, _)| payload.clone())
                .collect(),
            dead: HashSet::new(),
        };
        let renumbered = stored.indexed(&definitions).renumbered(&table);
        let indexed = left.indexed(&definitions);
        prop_assert_eq!(left.within(&renumbered, &filter), left.within(&indexed, &filter));
        prop_assert_eq!(renumbered.encode(), indexed.encode());
    }

    #[test]
    fn a_snapshot_stays_what_it_was(
        stored in stored(),
        definitions in definitions(),
        filter in filter(),
    ) {
        let mut indexes = stored.indexed(&definitions);
        let (snapshot, before) = (indexes.clone(), indexes.encode());
        for (slot, payload) in (100_u32..).zip(&stored.payloads) {
            let entry = indexes.read(payload);
            indexes.insert(slot, entry);
        }
        prop_assert_eq!(snapshot.encode(), before);
        prop_assert_eq!(stored.within(&snapshot, &filter), stored.within(&indexes, &filter));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        stored in stored(),
        definitions in definitions(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        drop(Indexes::decode(&noise));
        let mut bytes = stored.indexed(&definitions).encode();
        let (at, _) = changes[0];
        prop_assert!(Indexes::decode(&bytes[..at.index(bytes.len())]).is_err());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Whatever still reads back can be asked, and holds what it says it does.
        if let Ok(indexes) = Indexes::decode(&bytes) {
            drop(stored.within(&indexes, &Filter { must: vec![everything()], ..Filter::default() }));
            drop(indexes.renumbered(&[None, Some(0)]));
            prop_assert_eq!(Indexes::decode(&indexes.encode()).unwrap().encode(), indexes.encode());
        }
    }
}

fn everything() -> Condition {
    let except = Test::Except(Vec::new());
    Condition::Field(Path::parse("a").unwrap(), except)
}

fn none<T>() -> Bounds<T> {
    Bounds {
        gt: None,
        gte: None,
        lt: None,
        lte: None,
    }
}

fn points(payloads: &[Value]) -> Stored {
    let payload = |value: &Value| Payload::new(value.as_object().unwrap().clone()).unwrap();
    Stored {
        payloads: payloads.iter().map(payload).collect(),
        dead: HashSet::new(),
    }
}

fn about(test: Test) -> Filter {
    Filter {
        must: vec![Condition::Field(Path::parse("a").unwrap(), test)],
        ..Filter::default()
    }
}

/// Without this, an index that leaves everything open would pass.
#[test]
fn an_index_answers_alone_what_its_kind_can_answer() {
    let keyword = |text: &str| Scalar::Keyword(text.to_owned());
    let uuid = "11111111-2222-3333-4444-5555aaaabbbb";
    let cases = [
        (
            IndexKind::Keyword,
            vec![json!("x"), json!(["y", "x"])],
            Test::Any(vec![keyword("x")]),
        ),
        (
            IndexKind::Keyword,
            vec![json!("x"), json!(["y", "x"])],
            Test::Except(vec![keyword("x")]),
        ),
        (
            IndexKind::Integer,
            vec![json!(1), json!([2, 3])],
            Test::Any(vec![Scalar::Integer(3)]),
        ),
        (
            IndexKind::Integer,
            vec![json!(1), json!([2, 3])],
            Test::Except(vec![Scalar::Integer(3)]),
        ),
        (
            IndexKind::Integer,
            vec![json!(1), json!(2)],
            Test::Range(Bounds {
                gt: Some(1.5),
                ..none()
            }),
        ),
        (
            IndexKind::Float,
            vec![json!(1), json!(2.5)],
            Test::Range(Bounds {
                lte: Some(1.0),
                ..none()
            }),
        ),
        (
            IndexKind::Bool,
            vec![json!(true), json!(false)],
            Test::Any(vec![Scalar::Bool(true)]),
        ),
        (
            IndexKind::Datetime,
            vec![json!("2024-02-03"), json!("2024-02-04T00:00:00Z")],
            Test::DatetimeRange(Bounds {
                gte: parse_datetime("2024-02-04"),
                ..none()
            }),
        ),
        (
            IndexKind::Uuid,
            vec![json!(uuid), json!("22222222-2222-3333-4444-5555aaaabbbb")],
            Test::Any(vec![keyword(uuid)]),
        ),
    ];
    for (kind, values, test) in cases {
        let payloads: Vec<Value> = values
            .into_iter()
            .map(|value| json!({"a": value}))
            .collect();
        let stored = points(&payloads);
        let definition = Definition::new("a", kind, String::new()).unwrap();
        let indexes = stored.indexed(&[definition]);
        let filter = about(test);
        let (within, truth) = (stored.within(&indexes, &filter), stored.matching(&filter));
        assert_eq!(
            (within.sure(), within.possible()),
            (&truth, &truth),
            "{kind:?}"
        );
        assert!(!truth.is_empty(), "{kind:?}: the case is about something");
        assert_eq!(
            indexes
                .get(&Path::parse("a").unwrap())
                .unwrap()
                .points(&stored.living()),
            2
        );
    }
}

#[test]
fn a_value_of_another_kind_is_left_open_and_no_other_is() {
    let stored = points(&[
        json!({"a": 1}),
        json!({"a": "x"}),
        json!({"a": 2.5}),
        json!({}),
    ]);
    let definition = Definition::new("a", IndexKind::Integer, String::new()).unwrap();
    let indexes = stored.indexed(&[definition]);
    let filter = about(Test::Range(Bounds {
        gt: Some(0.0),
        ..none()
    }));
    let within = stored.within(&indexes, &filter);
    assert_eq!(within.sure(), &RoaringBitmap::from_iter([0]));
    assert_eq!(within.open(), RoaringBitmap::from_iter([1, 2]));
    assert_eq!(within.estimate(), (1, 3));
}

#[test]
fn golden_indexes_of_version_1_read_back() {
    let stored = points(&[
        json!({"k": "x", "i": 1, "f": 0.5, "b": true, "d": "2024-02-03", "u": "11111111-2222-3333-4444-5555aaaabbbb"}),
        json!({"k": ["x", "y"], "i": -1, "f": [1, 2.5], "b": null, "d": 7}),
    ]);
    let definitions: Vec<Definition> = IndexKind::ALL
        .into_iter()
        .map(|kind| Definition::new(&kind.name()[..1], kind, format!("[\"{}\"]", kind.name())))
        .collect::<Result<_, _>>()
        .unwrap();
    let bytes = stored.indexed(&definitions).encode();
    let golden = include_bytes!("../../../tests/golden/payload_indexes.v1.bin");
    assert_eq!(bytes, golden);
    assert_eq!(Indexes::decode(golden).unwrap().encode(), golden);
}
