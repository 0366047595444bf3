//! Vectors as they come and go: a list, or a map of them by name.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use crate::vector::{DEFAULT_VECTOR, Vectors, only_default};

/// A dense vector. Other kinds are refused by name.
#[derive(Debug)]
pub(super) struct Dense(pub(super) Vec<f32>);

/// A point's vectors: the default one as a list, or a map by name.
#[derive(Debug)]
pub(super) struct VectorsIn(pub(super) Vectors);

/// The vectors of many points: one after the other, or by name.
#[derive(Debug)]
pub(super) enum ManyVectors {
    /// Each point's.
    ByPoint(Vec<VectorsIn>),
    /// Of each name, those of all points.
    ByName(BTreeMap<String, Vec<Dense>>),
}

/// A point's vectors as they are answered: a list where there is the default one alone.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum VectorOut {
    Plain(Vec<f32>),
    Named(Vectors),
}

impl VectorOut {
    pub(super) fn of(mut vectors: Vectors) -> Self {
        if vectors.len() == 1
            && let Some(only) = vectors.remove(DEFAULT_VECTOR)
        {
            return Self::Plain(only);
        }
        Self::Named(vectors)
    }
}

impl ManyVectors {
    /// Each point's vectors. The other way round, where not all names have as many: an error that
    /// says so.
    pub(super) fn by_point(self) -> Result<Vec<Vectors>, String> {
        let by_name = match self {
            Self::ByPoint(points) => return Ok(points.into_iter().map(|point| point.0).collect()),
            Self::ByName(by_name) => by_name,
        };
        let count = by_name.values().next().map_or(0, Vec::len);
        let mut points = vec![Vectors::new(); count];
        for (name, vectors) in by_name {
            if vectors.len() != count {
                return Err(format!(
                    "the batch has {count} vectors of one name and {} of `{name}`",
                    vectors.len()
                ));
            }
            for (point, Dense(values)) in points.iter_mut().zip(vectors) {
                point.insert(name.clone(), values);
            }
        }
        Ok(points)
    }
}

impl<'de> Deserialize<'de> for Dense {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Dense;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a dense vector: a list of numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Dense, A::Error> {
                numbers(items).map(Dense)
            }

            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Dense, A::Error> {
                Err(Error::custom(
                    "sparse vectors and inference objects aren't supported; give a list of numbers",
                ))
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

fn numbers<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Vec<f32>, A::Error> {
    let mut values = Vec::with_capacity(items.size_hint().unwrap_or(384));
    while let Some(value) = items.next_element::<f32>().map_err(|error| {
        Error::custom(format!(
            "a dense vector is a list of numbers (multivectors aren't supported yet): {error}"
        ))
    })? {
        values.push(value);
    }
    Ok(values)
}

/// Reads a map. A name that comes twice is refused.
fn named<'de, A: MapAccess<'de>, V: Deserialize<'de>>(
    mut fields: A,
) -> Result<BTreeMap<String, V>, A::Error> {
    let mut vectors = BTreeMap::new();
    while let Some(name) = fields.next_key::<String>()? {
        if vectors.insert(name, fields.next_value()?).is_some() {
            return Err(Error::custom("a vector's name comes twice"));
        }
    }
    Ok(vectors)
}

impl<'de> Deserialize<'de> for VectorsIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = VectorsIn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a dense vector, which is a list of numbers, or a map of them by name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<VectorsIn, A::Error> {
                Ok(VectorsIn(only_default(numbers(items)?)))
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<VectorsIn, A::Error> {
                let vectors: BTreeMap<String, Dense> = named(fields)?;
                let vectors = vectors.into_iter();
                Ok(VectorsIn(
                    vectors
                        .map(|(name, Dense(values))| (name, values))
                        .collect(),
                ))
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

impl<'de> Deserialize<'de> for ManyVectors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = ManyVectors;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of vectors, or a map of such lists by name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ManyVectors, A::Error> {
                let mut points = Vec::new();
                while let Some(point) = items.next_element()? {
                    points.push(point);
                }
                Ok(ManyVectors::ByPoint(points))
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<ManyVectors, A::Error> {
                named(fields).map(ManyVectors::ByName)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}
