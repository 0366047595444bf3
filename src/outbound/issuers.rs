//! Issuers' key sets: from a file, or from where the issuer publishes them.
//!
//! A set is fetched at the start, every five minutes, and when a token names a key that isn't known;
//! that at most twice a minute, so that made-up tokens can't make the node call anyone often.

use std::{path::PathBuf, sync::Weak, time::Duration};

use reqwest::Client;
use tokio::{task::JoinSet, time::sleep};

use super::client;
use crate::{access::Issuer, engine::Engine};

/// An issuer, by its name, and where its keys are.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The issuer's name.
    pub issuer: String,
    /// Where its keys are.
    pub source: KeySetSource,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub enum KeySetSource {
    /// In a file, which is looked at every second.
    File(PathBuf),
    /// Where the issuer publishes them: `https`, or `http` on this machine.
    Url(String),
}

pub(super) async fn follow(engine: Weak<Engine>, followed: Vec<Followed>) {
    let http = match client().build() {
        Ok(http) => http,
        Err(error) => {
            tracing::error!(%error, "issuers' keys can't be fetched");
            return;
        }
    };
    let mut all = JoinSet::new();
    for one in followed {
        all.spawn(follow_one(engine.clone(), http.clone(), one));
    }
    // Each ends with the engine.
    while all.join_next().await.is_some() {}
}

async fn follow_one(engine: Weak<Engine>, http: Client, followed: Followed) {
    let mut before = Vec::new();
    let mut calls_left = CALLS_MAX;
    loop {
        let read = read(&http, &followed.source).await;
        match read {
            Ok(set) if set == before => {}
            Ok(set) => {
                let Some(engine) = engine.upgrade() else {
                    return;
                };
                take_up(&engine, &followed.issuer, &set);
                before = set;
            }
            Err(error) => tracing::warn!(
                issuer = followed.issuer,
                error,
                "an issuer's keys can't be read; the ones of before stay in use"
            ),
        }
        let file = matches!(followed.source, KeySetSource::File(_));
        for tick in 1..=if file { 1 } else { TICKS_MAX } {
            sleep(TICK).await;
            let Some(engine) = engine.upgrade() else {
                return;
            };
            if tick % TICKS_A_CALL == 0 {
                calls_left = CALLS_MAX.min(calls_left + 1);
            }
            if calls_left > 0 && is_wanted(&engine, &followed.issuer) {
                calls_left -= 1;
                break;
            }
        }
    }
}

/// Whether a token named a key of the issuer's that isn't known.
fn is_wanted(engine: &Engine, issuer: &str) -> bool {
    let named = |known: &&Issuer| known.options().name == issuer;
    let tokens = engine.tokens().ok();
    let known = tokens.and_then(|tokens| tokens.issuers().iter().find(named));
    known.is_some_and(Issuer::take_wanted)
}

fn take_up(engine: &Engine, issuer: &str, set: &[u8]) {
    let Ok(tokens) = engine.tokens() else {
        return;
    };
    match tokens.take_up_keys(issuer, set) {
        Ok(keys) => tracing::info!(issuer, keys, "an issuer's keys are in use"),
        Err(error) => tracing::error!(
            issuer,
            %error,
            "an issuer's keys can't be used; the ones of before stay in use"
        ),
    }
}

async fn read(http: &Client, source: &KeySetSource) -> Result<Vec<u8>, String> {
    match source {
        KeySetSource::File(path) => {
            let length = tokio::fs::metadata(path).await;
            let length = length.map_err(|error| error.to_string())?.len();
            if length > SET_BYTES_MAX as u64 {
                return Err(too_long());
            }
            tokio::fs::read(path)
                .await
                .map_err(|error| error.to_string())
        }
        KeySetSource::Url(url) => fetch(http, url).await,
    }
}

async fn fetch(http: &Client, url: &str) -> Result<Vec<u8>, String> {
    let text = |error: reqwest::Error| error.to_string();
    let answer = http.get(url).send().await.map_err(text)?;
    let mut answer = answer.error_for_status().map_err(text)?;
    let mut set = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(text)? {
        if set.len() + piece.len() > SET_BYTES_MAX {
            return Err(too_long());
        }
        set.extend_from_slice(&piece);
    }
    Ok(set)
}

fn too_long() -> String {
    format!("the key set is longer than {SET_BYTES_MAX} bytes")
}

/// Longest key set.
const SET_BYTES_MAX: usize = 256 << 10;
const TICK: Duration = Duration::from_secs(1);
/// Seconds until a set is fetched again.
const TICKS_MAX: u32 = 300;
/// Seconds until one more call for an unknown key is allowed, of so many at once.
const TICKS_A_CALL: u32 = 30;
const CALLS_MAX: u32 = 2;
