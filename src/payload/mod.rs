//! Payloads: the JSON object that a tenant keeps beside a vector.
//!
//! Owns: the limits on size and depth, paths into a payload, the [`filter`] language with what it
//! says of [`text`]s and [`region`]s, the [`index`]es that answer filters without reading payloads,
//! and the [`values`] that points are ordered, grouped and counted by.
//! Never: wire shapes (those are `http/data`), storage.

pub mod edit;
pub mod filter;
pub mod index;
pub mod path;
pub mod region;
pub mod selection;
pub mod text;
pub mod time;
pub mod values;

use serde_json::{Map, Value};

/// A JSON object within the limits of size and depth.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Payload(Map<String, Value>);

impl Payload {
    /// Checks a JSON object against the limits.
    ///
    /// # Errors
    /// [`PayloadError`] when it is nested deeper than 64 levels or longer than 1 MiB as JSON.
    pub fn new(map: Map<String, Value>) -> Result<Self, PayloadError> {
        if map
            .values()
            .any(|value| deeper_than(value, PAYLOAD_DEPTH_MAX - 1))
        {
            return Err(PayloadError::TooDeep);
        }
        let payload = Self(map);
        let bytes = payload.to_json().len();
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(PayloadError::TooLong { bytes });
        }
        Ok(payload)
    }

    /// Reads a payload back from its stored form.
    ///
    /// # Errors
    /// [`PayloadError::Json`] when the bytes aren't a JSON object.
    pub fn from_json(json: &[u8]) -> Result<Self, PayloadError> {
        if json.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(json)
            .map(Self)
            .map_err(|_| PayloadError::Json)
    }

    /// The stored form: JSON text, or nothing for an empty payload.
    pub fn to_json(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return Vec::new();
        }
        // A map of JSON values always serialises.
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    /// The object.
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The object, owned.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

/// A payload as it is stored: JSON text, parsed only by whoever must look into it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StoredPayload(Vec<u8>);

impl StoredPayload {
    /// Takes stored bytes.
    pub const fn new(json: Vec<u8>) -> Self {
        Self(json)
    }

    /// The payload, parsed.
    ///
    /// # Errors
    /// [`PayloadError::Json`] when it isn't a JSON object.
    pub fn parse(&self) -> Result<Payload, PayloadError> {
        Payload::from_json(&self.0)
    }

    /// The JSON text; `{}` for an empty payload.
    pub fn into_json(self) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        String::from_utf8(self.0).unwrap_or_else(|_| "{}".to_owned())
    }
}

impl std::fmt::Debug for StoredPayload {
    /// Without the payload: debug output ends up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredPayload({} bytes)", self.0.len())
    }
}

fn deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => {
            levels == 0 || items.iter().any(|item| deeper_than(item, levels - 1))
        }
        Value::Object(map) => levels == 0 || map.values().any(|item| deeper_than(item, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A payload that can't be taken. Says what the limit is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PayloadError {
    /// Nested too deep.
    #[error("payload is nested deeper than {PAYLOAD_DEPTH_MAX} levels")]
    TooDeep,
    /// Too many bytes.
    #[error("payload is {bytes} bytes as JSON, more than the limit of {PAYLOAD_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not a JSON object.
    #[error("payload isn't a JSON object")]
    Json,
}

/// Largest payload of a point, as JSON text.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Deepest payload: bounds the stack of everything that walks one.
pub const PAYLOAD_DEPTH_MAX: usize = 64;
