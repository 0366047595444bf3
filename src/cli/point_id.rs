//! *Reading a point's id, with a message that tells the way out.*

use std::fmt;

use anyhow::anyhow;
use uuid::Uuid;

use crate::tenant::PointId;

/// Reads a string id. A number in quotes isn't one: clients would see it come back as another
/// type.
pub(crate) fn from_text(text: &str) -> anyhow::Result<PointId> {
    Uuid::try_parse(text)
        .map(PointId::Uuid)
        .map_err(|_| refused(text))
}

/// Reads an id that is a JSON value.
pub(crate) fn from_json(text: &str) -> anyhow::Result<PointId> {
    serde_json::from_str(text).map_err(|_| refused(text))
}

/// Why an id was refused, and the way out.
pub(crate) fn refused(id: impl fmt::Display) -> anyhow::Error {
    anyhow!(
        "the id {id} is neither a whole number (0 or above) nor a UUID; --id-from-row numbers the points by row and keeps \
         such ids in the payload"
    )
}
