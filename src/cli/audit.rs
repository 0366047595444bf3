//! *`locule audit`: the audit log, as `locule verify audit` checks it*: a tenant's own for its owner or
//! auditor, the node's for its operator.
//!
//! Called by: `cli`.

use anyhow::Context;
use reqwest::{Method, Request};
use serde_json::Value;

use super::client::{Client, ClientError, parameter};
use super::output;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only entries with numbers above this, to go on where an earlier file ended.
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    /// The node's own log, for its operator: what operators did, and what was asked without a
    /// credential that is good.
    #[arg(long)]
    node: bool,
}

pub(crate) async fn run(client: &Client, arguments: Arguments) -> anyhow::Result<()> {
    let path: &[&str] = if arguments.node {
        &["v1", "node", "audit"]
    } else {
        &["v1", "audit"]
    };
    follow(client, path, arguments.after, output::json_lines).await
}

/// Tells page after page until the log ends.
async fn follow(
    client: &Client,
    path: &[&str],
    begin: u64,
    mut tell: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after = begin;
    loop {
        let request = page(client, path, after)?;
        let answer = if after == begin {
            client.execute(request).await?
        } else {
            // A tenant may have fewer requests a second than its log has pages.
            let answer = client.insist(request, output::notice).await;
            answer.with_context(|| {
                format!("the log isn't told to its end; `--after {after}` goes on from here")
            })?
        };
        let page = String::from_utf8(answer).context(NO_LOG)?;
        tell(&page)?;
        match end(&page)? {
            End::Checkpoint => return Ok(()),
            End::Entry(seq) => after = seq,
        }
    }
}

fn page(client: &Client, path: &[&str], after: u64) -> Result<Request, ClientError> {
    let mut request = client.prepare(Method::GET, path, None)?;
    parameter(&mut request, "after", &after.to_string());
    parameter(&mut request, "limit", ENTRIES);
    Ok(request)
}

/// How a page ends.
enum End {
    /// The log ends there, too.
    Checkpoint,
    /// With this entry. There are more.
    Entry(u64),
}

fn end(page: &str) -> anyhow::Result<End> {
    let last = page.lines().next_back().unwrap_or_default();
    let last: Value = serde_json::from_str(last).context(NO_LOG)?;
    if last.get("checkpoint").is_some() {
        return Ok(End::Checkpoint);
    }
    let seq = last.get("seq").and_then(Value::as_u64);
    Ok(End::Entry(seq.context(NO_LOG)?))
}

const NO_LOG: &str = "the server answered something that isn't a log: is it a Locule server?";

/// As many as the server gives at once.
const ENTRIES: &str = "10000";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::stub;

    async fn followed(
        answers: &'static [(&'static str, &'static str)],
    ) -> (anyhow::Result<()>, String, Vec<String>) {
        let (client, asked) = stub::serve(answers).await;
        let mut told = String::new();
        let ended = follow(&client, &["v1", "audit"], 5, |page| {
            told.push_str(page);
            Ok(())
        });
        let ended = ended.await;
        let asked = asked.lock().unwrap();
        let asked = asked.iter().map(|(line, _)| line.clone()).collect();
        (ended, told, asked)
    }

    #[tokio::test]
    async fn pages_are_followed_to_the_end_of_the_log() {
        let (ended, told, asked) = followed(&[
            ("200 OK", "{\"seq\":6}\n{\"seq\":7}\n"),
            ("429 Too Many Requests\r\nretry-after: 0", "{}"),
            ("200 OK", "{\"seq\":8}\n"),
            ("200 OK", "{\"checkpoint\":{\"seq\":8}}\n"),
        ])
        .await;
        ended.unwrap();
        assert_eq!(
            told,
            "{\"seq\":6}\n{\"seq\":7}\n{\"seq\":8}\n{\"checkpoint\":{\"seq\":8}}\n"
        );
        let page = |after| format!("GET /v1/audit?after={after}&limit=10000 HTTP/1.1");
        assert_eq!(asked, [page(5), page(7), page(7), page(8)]);
    }

    #[tokio::test]
    async fn a_log_that_isnt_told_to_its_end_says_where_to_go_on() {
        let (ended, told, _) = followed(&[
            ("200 OK", "{\"seq\":6}\n"),
            ("403 Forbidden", "{\"detail\":\"not any more\"}"),
        ])
        .await;
        assert!(format!("{:#}", ended.unwrap_err()).contains("`--after 6`"));
        assert_eq!(told, "{\"seq\":6}\n");
        let (ended, _, _) = followed(&[("200 OK", "")]).await;
        assert!(ended.is_err(), "an empty page might never end");
    }
}
