//! Indexes against the evaluator: whatever is stored, indexed and asked.

mod arbitrary;
mod cases;

use std::collections::HashSet;

use proptest::prelude::*;
use roaring::RoaringBitmap;

use self::arbitrary::{definitions, filter, stored};
use super::{Definition, Indexes, Points, Within};
use crate::{
    payload::{
        Payload,
        filter::{Candidate, Condition, Filter, Scalars, Test},
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

    /// What the one evaluator says of a filter under these indexes.
    fn matching(&self, indexes: &Indexes, filter: &Filter) -> RoaringBitmap {
        let (living, filter) = (self.living(), indexes.bind(filter));
        let slots = (0_u32..).zip(&self.payloads);
        slots
            .filter(|(slot, payload)| {
                let candidate = Candidate {
                    id: PointId::Number((*slot).into()),
                    payload,
                    vectors: &|name| has_vector(*slot, name),
                };
                living.contains(*slot) && filter.matches(&candidate)
            })
            .map(|(slot, _)| slot)
            .collect()
    }

    fn within(&self, indexes: &Indexes, filter: &Filter) -> Within {
        let living = self.living();
        let those = |holds: &dyn Fn(u32) -> bool| living.iter().filter(|s| holds(*s)).collect();
        let points = Points {
            living: &living,
            by_id: &|ids| those(&|slot| ids.hold(PointId::Number(slot.into()))),
            by_vector: &|name| those(&|slot| has_vector(slot, name)),
        };
        indexes.within(&indexes.bind(filter), &points)
    }
}

fn has_vector(slot: u32, name: &str) -> bool {
    name == "even" && slot.is_multiple_of(2)
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
        let (within, truth) = (stored.within(&indexes, &filter), stored.matching(&indexes, &filter));
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
    Condition::Field(Path::parse("a").unwrap(), Test::Except(Scalars::default()))
}
