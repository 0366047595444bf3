//! *One point on its way from a file to the server*, and where in the file it came from.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::tenant::PointId;

/// A point, as an upsert's body has it.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) id: PointId,
    pub(crate) vector: Vec<f32>,
    /// A JSON object, already written: nothing between file and server needs to look into it.
    pub(crate) payload: Box<RawValue>,
}

/// What a file held at one place: a point, or why it isn't one.
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) row: anyhow::Result<Row>,
    /// How much of the file this took, for the progress bar.
    pub(crate) bytes: u64,
}

/// The records of one file, in order. An error of the iterator itself is the file's, and its end.
pub(crate) type Records = Box<dyn Iterator<Item = anyhow::Result<Record>> + Send>;

/// What the columns or fields of the files mean.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) id: IdFrom,
    pub(crate) vector: String,
    /// Left out of the payload.
    pub(crate) skipped: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum IdFrom {
    Column(String),
    /// The number of the row, counted from 1 through all files in their order.
    Row,
}

/// What to do about a file without the id's column. It isn't numbered unasked: files that come in
/// another order the next time would then double their points.
pub(crate) const NO_ID_ADVICE: &str =
    "--id-column names the one of the ids, --id-from-row numbers the points by row instead";

/// A line or row of a file, counted from 1.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) unit: &'static str,
    pub(crate) number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.file, self.unit, self.number)
    }
}
