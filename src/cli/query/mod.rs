//! *`locule query`: nearest neighbours of a vector, or of a file of them with known answers.*
//!
//! Called by: `cli`.

mod show;

use std::path::PathBuf;

use anyhow::Context;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client::Client;
use super::output::{self, Format};
use super::question::{self, Question, Selection};
use crate::tenant::PointId;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The collection to search.
    #[arg(long, value_name = "NAME")]
    collection: String,
    #[command(flatten)]
    source: Source,
    /// With --queries: the column that says which tenant asks.
    #[arg(long, value_name = "NAME", default_value = "tenant")]
    tenant_column: String,
    /// With --queries: only this tenant's queries, the one whose key is used.
    #[arg(long, value_name = "NAME", requires = "queries")]
    tenant: Option<String>,
    /// With --queries: only the first N.
    #[arg(long, value_name = "N", requires = "queries")]
    count: Option<usize>,
    /// How many neighbours to ask for.
    #[arg(long, value_name = "K", default_value_t = 10)]
    limit: usize,
    /// Compare with every point instead of following the index.
    #[arg(long)]
    exact: bool,
    /// How widely to search the index: more finds more and takes longer.
    #[arg(long, value_name = "N")]
    hnsw_ef: Option<usize>,
    /// Only points that match, as JSON in Qdrant's filter language:
    /// {"must":[{"key":"lang","match":{"value":"en"}}]}
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The vector to look around, as a JSON list of numbers.
    #[arg(long, value_name = "[..]")]
    vector: Option<String>,
    /// A JSON file with the vector.
    #[arg(long, value_name = "FILE")]
    vector_file: Option<PathBuf>,
    /// A Parquet file of queries: a column `vector` and, if there, `text` and `answer` (the id that
    /// should be found).
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
}

/// A query as the wire has it.
#[derive(Serialize)]
pub(crate) struct Query<'a> {
    pub(crate) query: &'a [f32],
    pub(crate) limit: usize,
    pub(crate) with_payload: bool,
    pub(crate) params: Params,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<&'a Value>,
}

#[derive(Default, Serialize)]
pub(crate) struct Params {
    pub(crate) exact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hnsw_ef: Option<usize>,
}

/// A neighbour.
#[derive(Serialize, Deserialize)]
struct Hit {
    id: PointId,
    score: f64,
    #[serde(default)]
    payload: Option<Map<String, Value>>,
}

/// A query and what came back.
#[derive(Serialize)]
struct Answered {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<PointId>,
    /// The rank at which the known answer came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<usize>,
    points: Vec<Hit>,
}

#[derive(Serialize)]
struct Report {
    queries: Vec<Answered>,
    /// Queries whose answer is known.
    known: usize,
    /// Known answers that came back.
    found: usize,
}

pub(crate) async fn run(client: &Client, arguments: Arguments) -> anyhow::Result<()> {
    let filter = arguments
        .filter
        .as_deref()
        .map(serde_json::from_str::<Value>)
        .transpose();
    let filter = filter.context("--filter isn't JSON")?;
    let questions = arguments.questions()?;
    let total = questions.len();
    let mut report = Report {
        queries: Vec::with_capacity(total),
        known: 0,
        found: 0,
    };
    for question in questions {
        let answered = arguments.ask(client, question, filter.as_ref()).await?;
        report.known += usize::from(answered.answer.is_some());
        report.found += usize::from(answered.rank.is_some());
        if !arguments.format.is_json() {
            show::answered(&answered, report.queries.len() + 1, total)?;
        }
        report.queries.push(answered);
    }
    if arguments.format.is_json() {
        return output::json(&report);
    }
    if report.known > 0 {
        let (found, known) = (report.found, report.known);
        let percent = 100.0 * share(found, known);
        output::line(format!(
            "known answers in the first {}: {found} of {known} ({percent:.1} %)",
            arguments.limit
        ))?;
    }
    Ok(())
}

impl Arguments {
    fn questions(&self) -> anyhow::Result<Vec<Question>> {
        if let Some(file) = &self.source.queries {
            let questions = Selection {
                file: file.clone(),
                tenant_column: self.tenant_column.clone(),
                tenant: self.tenant.clone(),
                count: self.count,
            };
            let questions = questions.read()?;
            let tenants: Vec<&str> = question::tenants(&questions).into_iter().collect();
            anyhow::ensure!(
                tenants.len() < 2 || self.tenant.is_some(),
                "{} has queries of several tenants ({}), and a key opens one: say whose with --tenant",
                file.display(),
                tenants.join(", ")
            );
            return Ok(questions);
        }
        let vector = match (&self.source.vector, &self.source.vector_file) {
            (Some(text), _) => question::vector_of(text).context("--vector")?,
            (None, Some(path)) => question::vector_in(path)?,
            (None, None) => anyhow::bail!("one of --vector, --vector-file and --queries is needed"),
        };
        Ok(vec![Question {
            tenant: None,
            text: None,
            vector,
            answer: None,
        }])
    }

    async fn ask(
        &self,
        client: &Client,
        question: Question,
        filter: Option<&Value>,
    ) -> anyhow::Result<Answered> {
        let body = Query {
            query: &question.vector,
            limit: self.limit,
            with_payload: true,
            params: Params {
                exact: self.exact,
                hnsw_ef: self.hnsw_ef,
            },
            filter,
        };
        let path = ["collections", &self.collection, "points", "query"];
        let body = serde_json::to_vec(&body)?;
        let mut result = client.ask_data(Method::POST, &path, Some(body)).await?;
        let points = result.get_mut("points").map_or(Value::Null, Value::take);
        let points: Vec<Hit> = serde_json::from_value(points)
            .context("the answer isn't a list of points: is it a Locule server?")?;
        let rank = question
            .answer
            .and_then(|answer| points.iter().position(|hit| hit.id == answer));
        Ok(Answered {
            text: question.text,
            answer: question.answer,
            rank: rank.map(|place| place + 1),
            points,
        })
    }
}

/// A part of a whole, between 0 and 1.
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
