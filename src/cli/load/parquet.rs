//! *Reads points from Parquet, one a row.* Every column but the id, the vector and the skipped ones
//! is payload; what's null is left out.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::arrow::ProjectionMask;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use super::row::{IdFrom, Layout, NO_ID_ADVICE, Place, Record, Records, Row};
use crate::cli::columns::{self, Cell};
use crate::tenant::PointId;

/// The records of a file; `rows_before` rows were in the files before it.
pub(crate) fn records(
    path: &Path,
    file: Arc<str>,
    layout: &Layout,
    rows_before: u64,
) -> anyhow::Result<Records> {
    let table = columns::open(path)?;
    let rows = u64::try_from(table.metadata().file_metadata().num_rows()).unwrap_or(0);
    let bytes = path.metadata().map_or(0, |metadata| metadata.len()) / rows.max(1);
    let kept = kept(table.schema(), layout).with_context(|| file.to_string())?;
    let mask = ProjectionMask::roots(table.parquet_schema(), kept);
    let batches = table
        .with_projection(mask)
        .build()
        .with_context(|| file.to_string())?;
    let layout = layout.clone();
    let mut number = 0;
    Ok(Box::new(batches.flat_map(move |batch| {
        let batch = match batch.with_context(|| format!("{file} is damaged after row {number}")) {
            Ok(batch) => batch,
            Err(error) => return vec![Err(error)],
        };
        let rows = (0..batch.num_rows()).map(|at| {
            number += 1;
            let place = Place {
                file: file.clone(),
                unit: "row",
                number,
            };
            Ok(Record {
                place,
                row: row(&batch, at, &layout, rows_before + number),
                bytes,
            })
        });
        rows.collect()
    })))
}

/// The columns to read, after making sure that all of them can be.
fn kept(schema: &Schema, layout: &Layout) -> anyhow::Result<Vec<usize>> {
    if let IdFrom::Column(name) = &layout.id {
        columns::find(schema, name, columns::is_id, "whole numbers or strings")
            .map_err(|error| anyhow!("{error}; {NO_ID_ADVICE}"))?;
    }
    columns::find(
        schema,
        &layout.vector,
        columns::is_vector,
        "a list of floats",
    )
    .map_err(|error| anyhow!("{error}; --vector-column names the one of the vectors"))?;
    let mut kept = Vec::new();
    for (place, field) in schema.fields().iter().enumerate() {
        let name = field.name();
        if layout.skipped.contains(name) {
            continue;
        }
        let special =
            *name == layout.vector || matches!(&layout.id, IdFrom::Column(id) if id == name);
        if !special && !Cell::understands(field.data_type()) {
            bail!(
                "column `{name}` is {}, which has no place in a payload; --skip-columns {name} leaves it out",
                field.data_type()
            );
        }
        kept.push(place);
    }
    Ok(kept)
}

fn row(batch: &RecordBatch, at: usize, layout: &Layout, position: u64) -> anyhow::Result<Row> {
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .with_context(|| format!("column `{name}` is gone"))
    };
    let (id, id_name) = match &layout.id {
        IdFrom::Row => (PointId::Number(position), None),
        IdFrom::Column(name) => (columns::id(column(name)?, at)?, Some(name)),
    };
    let vector = columns::vector(column(&layout.vector)?, at)?;
    let schema = batch.schema_ref();
    let mut json = serde_json::Serializer::new(Vec::new());
    let mut payload = json.serialize_map(None)?;
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let cell = Cell::new(column, at);
        let is_payload = *field.name() != layout.vector && Some(field.name()) != id_name;
        if is_payload && !cell.is_absent() {
            payload
                .serialize_entry(field.name(), &cell)
                .with_context(|| format!("column `{}`", field.name()))?;
        }
    }
    payload.end()?;
    let payload = RawValue::from_string(String::from_utf8(json.into_inner())?)?;
    Ok(Row {
        id,
        vector,
        payload,
    })
}
