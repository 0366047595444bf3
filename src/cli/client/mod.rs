//! *Speaks HTTP to a Locule server.* Owns: the address and key a command was given, how requests
//! are made from them, whose certificates are believed, and (in `error`) what a refusal means for the person at the keyboard.
//!
//! **Invariant:** the key goes to the address that was given and nowhere else: no redirects are
//! followed.
//! **Invariant:** a key is never printed: not in `Debug`, not in an error, not in `--help`.
//!
//! Called by: every client command.

mod connection;
mod error;
#[cfg(test)]
mod tests;
mod transfer;

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, Request, Url};
use serde_json::Value;

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

    /// Asks for a page of a list of the control plane; `after` is where the page before it ended.
    pub(crate) async fn ask_page(
        &self,
        path: &[&str],
        after: Option<&str>,
    ) -> Result<Value, ClientError> {
        let mut request = self.prepare(Method::GET, path, None)?;
        if let Some(after) = after {
            request
                .url_mut()
                .query_pairs_mut()
                .append_pair("after", after);
        }
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
        let wait = seconds.to_string();
        request
            .url_mut()
            .query_pairs_mut()
            .append_pair("wait", &wait);
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

/// A server on the same network answers a connect within milliseconds; past this it isn't there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The slowest honest answer is an upsert of the largest body that waits for the disk.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);
