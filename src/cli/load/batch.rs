//! *Gathers points into the body of an upsert.* Each is written once, straight into the bytes that
//! are sent.

use super::row::{Place, Row};

/// The body of one upsert, and what's in it.
pub(crate) struct Batch {
    pub(crate) body: Vec<u8>,
    pub(crate) rows: usize,
    pub(crate) source_bytes: u64,
    pub(crate) dimension: usize,
    pub(crate) first: Place,
    pub(crate) last: Place,
}

impl Batch {
    pub(crate) fn start(row: &Row, place: Place, source_bytes: u64) -> anyhow::Result<Self> {
        let mut batch = Self {
            body: br#"{"points":["#.to_vec(),
            rows: 0,
            source_bytes: 0,
            dimension: row.vector.len(),
            first: place.clone(),
            last: place.clone(),
        };
        batch.push(row, place, source_bytes)?;
        Ok(batch)
    }

    pub(crate) fn push(
        &mut self,
        row: &Row,
        place: Place,
        source_bytes: u64,
    ) -> anyhow::Result<()> {
        if self.rows > 0 {
            self.body.push(b',');
        }
        serde_json::to_writer(&mut self.body, row)?;
        self.rows += 1;
        self.source_bytes += source_bytes;
        self.last = place;
        Ok(())
    }

    pub(crate) fn is_full(&self, rows_max: usize) -> bool {
        self.rows >= rows_max || self.body.len() >= BODY_BYTES_FULL
    }

    pub(crate) fn finish(mut self) -> Self {
        self.body.extend_from_slice(b"]}");
        self
    }
}

/// Half of what the server takes: the row that crosses this line still fits, unless it's as large
/// as all the others.
const BODY_BYTES_FULL: usize = 16 << 20;
