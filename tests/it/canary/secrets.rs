//! Words that stand nowhere else, and everything else that mustn't be found.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::harness::vectors;

/// What one tenant says.
pub struct Words {
    pub collection: String,
    /// A collection that isn't there.
    pub unknown: String,
    pub field: String,
    pub inner_field: String,
    pub value: String,
    /// A data subject's address, as it stands in payloads.
    pub email: String,
    /// A string that stands in an array in an object in an array.
    pub deep_value: String,
    /// Only in collections' settings, in filters, in requests that fail.
    pub metadata: String,
    pub searched: String,
    pub mistake: String,
    pub number: u64,
    pub uuid: Uuid,
    pub vector: Vec<f32>,
    pub second_vector: Vec<f32>,
    pub query: Vec<f32>,
    pub bad_vector: Vec<f32>,
}

impl Words {
    pub fn of(tenant: &str) -> Self {
        let word = |kind: &str| format!("canary-{kind}-{tenant}-\u{e9}t\u{e9}-sings-of-{kind}");
        let seed = tenant.bytes().map(u64::from).sum::<u64>();
        let mut vectors = vectors::random(4, DIMENSION, seed).into_iter();
        let mut vector = || vectors.next().unwrap();
        Self {
            collection: word("collection"),
            unknown: word("unknown"),
            field: word("field"),
            inner_field: word("inner-field"),
            value: word("value"),
            email: format!("canary.subject.{tenant}+sings@example.com"),
            deep_value: word("deep-value"),
            metadata: word("metadata"),
            searched: word("searched"),
            mistake: word("mistake"),
            number: 0xCA5A_417C_0DE5_0000 + seed,
            uuid: Uuid::from_u128(0xCA5A_417C_0DE5_4BAD_8CAF_E0FF_1CE0_0000 + u128::from(seed)),
            vector: vector(),
            second_vector: vector(),
            query: vector(),
            bad_vector: vector(),
        }
    }

    pub fn payload(&self) -> Value {
        let inner = json!({&self.inner_field: [1, {"list": [self.deep_value]}]});
        let mut payload = Map::new();
        payload.insert(self.field.clone(), json!(self.value));
        payload.insert("nested".to_owned(), inner);
        payload.insert("email".to_owned(), json!(self.email));
        payload.into()
    }

    pub fn secrets(&self) -> Vec<Secret> {
        let mut secrets: Vec<Secret> = [
            ("a collection's name", &self.collection),
            ("an unknown collection's name", &self.unknown),
            ("a payload key", &self.field),
            ("a nested payload key", &self.inner_field),
            ("a payload value", &self.value),
            ("an e-mail address", &self.email),
            ("a nested payload value", &self.deep_value),
            ("a collection's metadata", &self.metadata),
            ("a filter's value", &self.searched),
            ("a failing request's word", &self.mistake),
        ]
        .map(|(name, text)| Secret::text(name, text))
        .into();
        for text in [self.uuid.hyphenated().to_string(), self.number.to_string()] {
            secrets.push(Secret::text("a point id as text", &text));
        }
        secrets.push(Secret::bytes("a uuid", self.uuid.as_bytes()));
        secrets.push(Secret::bytes("a uuid, reversed", &self.uuid.to_bytes_le()));
        secrets.push(Secret::bytes("a number", &self.number.to_le_bytes()));
        secrets.push(Secret::bytes(
            "a number, big-endian",
            &self.number.to_be_bytes(),
        ));
        for (name, vector) in [
            ("a vector", &self.vector),
            ("another vector", &self.second_vector),
            ("a query", &self.query),
            ("a vector of the wrong size", &self.bad_vector),
        ] {
            secrets.extend(of_vector(name, vector));
            secrets.extend(of_vector(
                &format!("{name}, normalised"),
                &normalised(vector),
            ));
        }
        secrets
    }
}

/// Something that mustn't be found, as its bytes.
pub struct Secret {
    pub name: String,
    pub bytes: Vec<u8>,
    pub is_text: bool,
}

impl Secret {
    pub fn text(name: &str, text: &str) -> Self {
        Self {
            name: format!("{name} {text:?}"),
            bytes: text.as_bytes().to_vec(),
            is_text: true,
        }
    }

    pub fn bytes(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: format!("{name} {bytes:02x?}"),
            bytes: bytes.to_vec(),
            is_text: false,
        }
    }

    /// The secret part of a key, as text and as the bytes that it spells. Its id isn't secret.
    pub fn of_api_key(name: &str, key: &str) -> Vec<Self> {
        let secret = key.rsplit('_').next().unwrap();
        assert_eq!(secret.len(), 64);
        let bytes: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&secret[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        vec![Self::text(name, secret), Self::bytes(name, &bytes)]
    }
}

/// Every run of four components: as single precision in both byte orders, as double precision,
/// and as JSON.
fn of_vector(name: &str, vector: &[f32]) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for (at, run) in vector.windows(RUN).enumerate() {
        let name = |form: &str| format!("{name}, {form} from component {at}");
        let bytes = |form: &str, of: &dyn Fn(f32) -> Vec<u8>| {
            let bytes: Vec<u8> = run.iter().flat_map(|value| of(*value)).collect();
            Secret::bytes(&name(form), &bytes)
        };
        secrets.push(bytes("little-endian", &|value| value.to_le_bytes().into()));
        secrets.push(bytes("big-endian", &|value| value.to_be_bytes().into()));
        secrets.push(bytes("as f64", &|value| {
            f64::from(value).to_le_bytes().into()
        }));
        for separator in [",", ", "] {
            let text: Vec<String> = run.iter().map(|value| json!(value).to_string()).collect();
            secrets.push(Secret::text(&name("as text"), &text.join(separator)));
        }
    }
    secrets
}

/// As the node stores it for `Cosine`.
#[expect(clippy::cast_possible_truncation, reason = "f64 to f32 rounds")]
fn normalised(vector: &[f32]) -> Vec<f32> {
    let square: f64 = vector.iter().map(|value| f64::from(*value).powi(2)).sum();
    let norm = square.sqrt();
    vector
        .iter()
        .map(|value| (f64::from(*value) / norm) as f32)
        .collect()
}

pub const DIMENSION: usize = 12;
const RUN: usize = 4;
