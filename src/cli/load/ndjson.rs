//! *Reads points from NDJSON, one object a line.* Either `{"id", "vector", "payload": {..}}` or
//! flat, where every other field is payload. Payload is passed on as it was written, so numbers
//! keep all their digits.
//!
//! **Invariant:** one line is held at a time, and no line longer than the server would take.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use serde_json::value::{RawValue, to_raw_value};

use super::row::{IdFrom, Layout, NO_ID_ADVICE, Place, Record, Records, Row};
use crate::cli::columns;
use crate::{cli::point_id, tenant::PointId};

/// The records of a file; `rows_before` rows were in the files before it.
pub(crate) fn records(
    file: Arc<str>,
    mut source: Box<dyn BufRead + Send>,
    layout: Layout,
    rows_before: u64,
) -> Records {
    let (mut number, mut position) = (0, rows_before);
    let mut line = Vec::new();
    Box::new(std::iter::from_fn(move || {
        loop {
            number += 1;
            let place = Place {
                file: file.clone(),
                unit: "line",
                number,
            };
            match next_line(&mut source, &mut line).with_context(|| place.to_string()) {
                Err(error) => return Some(Err(error)),
                Ok(0) => return None,
                Ok(bytes) => {
                    let text = line
                        .strip_prefix(BYTE_ORDER_MARK)
                        .unwrap_or(&line)
                        .trim_ascii();
                    if !text.is_empty() {
                        position += 1;
                        let row = parse(text, &layout, position);
                        return Some(Ok(Record { place, row, bytes }));
                    }
                }
            }
        }
    }))
}

fn next_line(source: &mut dyn BufRead, line: &mut Vec<u8>) -> anyhow::Result<u64> {
    line.clear();
    let bytes = source.take(LINE_BYTES_MAX + 1).read_until(b'\n', line)? as u64;
    if bytes > LINE_BYTES_MAX {
        bail!(
            "the line is longer than {} MiB, the most the server takes",
            LINE_BYTES_MAX >> 20
        );
    }
    Ok(bytes)
}

/// Reads one line; `position` is the row's number through all files.
pub(super) fn parse(line: &[u8], layout: &Layout, position: u64) -> anyhow::Result<Row> {
    if line.first() == Some(&b'[') {
        bail!(
            "a JSON array begins here, but one object a line is wanted; `jq -c '.[]'` makes that of it"
        );
    }
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(line).context("it isn't a JSON object")?;
    let names: Vec<String> = fields.keys().map(|name| format!("`{name}`")).collect();
    let mut take = |name: &str| {
        fields.remove(name).with_context(|| {
            format!(
                "there's no field `{name}`; the fields are {}",
                names.join(", ")
            )
        })
    };
    let id = match &layout.id {
        IdFrom::Row => PointId::Number(position),
        IdFrom::Column(name) => {
            let id = take(name).map_err(|error| anyhow!("{error}; {NO_ID_ADVICE}"))?;
            point_id::from_json(id.get())?
        }
    };
    let vector = take(&layout.vector)?;
    let vector =
        serde_json::from_str(vector.get()).context("the vector isn't a list of numbers")?;
    fields.retain(|name, _| !layout.skipped.contains(name));
    Ok(Row {
        id,
        vector: columns::checked(vector)?,
        payload: payload(fields)?,
    })
}

fn payload(fields: BTreeMap<String, &RawValue>) -> anyhow::Result<Box<RawValue>> {
    if let Some(nested) = fields.get("payload") {
        let is_object = nested.get().starts_with('{');
        if is_object && fields.len() == 1 {
            return Ok((*nested).to_owned());
        }
        if is_object {
            let others: Vec<&str> = fields
                .keys()
                .map(String::as_str)
                .filter(|name| *name != "payload")
                .collect();
            bail!(
                "it has a `payload` and fields beside it ({}); put them into it",
                others.join(", ")
            );
        }
        if nested.get() == "null" && fields.len() == 1 {
            return Ok(to_raw_value(&BTreeMap::<&str, u8>::new())?);
        }
    }
    Ok(to_raw_value(&fields)?)
}

/// The server's limit on a request's body.
const LINE_BYTES_MAX: u64 = 32 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
