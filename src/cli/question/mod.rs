//! *A file of queries with known answers*: Parquet, with a column `vector` and, where there are
//! any, `text` (what was asked), `answer` (the id that should come back) and one that says which
//! tenant asks.
//!
//! Called by: `query`, `bench`.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};

use super::columns;
use crate::tenant::PointId;

#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) tenant: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) vector: Vec<f32>,
    pub(crate) answer: Option<PointId>,
}

/// Which questions of a file to read.
pub(crate) struct Selection {
    pub(crate) file: PathBuf,
    pub(crate) tenant_column: String,
    /// Only this tenant's.
    pub(crate) tenant: Option<String>,
    /// Only so many, from the start.
    pub(crate) count: Option<usize>,
}

impl Selection {
    pub(crate) fn read(&self) -> anyhow::Result<Vec<Question>> {
        let questions = self
            .find()
            .with_context(|| self.file.display().to_string())?;
        let whose = self
            .tenant
            .as_deref()
            .map(|tenant| format!(" of tenant `{tenant}`"));
        anyhow::ensure!(
            !questions.is_empty(),
            "{} holds no queries{}",
            self.file.display(),
            whose.unwrap_or_default()
        );
        Ok(questions)
    }

    fn find(&self) -> anyhow::Result<Vec<Question>> {
        let table = columns::open(&self.file)?;
        self.check(table.schema())?;
        let mut questions = Vec::new();
        let mut rows_before = 0;
        for batch in table.build()? {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                if self.count.is_some_and(|count| questions.len() >= count) {
                    return Ok(questions);
                }
                let number = rows_before + row + 1;
                let question = self
                    .question(&batch, row)
                    .with_context(|| format!("row {number}"))?;
                if self.tenant.is_none() || question.tenant == self.tenant {
                    questions.push(question);
                }
            }
            rows_before += batch.num_rows();
        }
        Ok(questions)
    }

    fn check(&self, schema: &Schema) -> anyhow::Result<()> {
        columns::find(schema, "vector", columns::is_vector, "a list of floats")?;
        for (name, is_needed) in [
            ("text", false),
            (&self.tenant_column, self.tenant.is_some()),
        ] {
            if is_needed || schema.column_with_name(name).is_some() {
                let is_text = |field: &arrow_schema::Field| *field.data_type() == DataType::Utf8;
                columns::find(schema, name, is_text, "strings")?;
            }
        }
        if schema.column_with_name("answer").is_some() {
            columns::find(schema, "answer", columns::is_id, "point ids")?;
        }
        Ok(())
    }

    fn question(&self, batch: &RecordBatch, row: usize) -> anyhow::Result<Question> {
        let present = |name: &str| {
            batch
                .column_by_name(name)
                .filter(|column| column.is_valid(row))
        };
        let text = |name| {
            present(name)
                .and_then(|column| column.as_string_opt::<i32>())
                .map(|column| column.value(row).to_owned())
        };
        let vector = batch
            .column_by_name("vector")
            .context("there's no column `vector`")?;
        Ok(Question {
            tenant: text(&self.tenant_column),
            text: text("text"),
            vector: columns::vector(vector, row)?,
            answer: present("answer")
                .map(|column| columns::id(column, row))
                .transpose()?,
        })
    }
}

/// The tenants that ask, in order.
pub(crate) fn tenants(questions: &[Question]) -> BTreeSet<&str> {
    questions
        .iter()
        .filter_map(|question| question.tenant.as_deref())
        .collect()
}

/// The vector in a JSON file: a list of numbers.
pub(crate) fn vector_in(path: &Path) -> anyhow::Result<Vec<f32>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {name}"))?;
    vector_of(&text).with_context(|| name.to_string())
}

/// The vector in a JSON text.
pub(crate) fn vector_of(text: &str) -> anyhow::Result<Vec<f32>> {
    let vector = serde_json::from_str(text)
        .context("a vector is a JSON list of numbers, like [0.1, 0.2]")?;
    columns::checked(vector)
}
