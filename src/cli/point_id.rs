//! *A point's id as the wire has it: a whole number or a UUID.*

use std::fmt;

use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum PointId {
    Number(u64),
    Uuid(Uuid),
}

impl PointId {
    /// Reads a string id. A number in quotes isn't one: clients would see it come back as another
    /// type.
    pub(crate) fn from_text(text: &str) -> anyhow::Result<Self> {
        Uuid::try_parse(text)
            .map(Self::Uuid)
            .map_err(|_| refused(text))
    }

    /// Reads an id that is a JSON value.
    pub(crate) fn from_json(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text).map_err(|_| refused(text))
    }
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Uuid(uuid) => uuid.fmt(f),
        }
    }
}

/// Why an id was refused, and the way out.
pub(crate) fn refused(id: impl fmt::Display) -> anyhow::Error {
    anyhow!(
        "the id {id} is neither a whole number (0 or above) nor a UUID; --id-from-row numbers the points by row and keeps \
         such ids in the payload"
    )
}
