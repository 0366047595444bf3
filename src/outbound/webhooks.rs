//! Sends what webhooks are to be told.

use std::{sync::Weak, time::Duration};

use ipnet::IpNet;
use reqwest::{Client, Url, header::CONTENT_TYPE};
use tokio::{task::JoinSet, time::sleep};

use super::{client, guard::Guard};
use crate::engine::{Due, Engine};

pub(super) async fn deliver(engine: Weak<Engine>, allowed: &[IpNet]) {
    let guard = Guard::new(allowed);
    let http = match client().dns_resolver(guard.clone()).build() {
        Ok(http) => http,
        Err(error) => {
            tracing::error!(%error, "webhooks can't be told of anything");
            return;
        }
    };
    let mut sending = JoinSet::new();
    loop {
        let Some(node) = engine.upgrade() else {
            return;
        };
        while sending.try_join_next().is_some() {}
        let room = AT_ONCE.saturating_sub(sending.len());
        // A place in a list of what is due: no disk, and no wait.
        for due in node.due(room) {
            let (http, guard, engine) = (http.clone(), guard.clone(), engine.clone());
            sending.spawn(async move {
                let outcome = send(&http, &guard, &due).await;
                if let Some(engine) = engine.upgrade() {
                    // Storing it waits for the disk.
                    let noted = tokio::task::spawn_blocking(move || {
                        engine.attempted(due.id, outcome);
                    });
                    drop(noted.await);
                }
            });
        }
        drop(node);
        sleep(LOOK_EVERY).await;
    }
}

/// Sends one message. What comes back is looked at no further than its status.
async fn send(http: &Client, guard: &Guard, due: &Due) -> Result<(), String> {
    let url = Url::parse(&due.url).map_err(|_| "its URL can't be read".to_owned())?;
    guard.judge(&url)?;
    let sent = http
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &due.message_id)
        .header("webhook-timestamp", &due.timestamp)
        .header("webhook-signature", &due.signature)
        .body(due.body.clone())
        .send()
        .await;
    match sent {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("it answered {}", answer.status().as_u16())),
        Err(error) => Err(told(&error)),
    }
}

/// What went wrong, in few words: what an address answered says nothing more to whoever named it.
fn told(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "it didn't answer in time"
    } else if error.is_connect() {
        "it can't be connected to, or leads into a private network"
    } else {
        "the connection broke"
    };
    what.to_owned()
}

/// Messages that are under way at once.
const AT_ONCE: usize = 16;
const LOOK_EVERY: Duration = Duration::from_millis(200);
