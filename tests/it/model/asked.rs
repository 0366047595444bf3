//! Questions to the node, each answer held against the oracle.

use std::collections::HashMap;

use locule::{
    engine::{Error, Query, VectorsBack},
    partition::{PointRecord, SearchQuery},
    tenant::PointId,
    vector::{DEFAULT_VECTOR, Metric},
};

use super::{
    filter::Wanted,
    oracle::{self, Expected, Neighbour},
    step::{COLLECTIONS, OTHER, OTHER_DIMENSION, Place, Question},
    subject::{Subject, key, missing, name},
};

impl Subject {
    pub fn query(&self, place: Place, question: &Question) {
        let Some(expected) = self.expected.get(&key(place)) else {
            return missing(self.ask(place, question, 4, None));
        };
        let dimension = expected.dimension;
        if let Some(id) = question.by_point
            && !expected.has(id, question.using())
        {
            return missing(self.ask(place, question, dimension, None));
        }
        let mut nearest = expected.nearest(question);
        let threshold = question
            .threshold_after
            .and_then(|after| oracle::threshold(&nearest, after));
        if let Some((_, kept)) = threshold {
            nearest.truncate(kept);
        }
        let asked = self.ask(
            place,
            question,
            dimension,
            threshold.map(|(score, _)| score),
        );
        let found = asked.unwrap();
        let by_id: HashMap<PointId, Neighbour> = nearest.iter().map(|n| (n.id, *n)).collect();
        let ranks: Vec<_> = nearest
            .iter()
            .skip(question.offset)
            .take(question.limit)
            .collect();
        assert_eq!(found.len(), ranks.len(), "{question:?} of {expected:?}");
        let mut seen = Vec::new();
        for ((score, record), rank) in found.iter().zip(ranks) {
            let own = by_id[&record.id];
            for neighbour in [rank, &own] {
                assert!(
                    (f64::from(*score) - neighbour.score).abs() <= 2.0 * neighbour.tolerance,
                    "{score} of {:?} isn't as good as {neighbour:?}; {question:?} of {expected:?}",
                    record.id
                );
            }
            assert!(!seen.contains(&record.id), "{:?} comes twice", record.id);
            seen.push(record.id);
            let (payload, vectors) = (question.with_payload, question.with_vectors);
            check_record(expected, record, payload, vectors);
        }
    }

    fn ask(
        &self,
        place: Place,
        question: &Question,
        dimension: usize,
        score_threshold: Option<f32>,
    ) -> Result<Vec<(f32, PointRecord)>, Error> {
        let search = SearchQuery {
            vector: question.vector(dimension),
            using: question.using().to_owned(),
            filter: question.wanted.as_ref().map(Wanted::filter),
            limit: question.limit,
            offset: question.offset,
            ef: 16,
            exact: question.exact,
            score_threshold,
            except: None,
            with_payload: question.with_payload,
        };
        let query = Query {
            search,
            by_point: question.by_point,
            vectors: if question.with_vectors {
                VectorsBack::All
            } else {
                VectorsBack::No
            },
        };
        let owner = self.owner(place.tenant);
        let found = self.engine().search(&owner, &name(place), query)?;
        Ok(found.into_iter().map(|s| (s.score, s.point)).collect())
    }

    pub fn retrieve(&self, place: Place, ids: &[PointId]) {
        let owner = self.owner(place.tenant);
        let found = self.engine().retrieve(&owner, &name(place), ids);
        let Some(expected) = self.expected.get(&key(place)) else {
            return missing(found);
        };
        let found = found.unwrap();
        let there: Vec<PointId> = ids
            .iter()
            .filter(|id| expected.points.contains_key(id))
            .copied()
            .collect();
        assert_eq!(there, found.iter().map(|r| r.id).collect::<Vec<_>>());
        for record in &found {
            check_record(expected, record, true, true);
        }
    }

    pub fn scroll(&self, place: Place, limit: usize, wanted: Option<&Wanted>) {
        let owner = self.owner(place.tenant);
        let filter = wanted.map(Wanted::filter);
        let page = |from| {
            self.engine()
                .scroll(&owner, &name(place), from, limit, filter.as_ref())
        };
        let Some(expected) = self.expected.get(&key(place)) else {
            return missing(page(None));
        };
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let page = page(from).unwrap();
            found.extend(page.points.iter().map(|record| record.id));
            for record in &page.points {
                check_record(expected, record, true, true);
            }
            if page.next.is_none() {
                break;
            }
            assert_eq!(page.points.len(), limit, "only the last page may be short");
            from = page.next;
        }
        assert_eq!(found, expected.matching(wanted), "in id order, each once");
    }

    pub fn count(&self, place: Place, wanted: Option<&Wanted>) {
        let owner = self.owner(place.tenant);
        let filter = wanted.map(Wanted::filter);
        let counted = self.engine().count(&owner, &name(place), filter.as_ref());
        match self.expected.get(&key(place)) {
            Some(expected) => {
                assert_eq!(counted.unwrap(), expected.matching(wanted).len() as u64);
            }
            None => missing(counted),
        }
    }

    pub fn list(&self, tenant: usize) {
        let listed = self.engine().collections(&self.owner(tenant)).unwrap();
        let mut found: Vec<_> = listed
            .iter()
            .map(|one| (one.name().as_str().to_owned(), one.points()))
            .collect();
        found.sort();
        let own = self.expected.iter().filter(|((t, _), _)| *t == tenant);
        let mut expected: Vec<_> = own
            .map(|((_, c), e)| (COLLECTIONS[*c].to_owned(), e.points.len() as u64))
            .collect();
        expected.sort();
        assert_eq!(found, expected);
    }
}

fn check_record(expected: &Expected, record: &PointRecord, payload: bool, vector: bool) {
    let point = &expected.points[&record.id];
    assert_eq!(record.version, point.version);
    let found = record
        .payload
        .as_ref()
        .map(|p| p.parse().unwrap().into_map());
    assert_eq!(found.as_ref(), payload.then_some(&point.payload));
    let Some(found) = &record.vectors else {
        assert!(!vector, "no vector came back");
        return;
    };
    assert!(vector, "a vector came back that no one asked for");
    assert!(found.keys().eq(point.vectors.keys()));
    for (found, came) in found.values().zip(point.vectors.values()) {
        let length = oracle::norm(came);
        if expected.metric == Metric::Cosine && length > 0.0 {
            assert_eq!(found.len(), came.len());
            for (found, came) in found.iter().zip(came) {
                assert!((f64::from(*found) - f64::from(*came) / length).abs() < 1e-6);
            }
        } else {
            assert_eq!(found, came, "to the bit");
        }
    }
}

impl Question {
    /// Which vector it is about.
    pub fn using(&self) -> &'static str {
        if self.other { OTHER } else { DEFAULT_VECTOR }
    }

    /// Its vector, cut to size.
    pub fn vector(&self, dimension: usize) -> Vec<f32> {
        let dimension = if self.other {
            OTHER_DIMENSION
        } else {
            dimension
        };
        self.vector[..dimension].to_vec()
    }
}
