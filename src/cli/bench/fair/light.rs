//! The light tenant: it asks so often, at fixed times, whatever has been answered.

use std::{thread, time::Duration};

use reqwest::Method;
use tokio::{sync::mpsc::unbounded_channel, task::JoinSet};

use super::{Owner, QUERY, bodies::search};
use crate::{cli::bench::node::pause, clock::Stopwatch};

/// What a tenant was answered in a run.
#[derive(Default)]
pub(super) struct Answered {
    pub(super) took: Vec<Duration>,
    pub(super) failed: u64,
}

/// Each question is timed from when it was due, so waiting counts.
pub(super) async fn ask(light: &Owner, times: u64, rate: u32) -> anyhow::Result<Answered> {
    let light = light.client()?;
    let (tick, mut due) = unbounded_channel();
    // The runtime's own timers are a millisecond late, longer than an answer takes.
    thread::spawn(move || {
        for _ in 0..times {
            pause(Duration::from_secs(1) / rate);
            if tick.send(Stopwatch::start()).is_err() {
                break;
            }
        }
    });
    let (mut asked, mut tasks) = (0, JoinSet::new());
    while let Some(watch) = due.recv().await {
        let request = light.prepare(Method::POST, &QUERY, Some(search(asked, 10)?))?;
        let client = light.clone();
        tasks.spawn(async move {
            let done = client.execute(request).await;
            done.is_ok().then(|| watch.elapsed())
        });
        asked += 1;
    }
    let mut answered = Answered::default();
    while let Some(done) = tasks.join_next().await {
        match done? {
            Some(took) => answered.took.push(took),
            None => answered.failed += 1,
        }
    }
    Ok(answered)
}
