//! What is given in the place of a vector: numbers, a point's id, or an object.
//!
//! A vector's numbers are read as such and never as JSON values: it may be long.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::kinds::QueryObject;
use crate::{http::data::vectors::Dense, tenant::PointId};

/// What is given in the place of a vector.
pub(in crate::http::data) enum Given {
    Vector(Vec<f32>),
    Point(PointId),
    Object(Box<QueryObject>),
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Given;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a vector, a point id, or an object like {\"nearest\": ..}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Given, A::Error> {
                let Dense(numbers) = Dense::deserialize(SeqAccessDeserializer::new(items))?;
                Ok(Given::Vector(numbers))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Given, E> {
                PointId::deserialize(number.into_deserializer()).map(Given::Point)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Given, E> {
                PointId::deserialize(text.into_deserializer()).map(Given::Point)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Given, A::Error> {
                let object = QueryObject::deserialize(MapAccessDeserializer::new(fields))?;
                Ok(Given::Object(Box::new(object)))
            }
        }
        deserializer.deserialize_any(Shape)
    }
}
