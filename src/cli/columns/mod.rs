//! *Reads the columns of a Parquet file as what the wire needs: ids, vectors and payload values.*
//! Owns: which column types are understood, and the names in the messages when one isn't there.
//!
//! The Arrow schema that some writers embed is left aside: then every writer's strings, lists,
//! dictionaries and timestamps arrive in the one form that Parquet itself has for them, and there's
//! one way to read each.
//! **Invariant:** a file is read a few hundred rows at a time, never whole.
//!
//! Called by: `load`, `question`.

mod cell;
mod id;
#[cfg(test)]
pub(crate) mod tests;
mod vector;

use std::fs::File;
use std::path::Path;

use anyhow::{Context, bail};
use arrow_schema::{Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

pub(crate) use cell::Cell;
pub(crate) use id::{id, is_id};
pub(crate) use vector::{checked, is_vector, vector};

/// A Parquet file whose schema has been read, and none of its rows.
pub(crate) type Table = ParquetRecordBatchReaderBuilder<File>;

pub(crate) fn open(path: &Path) -> anyhow::Result<Table> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("can't open {name}"))?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let table = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .with_context(|| format!("{name} isn't a Parquet file that can be read"))?;
    Ok(table.with_batch_size(ROWS_AT_ONCE))
}

/// The place of a column that has to be there and of a type that fits.
pub(crate) fn find(
    schema: &Schema,
    name: &str,
    fits: impl Fn(&Field) -> bool,
    wanted: &str,
) -> anyhow::Result<usize> {
    let Some((place, field)) = schema.column_with_name(name) else {
        bail!(
            "there's no column `{name}`; the columns are {}",
            names(schema)
        );
    };
    if !fits(field) {
        bail!("column `{name}` is {}, not {wanted}", field.data_type());
    }
    Ok(place)
}

/// The columns of a file, as a message lists them.
pub(crate) fn names(schema: &Schema) -> String {
    let names: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| format!("`{}`", field.name()))
        .collect();
    names.join(", ")
}

/// At the largest vectors (65,536 numbers) this is 64 MiB; at usual sizes less than one.
const ROWS_AT_ONCE: usize = 256;
