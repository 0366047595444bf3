//! *A query and its neighbours, for people.*

use serde_json::{Map, Value};

use super::Answered;
use crate::cli::output;

pub(super) fn answered(answered: &Answered, number: usize, total: usize) -> anyhow::Result<()> {
    if total > 1 || answered.text.is_some() {
        let text = answered
            .text
            .as_deref()
            .unwrap_or("(a vector without its text)");
        output::line(format!(
            "query {number} of {total}: {}",
            output::shortened(text, QUERY_CHARS_MAX)
        ))?;
    }
    if answered.points.is_empty() {
        output::line("nothing matches")?;
    } else {
        let rows: Vec<[String; 5]> = answered
            .points
            .iter()
            .enumerate()
            .map(|(place, hit)| {
                let is_answer = answered.answer == Some(hit.id);
                let rank = format!("{}{}", place + 1, if is_answer { " *" } else { "" });
                let (title, text) = words(hit.payload.as_ref());
                [
                    rank,
                    format!("{:.4}", hit.score),
                    hit.id.to_string(),
                    title,
                    text,
                ]
            })
            .collect();
        output::table(["rank", "score", "id", "title", "text"], &rows)?;
    }
    match (answered.answer, answered.rank) {
        (Some(answer), Some(rank)) => {
            output::line(format!("* the known answer {answer} is at rank {rank}"))?
        }
        (Some(answer), None) => {
            output::line(format!("the known answer {answer} didn't come back"))?
        }
        (None, _) => {}
    }
    output::line("")
}

/// The title of a point, and what else its payload says in words: `text` as it is, other strings
/// with their names.
fn words(payload: Option<&Map<String, Value>>) -> (String, String) {
    let Some(payload) = payload else {
        return ("-".to_owned(), "-".to_owned());
    };
    let title = payload.get("title").and_then(Value::as_str).unwrap_or("-");
    let text = payload
        .get("text")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let text = text.unwrap_or_else(|| {
        let others = payload.iter().filter(|(name, _)| *name != "title");
        let others: Vec<String> = others
            .filter_map(|(name, value)| value.as_str().map(|value| format!("{name}: {value}")))
            .collect();
        others.join("; ")
    });
    (
        output::shortened(title, TITLE_CHARS_MAX),
        output::shortened(&text, TEXT_CHARS_MAX),
    )
}

const QUERY_CHARS_MAX: usize = 160;
const TITLE_CHARS_MAX: usize = 32;
const TEXT_CHARS_MAX: usize = 72;
