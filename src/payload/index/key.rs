//! What an index is ordered by: the values of its kind.

use std::{cmp::Ordering, sync::Arc};

use jiff::Timestamp as Instant;
use serde_json::Value;
use uuid::Uuid;

use super::IndexKind;
use crate::payload::{region::Place, time::parse_datetime};

/// A value that an index holds. One index has keys of one kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    Keyword(Arc<str>),
    Integer(i64),
    Float(Float),
    Bool(bool),
    Datetime(Instant),
    Uuid(Uuid),
    /// North first: a region is searched along its latitudes.
    Geo {
        lat: Float,
        lon: Float,
    },
}

impl Key {
    /// The key of a value, if it is of the index's kind. A text has a key for each of its words:
    /// those are the field's own to make.
    pub(super) fn of(kind: IndexKind, value: &Value) -> Option<Self> {
        match kind {
            IndexKind::Keyword => Self::keyword(value.as_str()?),
            IndexKind::Integer => value.as_i64().map(Self::Integer),
            IndexKind::Float => value.as_f64().map(Self::float),
            IndexKind::Bool => value.as_bool().map(Self::Bool),
            IndexKind::Datetime => parse_datetime(value.as_str()?).map(Self::Datetime),
            IndexKind::Uuid => Self::uuid(value.as_str()?),
            IndexKind::Geo => Place::of(value).and_then(Self::place),
            IndexKind::Text => None,
        }
    }

    pub(super) fn keyword(text: &str) -> Option<Self> {
        (text.len() <= KEYWORD_BYTES_MAX).then(|| Self::Keyword(text.into()))
    }

    pub(super) fn float(number: f64) -> Self {
        Self::Float(Float::new(number))
    }

    pub(super) fn place(place: Place) -> Option<Self> {
        place.is_on_the_globe().then(|| Self::Geo {
            lat: Float::new(place.lat),
            lon: Float::new(place.lon),
        })
    }

    /// A UUID in the usual spelling: then its text and its number tell the same.
    pub(super) fn uuid(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        let usual = uuid
            .as_hyphenated()
            .encode_lower(&mut Uuid::encode_buffer())
            == text;
        usual.then_some(Self::Uuid(uuid))
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Keyword(text) => size_of::<Self>() + text.len(),
            Self::Integer(_)
            | Self::Float(_)
            | Self::Bool(_)
            | Self::Datetime(_)
            | Self::Uuid(_)
            | Self::Geo { .. } => size_of::<Self>(),
        }
    }
}

/// A number, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Float(pub(super) f64);

impl Float {
    /// Zero has two signs, and one key.
    pub(super) fn new(number: f64) -> Self {
        Self(number + 0.0)
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Float {}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Longest keyword that is indexed. A longer text is prose; a filter that asks for it reads the
/// payloads that have one.
pub(super) const KEYWORD_BYTES_MAX: usize = 1024;
