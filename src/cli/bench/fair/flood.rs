//! The tenant that floods the node: as many requests at a time as it is let, over and over.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use reqwest::Method;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    COLD, Flood, Owner, POINTS, QUERY,
    bodies::{search, upsert},
};
use crate::{cli::bench::node::pause, clock::Stopwatch};

/// Floods for so long: how many requests were answered a second.
pub(super) async fn pour(
    flood: Flood,
    tenants: &[Owner],
    points: u64,
    duration: Duration,
) -> anyhow::Result<f64> {
    if flood == Flood::None {
        return Ok(0.0);
    }
    // Connections of this thread's own.
    let clients = tenants.iter().map(Owner::client);
    let clients = clients.collect::<anyhow::Result<Vec<_>>>()?;
    let room = Arc::new(Semaphore::new(flood.in_flight()));
    // Written ahead: a client that writes JSON would take the cores from the node.
    let bodies = bodies(flood, points)?;
    let mut bodies = bodies.iter().cycle();
    let (mut tasks, mut asked, mut answered) = (JoinSet::new(), 0_usize, 0_u64);
    let watch = Stopwatch::start();
    while watch.elapsed() < duration {
        let permit = Arc::clone(&room).acquire_owned().await?;
        let which = match flood {
            Flood::Cold => 2 + asked % (COLD - 1),
            Flood::None | Flood::Searches | Flood::Deep | Flood::Bulk => 1,
        };
        let client = clients.get(which).context("there is such a tenant")?;
        let body = bodies.next().context("a flood has bodies")?.clone();
        let request = match flood {
            Flood::Bulk => client.prepare(Method::PUT, &POINTS, Some(body))?,
            Flood::None | Flood::Searches | Flood::Deep | Flood::Cold => {
                client.prepare(Method::POST, &QUERY, Some(body))?
            }
        };
        let client = client.clone();
        tasks.spawn(async move {
            let answered = client.execute(request).await.is_ok();
            step_aside();
            drop(permit);
            answered
        });
        asked += 1;
        while let Some(done) = tasks.try_join_next() {
            answered += u64::from(done?);
        }
    }
    let seconds = watch.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let rate = answered as f64 / seconds;
    while tasks.join_next().await.is_some() {}
    Ok(rate)
}

/// Leaves the core to the node: a thread that doesn't may keep it until the kernel's next tick, 4 ms.
fn step_aside() {
    pause(Duration::from_micros(1));
}

/// What a flood sends, over and over.
fn bodies(flood: Flood, points: u64) -> anyhow::Result<Vec<Vec<u8>>> {
    let bodies = match flood {
        Flood::None => Ok(Vec::new()),
        Flood::Searches | Flood::Cold => (0..512).map(|number| search(number, 10)).collect(),
        Flood::Deep => (0..512).map(|number| search(number, 10_000)).collect(),
        Flood::Bulk => (0..16)
            .map(|batch| upsert(points + batch * 500, 500))
            .collect(),
    };
    Ok(bodies?)
}
