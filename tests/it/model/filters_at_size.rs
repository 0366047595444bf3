//! Filters on more points than are opened one by one: with payload indexes and without, the
//! answers are the same.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use locule::{
    access::{Origin, Presented, Principal, Quota},
    clock::{Manual, Stopwatch, Timestamp},
    engine::{Engine, Query, VectorsBack},
    index::Precision,
    partition::{PointUpsert, Schema, SearchQuery, Selection},
    payload::{
        Payload,
        filter::{Bounds, Candidate, Condition, Filter, Scalar, Test},
        index::{Definition, IndexKind},
        path::Path,
        region::{Place, Region},
        text::{TextMode, TextQuery},
    },
    router::NewTenant,
    tenant::{CollectionName, PointId, TenantId},
    vector::{DEFAULT_VECTOR, Dimension, Metric, only_default},
};
use serde_json::{Value, json};

use crate::harness::{OPERATOR_KEY, options, vectors};

#[test]
fn filters_mean_the_same_with_indexes_and_without() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(Timestamp(1_800_000_000_000));
    let engine = Engine::start(options(directory.path(), clock.into())).unwrap();
    let both = Both::make(&engine.engine);
    for first in (0..POINTS).step_by(1_000) {
        both.upsert((first..first + 1_000).collect(), 1);
    }
    // Built from the rows that are there.
    both.index("group", IndexKind::Keyword);
    both.index("n", IndexKind::Integer);
    both.agree();
    // Kept up to date; and the dead are so many that the collections are built anew.
    for first in (0..POINTS).step_by(500) {
        both.upsert((first..first + 250).collect(), 2);
    }
    both.remove(&about("n", at_least(700.0)));
    both.index("even", IndexKind::Bool);
    both.index("note", IndexKind::Text);
    both.index("place", IndexKind::Geo);
    both.agree();
    both.wait_for_builds();
    both.upsert((0..100).collect(), 3);
    both.agree();
}

#[test]
fn an_index_that_is_made_while_points_are_written_misses_none() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(Timestamp(1_800_000_000_000));
    let engine = Engine::start(options(directory.path(), clock.into())).unwrap();
    let both = Both::make(&engine.engine);
    both.upsert((0..1_000).collect(), 1);
    let written = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 2..22 {
                // Half of them are there already.
                let first = (round - 2) * 50;
                both.upsert((first..first + 50).collect(), round);
                both.upsert((first + 1_000..first + 1_050).collect(), round);
            }
            written.store(true, Ordering::Relaxed);
        });
        // Made again and again, so that some write is always on its way.
        while !written.load(Ordering::Relaxed) {
            for (field, kind) in [
                ("n", IndexKind::Integer),
                ("n", IndexKind::Float),
                ("group", IndexKind::Keyword),
            ] {
                both.index(field, kind);
            }
            let group = Path::parse("group").unwrap();
            engine
                .engine
                .delete_payload_index(&both.owner, &both.indexed, &group)
                .unwrap();
        }
    });
    both.index("group", IndexKind::Keyword);
    both.agree();
}

/// One tenant's two collections with the same points: one has indexes, the other has none.
struct Both<'a> {
    engine: &'a Engine,
    owner: Principal,
    indexed: CollectionName,
    plain: CollectionName,
}

impl<'a> Both<'a> {
    fn make(engine: &'a Engine) -> Self {
        let principal = |key: &str| {
            engine
                .authenticate(&Presented::new(key), Origin::default(), 0)
                .unwrap()
        };
        let new = NewTenant {
            id: TenantId::parse("acme").unwrap(),
            quota: Quota::default(),
            region: None,
        };
        let created = engine.create_tenant(&principal(OPERATOR_KEY), new).unwrap();
        let both = Self {
            engine,
            owner: principal(created.owner_key.reveal()),
            indexed: CollectionName::parse("indexed").unwrap(),
            plain: CollectionName::parse("plain").unwrap(),
        };
        for name in [&both.indexed, &both.plain] {
            let schema = Schema::single(
                Dimension::new(DIMENSION as u64).unwrap(),
                Metric::Euclid,
                Precision::Codes,
            );
            engine.create_collection(&both.owner, name, schema).unwrap();
        }
        both
    }

    fn upsert(&self, ids: Vec<u64>, round: u64) {
        for name in [&self.indexed, &self.plain] {
            let points = ids.iter().map(|id| point(*id, round)).collect();
            self.engine.upsert(&self.owner, name, points).unwrap();
        }
    }

    fn remove(&self, filter: &Filter) {
        for name in [&self.indexed, &self.plain] {
            let selection = Selection::Filter(filter.clone());
            self.engine.remove(&self.owner, name, selection).unwrap();
        }
    }

    fn index(&self, field: &str, kind: IndexKind) {
        let definition = Definition::new(field, kind, String::new()).unwrap();
        self.engine
            .create_payload_index(&self.owner, &self.indexed, definition)
            .unwrap();
    }

    /// Waits until no dead slot is worth a build any more.
    fn wait_for_builds(&self) {
        let waited = Stopwatch::start();
        for name in [&self.indexed, &self.plain] {
            while self.engine.is_building(&self.owner, name).unwrap() {
                assert!(waited.elapsed().as_secs() < 120, "no build ends");
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        }
    }

    fn agree(&self) {
        for (what, filter) in filters() {
            let [with, without] =
                [&self.indexed, &self.plain].map(|name| self.answers(name, &filter));
            assert!(with == without, "{what}");
            let (matching, counted, exact, _) = with;
            assert_eq!(counted, matching.len() as u64, "{what}");
            assert_eq!(exact.len(), matching.len().min(WANTED), "{what}");
        }
    }

    /// What is scrolled through, counted, and found both exactly and otherwise. So few vectors
    /// are always scanned: both are the nearest there are.
    fn answers(
        &self,
        name: &CollectionName,
        filter: &Filter,
    ) -> (BTreeSet<PointId>, u64, Vec<PointId>, Vec<PointId>) {
        let (mut scrolled, mut from) = (BTreeSet::new(), None);
        loop {
            let page = self
                .engine
                .scroll(&self.owner, name, from, 700, Some(filter))
                .unwrap();
            scrolled.extend(page.points.iter().map(|point| point.id));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        let counted = self.engine.count(&self.owner, name, Some(filter)).unwrap();
        let [exact, fast] = [true, false].map(|exact| {
            let search = SearchQuery {
                vector: vectors::random(1, DIMENSION, 99).remove(0),
                using: DEFAULT_VECTOR.to_owned(),
                filter: Some(filter.clone()),
                limit: WANTED,
                offset: 0,
                ef: 16,
                exact,
                score_threshold: None,
                except: None,
                with_payload: true,
            };
            let query = Query {
                search,
                by_point: None,
                vectors: VectorsBack::No,
            };
            let found = self.engine.search(&self.owner, name, query).unwrap();
            for point in &found {
                let payload = point.point.payload.as_ref().unwrap().parse().unwrap();
                assert!(filter.matches(&Candidate {
                    id: point.point.id,
                    payload: &payload,
                    vectors: &|name| name.is_empty(),
                }));
            }
            found.iter().map(|point| point.point.id).collect::<Vec<_>>()
        });
        assert_eq!(exact, fast);
        (scrolled, counted, exact, fast)
    }
}

fn point(id: u64, round: u64) -> PointUpsert {
    let turned = id.wrapping_mul(0x9E37_79B9).wrapping_add(round * 7) % 1_000;
    let turned = u32::try_from(turned).unwrap();
    let number: Value = if id.is_multiple_of(50) {
        json!("none")
    } else {
        json!(turned)
    };
    let payload = json!({
        "group": [format!("g{}", turned % 5), format!("h{}", turned % 400)],
        "n": number,
        "even": turned.is_multiple_of(2),
        "note": [format!("word{} and word{}", turned % 7, turned % 300), "Other words"],
        "place": {"lon": f64::from(turned % 360) - 180.0, "lat": f64::from(turned % 18) * 10.0 - 85.0},
    });
    PointUpsert {
        id: PointId::Number(id),
        vectors: only_default(vectors::random(1, DIMENSION, id + round * 1_000_000).remove(0)),
        payload: Payload::new(payload.as_object().unwrap().clone()).unwrap(),
    }
}

fn filters() -> Vec<(&'static str, Filter)> {
    let group = |name: &str| Test::Any([Scalar::Keyword(name.to_owned())].into());
    let even = || field("even", Test::Any([Scalar::Bool(true)].into()));
    let with = |mut filter: Filter, condition: Condition| {
        filter.must.push(condition);
        filter
    };
    vec![
        ("one in five", about("group", group("g3"))),
        ("one in 400", about("group", group("h7"))),
        ("none", about("group", group("g9"))),
        ("a range", about("n", at_least(500.0))),
        ("a narrow range", about("n", at_least(690.0))),
        (
            "an index and a field without one",
            with(about("group", group("g1")), even()),
        ),
        (
            "a few of an index and a field without one",
            with(about("group", group("h9")), even()),
        ),
        ("a field without an index", with(Filter::default(), even())),
        (
            "a field that nobody has",
            about("absent", Test::Any([Scalar::Integer(1)].into())),
        ),
        ("a word", about("note", words("WORD3", TextMode::All))),
        (
            "two words",
            about("note", words("word3 word17", TextMode::All)),
        ),
        (
            "words of different texts",
            about("note", words("word3 other", TextMode::All)),
        ),
        (
            "one of two words",
            about("note", words("word250 word6", TextMode::Any)),
        ),
        (
            "words in order",
            about("note", words("and word1", TextMode::Phrase)),
        ),
        (
            "near a place",
            about("place", Test::Within(Region::circle(DATE_LINE, 3e6))),
        ),
        (
            "across the date line",
            about(
                "place",
                Test::Within(Region::rectangle(WEST_OF_IT, EAST_OF_IT)),
            ),
        ),
        ("a beginning", about("group", Test::Prefix("h1".to_owned()))),
        (
            "not in a group",
            Filter {
                must_not: vec![field("group", group("g0"))],
                ..Filter::default()
            },
        ),
        (
            "one of two",
            Filter {
                should: vec![field("group", group("g0")), field("n", at_least(600.0))],
                ..Filter::default()
            },
        ),
    ]
}

fn words(text: &str, mode: TextMode) -> Test {
    Test::Text(TextQuery::new(text.to_owned(), mode))
}

fn about(name: &str, test: Test) -> Filter {
    Filter {
        must: vec![field(name, test)],
        ..Filter::default()
    }
}

fn field(name: &str, test: Test) -> Condition {
    Condition::Field(Path::parse(name).unwrap(), test)
}

fn at_least(number: f64) -> Test {
    Test::Range(Bounds {
        gt: None,
        gte: Some(number),
        lt: None,
        lte: None,
    })
}

const POINTS: u64 = 4_000;
const DIMENSION: usize = 8;
const WANTED: usize = 12;
const DATE_LINE: Place = Place {
    lon: 180.0,
    lat: 0.0,
};
const WEST_OF_IT: Place = Place {
    lon: 150.0,
    lat: 50.0,
};
const EAST_OF_IT: Place = Place {
    lon: -150.0,
    lat: -50.0,
};
