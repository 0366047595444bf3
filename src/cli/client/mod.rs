//! *Speaks HTTP to a Locule server.* Owns: the address and key a command was given, how requests
//! are made from them, whose certificates are believed, and (in `error`) what a refusal means for the person at the keyboard.
//!
//! **Invariant:** the key goes to the address that was given and nowhere else: no redirects are
//! followed.
//! **Invariant:** a key is never printed: not in `Debug`, not in an error, not in `--help`.
//!
//! Called by: every client command.

mod backoff;
mod connection;
mod error;
#[cfg(test)]
mod tests;
mod transfer;

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, Request, Url};
use serde_json::{Map, Value};

pub(crate) use connection::{ApiKey, Connection};
pub(crate) use error::ClientError;

/// A server's address, a key, and the connections kept open to it. Clones share the connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    key: Option<HeaderValue>,
}

impl Client {
    pub(crate) fn new(connection: &Connection) -> Result<Self, ClientError> {
        let url = connection.address()?;
        let mut http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT);
        if connection::is_loopback(&url) {
            // A proxy set for the outside world can't reach this machine's own loopback address.
            http = http.no_proxy();
        }
        let http = connection.trusting(http)?.build();
        let http = http.map_err(ClientError::Setup)?;
        let key = connection.key().map(ApiKey::header).transpose()?;
        Ok(Self { http, url, key })
    }

    /// The same connections, speaking as someone else.
    pub(crate) fn speaking_as(&self, key: &ApiKey) -> Result<Self, ClientError> {
        Ok(Self {
            key: Some(key.header()?),
            ..self.clone()
        })
    }

    /// Asks for something of the control plane. An empty answer is `null`.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let request = self.prepare(method, path, body.map(|body| body.to_string().into_bytes()))?;
        self.read(request).await
    }

    /// Asks for something that takes its time, to be answered once it is done or the seconds are over.
    pub(crate) async fn ask_waiting(
        &self,
        path: &[&str],
        body: &Value,
        seconds: u64,
    ) -> Result<Value, ClientError> {
        let body = body.to_string().into_bytes();
        let mut request = self.prepare(Method::POST, path, Some(body))?;
        parameter(&mut request, "wait", &seconds.to_string());
        self.read(request).await
    }

    /// Asks for something of the data plane, and takes the result out of its envelope.
    pub(crate) async fn ask_data(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Vec<u8>>,
    ) -> Result<Value, ClientError> {
        let mut envelope = self.read(self.prepare(method, path, body)?).await?;
        Ok(envelope.get_mut("result").map_or(Value::Null, Value::take))
    }

    /// A request that can be sent many times over: its body is shared, not copied.
    pub(crate) fn prepare(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Vec<u8>>,
    ) -> Result<Request, ClientError> {
        let mut request = self.http.request(method, self.at(path)?);
        if let Some(key) = &self.key {
            request = request.header("api-key", key.clone());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        request.build().map_err(ClientError::Setup)
    }

    /// Sends a prepared request and reads the whole answer.
    pub(crate) async fn execute(&self, request: Request) -> Result<Vec<u8>, ClientError> {
        let answer = self.send(request).await?;
        let body = answer.bytes().await.map_err(|error| self.broken(error))?;
        Ok(body.to_vec())
    }

    /// Sends a prepared request, again and again while what keeps it from succeeding may pass. Longer
    /// waits are told.
    pub(crate) async fn insist(
        &self,
        request: Request,
        tell: impl Fn(String),
    ) -> Result<Vec<u8>, ClientError> {
        let mut failed = 0;
        loop {
            // A body of bytes can always be sent again.
            let Some(again) = request.try_clone() else {
                return self.execute(request).await;
            };
            let error = match self.execute(again).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failed += 1;
            let delay = backoff::delay(failed, error.retry_after()).filter(|_| error.is_passing());
            let Some(delay) = delay else {
                return Err(error);
            };
            if delay >= DELAY_TOLD_MIN {
                tell(format!(
                    "trying again in {:.0} s: {error}",
                    delay.as_secs_f64()
                ));
            }
            tokio::time::sleep(delay).await;
        }
    }

    async fn read(&self, request: Request) -> Result<Value, ClientError> {
        let answer = self.execute(request).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|source| ClientError::Answer {
            url: self.url.to_string(),
            source,
        })
    }

    fn broken(&self, error: reqwest::Error) -> ClientError {
        ClientError::broken(self.url.to_string(), error)
    }

    fn at(&self, path: &[&str]) -> Result<Url, ClientError> {
        // A name of dots would climb out of its place in the path, and an empty one would name the
        // whole list.
        if let Some(name) = path.iter().find(|name| matches!(**name, "" | "." | "..")) {
            return Err(ClientError::Name {
                name: (*name).to_owned(),
            });
        }
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Ok(url)
    }
}

/// The fields of a body that were said; none if that is no field at all.
pub(crate) fn said<const N: usize>(
    fields: [(&str, Option<Value>); N],
) -> Option<Map<String, Value>> {
    let said = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Some(said.collect()).filter(|said: &Map<_, _>| !said.is_empty())
}

/// Adds a query parameter to a request.
pub(crate) fn parameter(request: &mut Request, name: &str, value: &str) {
    request.url_mut().query_pairs_mut().append_pair(name, value);
}

/// Waits below this pass unnoticed.
const DELAY_TOLD_MIN: Duration = Duration::from_secs(3);

/// A server on the same network answers a connect within milliseconds; past this it isn't there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The slowest honest answer is an upsert of the largest body that waits for the disk.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);
