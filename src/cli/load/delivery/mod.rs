//! *Sends batches, a few at a time, until the server has them.* Owns: what's in flight, what's been
//! acknowledged, and which failures are waited out.

#[cfg(test)]
mod tests;

use anyhow::anyhow;
use reqwest::Method;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::batch::Batch;
use super::collection::Target;
use super::progress::{Aside, Progress};
use super::reader::Step;
use crate::cli::client::{Client, ClientError};

pub(crate) struct Delivery<'a> {
    client: &'a Client,
    target: &'a mut Target,
    progress: &'a mut Progress,
    in_flight: JoinSet<anyhow::Result<Delivered>>,
    in_flight_max: usize,
    tally: Tally,
}

/// Rows so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Acknowledged by the server.
    pub(crate) rows: u64,
    pub(crate) skipped: u64,
}

struct Delivered {
    rows: u64,
    source_bytes: u64,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(
        client: &'a Client,
        in_flight_max: usize,
        target: &'a mut Target,
        progress: &'a mut Progress,
    ) -> Self {
        let (in_flight, tally) = (JoinSet::new(), Tally::default());
        Self {
            client,
            target,
            progress,
            in_flight,
            in_flight_max,
            tally,
        }
    }

    /// Delivers all that the reader tells. After an error, what's in flight is still waited for, so
    /// that the tally says what the server has.
    pub(crate) async fn run(
        &mut self,
        mut told: Receiver<anyhow::Result<Step>>,
    ) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while outcome.is_ok() {
            outcome = match told.recv().await {
                None => break,
                Some(Ok(Step::Batch(batch))) => self.start(batch).await,
                Some(Ok(Step::Skipped(reason))) => {
                    self.skip(&reason);
                    Ok(())
                }
                Some(Err(error)) => Err(error),
            };
        }
        while let Some(delivered) = self.in_flight.join_next().await {
            let settled = self.settle(delivered?);
            outcome = outcome.and(settled);
        }
        outcome
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    async fn start(&mut self, batch: Batch) -> anyhow::Result<()> {
        self.target.ready(self.client, batch.dimension).await?;
        if self.in_flight.len() >= self.in_flight_max
            && let Some(delivered) = self.in_flight.join_next().await
        {
            self.settle(delivered?)?;
        }
        let (client, collection) = (self.client.clone(), self.target.name().to_owned());
        let aside = self.progress.aside();
        self.in_flight
            .spawn(async move { deliver(&client, &collection, batch, &aside).await });
        Ok(())
    }

    fn settle(&mut self, delivered: anyhow::Result<Delivered>) -> anyhow::Result<()> {
        let Delivered { rows, source_bytes } = delivered?;
        self.tally.rows += rows;
        self.progress.advance(source_bytes, self.tally.rows);
        Ok(())
    }

    fn skip(&mut self, reason: &str) {
        self.tally.skipped += 1;
        let skipped = self.tally.skipped;
        if skipped <= SKIPPED_TOLD_MAX {
            self.progress.aside().tell(format!("left out: {reason}"));
        }
        if skipped == SKIPPED_TOLD_MAX {
            self.progress
                .aside()
                .tell("further bad rows are only counted");
        }
    }
}

async fn deliver(
    client: &Client,
    collection: &str,
    batch: Batch,
    aside: &Aside,
) -> anyhow::Result<Delivered> {
    let Batch {
        body,
        rows,
        source_bytes,
        first,
        last,
        ..
    } = batch;
    match send(client, collection, body, aside).await {
        Ok(()) => Ok(Delivered {
            rows: rows as u64,
            source_bytes,
        }),
        Err(error) => {
            Err(anyhow!(error).context(format!("{first} to {} weren't stored", last.number)))
        }
    }
}

async fn send(
    client: &Client,
    collection: &str,
    body: Vec<u8>,
    aside: &Aside,
) -> Result<(), ClientError> {
    let mut request = client.prepare(
        Method::PUT,
        &["collections", collection, "points"],
        Some(body),
    )?;
    request.url_mut().set_query(Some("wait=true"));
    let tell = |text| aside.tell(text);
    client.insist(request, tell).await.map(drop)
}

/// Enough to see what's wrong with a file; all of them would bury it.
const SKIPPED_TOLD_MAX: u64 = 10;
