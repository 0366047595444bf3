//! Vectors that are finite and of the right size by construction.
//!
//! Owns: [`Dimension`], [`Metric`], [`Vector`], [`Vectors`]. Never: SIMD (that is
//! `index/kernels`), storage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The number of components of every vector of a collection: 1 to 65,536.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Dimension(u32);

impl Dimension {
    /// Checks a dimension.
    ///
    /// # Errors
    /// [`VectorError::Dimension`] when it isn't in 1..=65,536.
    pub fn new(size: u64) -> Result<Self, VectorError> {
        match u32::try_from(size) {
            Ok(small @ 1..=DIMENSION_MAX) => Ok(Self(small)),
            _ => Err(VectorError::Dimension { got: size }),
        }
    }

    /// The dimension as a length.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl TryFrom<u32> for Dimension {
    type Error = VectorError;

    fn try_from(size: u32) -> Result<Self, VectorError> {
        Self::new(u64::from(size))
    }
}

impl From<Dimension> for u32 {
    fn from(dimension: Dimension) -> Self {
        dimension.0
    }
}

/// How the likeness of two vectors is measured.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Metric {
    /// The cosine of the angle; vectors are normalised on their way in. Higher is nearer.
    Cosine,
    /// The inner product. Higher is nearer.
    Dot,
    /// The Euclidean distance. Lower is nearer.
    Euclid,
    /// The sum of absolute differences. Lower is nearer.
    Manhattan,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 4] = [Self::Cosine, Self::Dot, Self::Euclid, Self::Manhattan];

    /// Whether a higher score means nearer.
    pub const fn higher_is_nearer(self) -> bool {
        match self {
            Self::Cosine | Self::Dot => true,
            Self::Euclid | Self::Manhattan => false,
        }
    }
}

/// A point's vectors by their names, as they came or as they are answered.
pub type Vectors = BTreeMap<String, Vec<f32>>;

/// The vectors of a point that has the default one and no other.
pub fn only_default(values: Vec<f32>) -> Vectors {
    Vectors::from([(DEFAULT_VECTOR.to_owned(), values)])
}

/// A vector as it is stored: finite, of its collection's dimension, of length one if the metric
/// is [`Metric::Cosine`].
#[derive(Clone, PartialEq, Debug)]
pub struct Vector(Vec<f32>);

impl Vector {
    /// Checks a vector and brings it into its stored form.
    ///
    /// # Errors
    /// [`VectorError`] when the length is wrong or a component isn't finite, or when the vector
    /// is so long that its square norm isn't finite.
    pub fn new(
        mut values: Vec<f32>,
        dimension: Dimension,
        metric: Metric,
    ) -> Result<Self, VectorError> {
        if values.len() != dimension.get() {
            return Err(VectorError::Length {
                expected: dimension.get(),
                got: values.len(),
            });
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(VectorError::NotFinite { index });
        }
        let square: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
        if square > SQUARE_NORM_MAX {
            return Err(VectorError::TooLong);
        }
        if metric == Metric::Cosine && square > 0.0 {
            let norm = square.sqrt();
            for value in &mut values {
                #[expect(clippy::cast_possible_truncation, reason = "f64 to f32 rounds")]
                let scaled = (f64::from(*value) / norm) as f32;
                *value = scaled;
            }
        }
        Ok(Self(values))
    }

    /// A vector that was one before: what a row holds.
    pub(crate) const fn from_stored(values: Vec<f32>) -> Self {
        Self(values)
    }

    /// The components.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }
}

/// A vector that can't be taken. Says what is expected.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VectorError {
    /// The dimension is out of range.
    #[error("vector size {got} is out of range: 1 to {DIMENSION_MAX}")]
    Dimension {
        /// What was asked for.
        got: u64,
    },
    /// The number of components isn't the collection's.
    #[error("Vector dimension error: expected dim: {expected}, got {got}")]
    Length {
        /// The collection's dimension.
        expected: usize,
        /// The vector's.
        got: usize,
    },
    /// A component is NaN or infinite.
    #[error("vector component {index} isn't a finite number")]
    NotFinite {
        /// Position of the first such component.
        index: usize,
    },
    /// The norm can't be used for distances in single precision.
    #[error("the vector is too long: its square norm must be at most 1e37")]
    TooLong,
}

/// The name of the vector that is meant where none is named.
pub const DEFAULT_VECTOR: &str = "";
/// Largest dimension, as in the Qdrant dialect.
pub const DIMENSION_MAX: u32 = 65_536;
/// Distances of two vectors within this stay finite in single precision.
const SQUARE_NORM_MAX: f64 = 1e37;
