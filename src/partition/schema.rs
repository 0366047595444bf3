//! What a collection is for: its vectors, and how each is compared and kept.

use super::PartitionError;
use crate::{
    index::Precision,
    vector::{DEFAULT_VECTOR, Dimension, Metric, Vector, Vectors},
};

/// What a collection is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schema {
    /// The vectors that its points may have, each under a name of its own; none at all is fine.
    pub vectors: Vec<VectorSchema>,
    /// What else its creator said about it, as JSON: given back as it came.
    pub settings: String,
}

/// One of a collection's vectors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VectorSchema {
    /// Its name; empty for the default one.
    pub name: String,
    /// How many components it has.
    pub dimension: Dimension,
    /// How two of them are compared.
    pub metric: Metric,
    /// How they are kept in memory.
    pub precision: Precision,
}

impl Schema {
    /// Checks the vectors of a schema.
    ///
    /// # Errors
    /// [`SchemaError`] for too many of them, and for a name that is too long or comes twice.
    pub fn new(vectors: Vec<VectorSchema>, settings: String) -> Result<Self, SchemaError> {
        if vectors.len() > VECTORS_MAX {
            return Err(SchemaError::TooMany { got: vectors.len() });
        }
        for (place, vector) in vectors.iter().enumerate() {
            if vector.name.len() > VECTOR_NAME_BYTES_MAX {
                return Err(SchemaError::Name);
            }
            let before = vectors.iter().take(place);
            if before.into_iter().any(|other| other.name == vector.name) {
                return Err(SchemaError::Twice {
                    name: vector.name.clone(),
                });
            }
        }
        Ok(Self { vectors, settings })
    }

    /// The schema of a collection that has the default vector and no other.
    pub fn single(dimension: Dimension, metric: Metric, precision: Precision) -> Self {
        let vector = VectorSchema {
            name: DEFAULT_VECTOR.to_owned(),
            dimension,
            metric,
            precision,
        };
        Self {
            vectors: vec![vector],
            settings: "{}".to_owned(),
        }
    }

    /// The vector with a name, and its place among the vectors.
    pub fn vector(&self, name: &str) -> Option<(usize, &VectorSchema)> {
        let mut vectors = self.vectors.iter().enumerate();
        vectors.find(|(_, vector)| vector.name == name)
    }

    /// As [`Self::vector`], for one that must be there.
    pub(super) fn must_have(&self, name: &str) -> Result<(usize, &VectorSchema), PartitionError> {
        self.vector(name).ok_or_else(|| PartitionError::NoVector {
            name: name.to_owned(),
        })
    }

    /// Checks a point's vectors and brings them into their stored form, each in its place.
    pub(super) fn stored(&self, vectors: Vectors) -> Result<Vec<Option<Vector>>, PartitionError> {
        let mut stored = vec![None; self.vectors.len()];
        for (name, values) in vectors {
            let (place, schema) = self.must_have(&name)?;
            let vector = Vector::new(values, schema.dimension, schema.metric)?;
            if let Some(place) = stored.get_mut(place) {
                *place = Some(vector);
            }
        }
        Ok(stored)
    }

    /// Puts a row's vectors in their places. Nothing if it isn't a row of this collection.
    pub(super) fn placed(&self, vectors: Vec<(String, Vec<f32>)>) -> Option<Vec<Option<Vec<f32>>>> {
        let mut placed = vec![None; self.vectors.len()];
        for (name, values) in vectors {
            let (place, schema) = self.vector(&name)?;
            let place = placed.get_mut(place)?;
            if values.len() != schema.dimension.get() || place.is_some() {
                return None;
            }
            *place = Some(values);
        }
        Some(placed)
    }
}

/// Vectors that a collection can't have.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SchemaError {
    /// Too many of them.
    #[error("{got} vectors, more than the limit of {VECTORS_MAX} a collection")]
    TooMany {
        /// How many there are.
        got: usize,
    },
    /// A name is too long.
    #[error("a vector's name is at most {VECTOR_NAME_BYTES_MAX} bytes long")]
    Name,
    /// A name comes twice.
    #[error("the vector name `{name}` comes twice")]
    Twice {
        /// The name.
        name: String,
    },
}

/// Most vectors of a collection.
pub const VECTORS_MAX: usize = 64;
/// Longest name of a vector: its length is one byte of every row.
const VECTOR_NAME_BYTES_MAX: usize = 255;
