//! *A closed loop over keep-alive connections*: each sends its next query when the last answer is
//! complete. The clock stops at the answer's last byte; reading it (which the recall needs) is
//! between two queries, as in a real client.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use reqwest::Request;
use serde::Deserialize;

use super::tally::Tally;
use crate::cli::client::Client;
use crate::clock::Stopwatch;
use crate::tenant::PointId;

/// A query as it's sent, over and over.
pub(super) struct Prepared {
    pub(super) request: Request,
    pub(super) answer: Option<PointId>,
}

/// Opens every connection, and wakes every tenant: a cold start is another measurement. A wrong key
/// shows here.
pub(super) async fn warm_up(clients: &[Client], first_of_each: &[Request]) -> anyhow::Result<()> {
    for (place, client) in clients.iter().enumerate() {
        // The first connection wakes all tenants; the others just open.
        let wanted = if place == 0 { first_of_each.len() } else { 1 };
        for request in first_of_each
            .iter()
            .take(wanted)
            .filter_map(Request::try_clone)
        {
            client
                .execute(request)
                .await
                .context("the first queries failed")?;
        }
    }
    Ok(())
}

pub(super) async fn ask_until(
    client: &Client,
    queries: &[Prepared],
    next: &AtomicUsize,
    watch: Stopwatch,
    duration: Duration,
) -> Tally {
    let mut tally = Tally::default();
    while watch.elapsed() < duration {
        let query = &queries[next.fetch_add(1, Ordering::Relaxed) % queries.len()];
        let Some(request) = query.request.try_clone() else {
            break;
        };
        let latency = Stopwatch::start();
        let answer = client.execute(request).await;
        let latency = latency.elapsed();
        match answer
            .map_err(anyhow::Error::from)
            .and_then(|answer| ids(&answer))
        {
            Ok(ids) => {
                tally.latencies.push(latency);
                tally.known += usize::from(query.answer.is_some());
                tally.found += usize::from(query.answer.is_some_and(|id| ids.contains(&id)));
            }
            Err(error) => {
                tally.errors += 1;
                tally.error.get_or_insert_with(|| format!("{error:#}"));
                // A server that's gone fails at once; without a pause this loop would only burn the
                // processor.
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }
    tally
}

fn ids(answer: &[u8]) -> anyhow::Result<Vec<PointId>> {
    #[derive(Deserialize)]
    struct Envelope {
        result: Points,
    }
    #[derive(Deserialize)]
    struct Points {
        points: Vec<Hit>,
    }
    #[derive(Deserialize)]
    struct Hit {
        id: PointId,
    }
    let envelope: Envelope =
        serde_json::from_slice(answer).context("the answer isn't a list of points")?;
    Ok(envelope
        .result
        .points
        .into_iter()
        .map(|hit| hit.id)
        .collect())
}

const ERROR_PAUSE: Duration = Duration::from_millis(5);
