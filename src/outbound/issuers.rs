//! Issuers' key sets: from a file, or from where the issuer publishes them.
//!
//! A set is fetched at the start, every five minutes, and when a token names a key that isn't known;
//! that twice at once and then once in thirty seconds, so that made-up tokens can't make the node
//! call anyone often. Until a set has come whole and can be used, the one of before is
//! (`it/tokens/fetched.rs`).

use std::{error::Error, path::PathBuf, sync::Weak, time::Duration};

use reqwest::{Client, StatusCode, Url};
use tokio::{task::JoinSet, time::sleep};

use super::client;
use crate::{access::Issuer, clock::Timestamp, engine::Engine};

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
    /// Where the issuer publishes them.
    Url(Published),
}

/// A URL of a key set: `https`, or `http` on this machine. Nothing that is secret is in it: it
/// stands in logs.
#[derive(Clone, Debug)]
pub struct Published(Url);

impl Published {
    /// Reads a URL. None for any other.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let plain = url.username().is_empty() && url.password().is_none();
        // As it was parsed: what a URL begins with isn't yet where it leads.
        let here = matches!(url.host_str()?, "127.0.0.1" | "[::1]" | "localhost");
        let safe = url.scheme() == "https" || (url.scheme() == "http" && here);
        (plain && safe).then_some(Self(url))
    }
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
    let name = followed.issuer.as_str();
    let mut before = Vec::new();
    let mut pace = Pace::new();
    loop {
        let Some(node) = engine.upgrade() else {
            return;
        };
        let due = match followed.source {
            KeySetSource::File(_) => true,
            KeySetSource::Url(_) => pace.is_due(node.now(), || is_wanted(&node, name)),
        };
        // A node that is to stop isn't held by an issuer that doesn't answer.
        drop(node);
        if due {
            match read(&http, &followed.source).await {
                Ok(set) => {
                    let Some(node) = engine.upgrade() else {
                        return;
                    };
                    if set != before {
                        take_up(&node, name, &set);
                        before = set;
                    }
                    // Whoever asked while it was fetched has been answered by it.
                    is_wanted(&node, name);
                }
                Err(error) => tracing::warn!(
                    issuer = name,
                    error,
                    "an issuer's keys can't be read; the ones of before stay in use"
                ),
            }
        }
        sleep(TICK).await;
    }
}

/// When a set is fetched: at first, every so often, and when a token asks for it, as far as calls
/// are left.
struct Pace {
    /// When it was fetched last.
    last: Option<Timestamp>,
    /// Calls that tokens may cause.
    calls_left: u32,
    /// Since when the next one is waited for.
    since: Timestamp,
}

impl Pace {
    const fn new() -> Self {
        Self {
            last: None,
            calls_left: CALLS_MAX,
            since: Timestamp(0),
        }
    }

    fn is_due(&mut self, now: Timestamp, wanted: impl FnOnce() -> bool) -> bool {
        self.refill(now);
        // A clock that was set back begins anew: times of before may be far off.
        let recent = |last: Timestamp| last <= now && now < last.plus(FETCH_EVERY);
        if self.last.is_some_and(recent) {
            if self.calls_left == 0 || !wanted() {
                return false;
            }
            self.calls_left -= 1;
        }
        self.last = Some(now);
        true
    }

    fn refill(&mut self, now: Timestamp) {
        if self.calls_left == CALLS_MAX || now < self.since {
            self.since = now;
        }
        while self.calls_left < CALLS_MAX && self.since.plus(CALL_EVERY) <= now {
            self.calls_left += 1;
            self.since = self.since.plus(CALL_EVERY);
        }
    }
}

/// Whether a token named a key of the issuer's that isn't known, since this was asked before.
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
        KeySetSource::Url(Published(url)) => fetch(http, url).await,
    }
}

async fn fetch(http: &Client, url: &Url) -> Result<Vec<u8>, String> {
    let mut answer = http.get(url.clone()).send().await.map_err(told)?;
    // A redirect is no error to the client, and has a body too.
    match answer.status() {
        StatusCode::OK => {}
        status if status.is_redirection() => {
            return Err(format!(
                "{url} answered {status}; redirects aren't followed: name the place that it leads to"
            ));
        }
        status => return Err(format!("{url} answered {status}")),
    }
    let mut set = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(told)? {
        if set.len() + piece.len() > SET_BYTES_MAX {
            return Err(too_long());
        }
        set.extend_from_slice(&piece);
    }
    Ok(set)
}

/// An error with what lies underneath: by itself it says only that there was one.
fn told(error: reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn too_long() -> String {
    format!("the key set is longer than {SET_BYTES_MAX} bytes")
}

/// Longest key set.
const SET_BYTES_MAX: usize = 256 << 10;
/// How often it is looked whether a set is to be read.
const TICK: Duration = Duration::from_secs(1);
/// How often a set is fetched anyway.
const FETCH_EVERY: Duration = Duration::from_secs(300);
/// Time until one more call for an unknown key is allowed, of so many at once.
const CALL_EVERY: Duration = Duration::from_secs(30);
const CALLS_MAX: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp((1_000_000 + seconds) * 1000)
    }

    #[test]
    fn tokens_cause_two_calls_at_once_and_then_one_every_thirty_seconds() {
        let mut pace = Pace::new();
        // Asked for all the time.
        let calls: Vec<u64> = (0..=600)
            .filter(|second| pace.is_due(at(*second), || true))
            .collect();
        let expected: Vec<u64> = [0, 1, 2]
            .into_iter()
            .chain((31..=600).step_by(30))
            .collect();
        assert_eq!(calls, expected);
    }

    #[test]
    fn nobody_asking_it_is_fetched_every_five_minutes() {
        let mut pace = Pace::new();
        let due: Vec<u64> = (0..=900)
            .filter(|second| pace.is_due(at(*second), || false))
            .collect();
        assert_eq!(due, [0, 300, 600, 900]);
        // Far ahead, and then set back: at once, and in five minutes again.
        for (second, is_due) in [
            (90_000, true),
            (90_001, false),
            (10, true),
            (11, false),
            (310, true),
        ] {
            assert_eq!(pace.is_due(at(second), || false), is_due, "{second}");
        }
    }

    #[test]
    fn a_key_set_is_fetched_in_plain_from_this_machine_alone() {
        for url in [
            "https://idp.example/jwks.json",
            "https://10.0.0.1:8443/keys?v=1",
            "http://127.0.0.1:8080/jwks.json",
            "http://localhost/",
            "http://[::1]:80/",
            "HTTP://LOCALHOST/jwks",
        ] {
            assert!(Published::parse(url).is_some(), "{url}");
        }
        for url in [
            "http://idp.example/",
            "http://127.0.0.1.evil.example/",
            // A name and a password before the host that it leads to.
            "http://127.0.0.1:80@evil.example/",
            "http://localhost:x@evil.example/",
            "https://name:password@idp.example/",
            "http://10.0.0.1/",
            "http://127.0.0.2@127.0.0.1/",
            "ftp://127.0.0.1/",
            "file:///etc/jwks.json",
            "https://",
            "idp.example/jwks.json",
            "",
        ] {
            assert!(Published::parse(url).is_none(), "{url}");
        }
    }
}
