use std::{ops::Index, sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Someone who sends requests with one key, or none.
#[derive(Clone)]
pub struct Actor {
    url: String,
    pub key: Option<String>,
    client: reqwest::Client,
    runtime: Arc<Runtime>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// The body as JSON; null if it isn't.
    pub body: Value,
}

impl Actor {
    pub fn new(url: &str, key: Option<&str>, runtime: &Arc<Runtime>) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWER_MAX)
            .build()
            .unwrap();
        Self::by(client, url, key, runtime)
    }

    pub fn by(
        client: reqwest::Client,
        url: &str,
        key: Option<&str>,
        runtime: &Arc<Runtime>,
    ) -> Self {
        Self {
            url: url.to_owned(),
            key: key.map(str::to_owned),
            client,
            runtime: Arc::clone(runtime),
        }
    }

    /// The same, from another address of this machine.
    pub fn at_address(&self, ip: std::net::IpAddr) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_MAX);
        Self {
            client: client.local_address(ip).build().unwrap(),
            ..self.clone()
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None)
    }

    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, &[], Some(body.to_string().into_bytes()))
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body.to_string().into_bytes()))
    }

    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(
            Method::PATCH,
            path,
            &[],
            Some(body.to_string().into_bytes()),
        )
    }

    /// Any method, extra headers, any bytes.
    pub fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("api-key", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let text = response.text().await.unwrap();
            let body = serde_json::from_str(&text).unwrap_or_default();
            Answer {
                status,
                headers,
                text,
                body,
            }
        })
    }

    /// The bytes of an answer, which must be 200.
    pub fn download(&self, path: &str) -> Vec<u8> {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("api-key", key);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200);
            response.bytes().await.unwrap().to_vec()
        })
    }

    /// What came to such an outcome, by its tenant's audit log: what was asked, and who asked.
    pub fn recorded(&self, outcome: &str) -> Vec<(String, String)> {
        let answer = self.get("/v1/audit?limit=10000");
        assert_eq!(answer.status, 200, "{}", answer.text);
        let lines = answer.text.lines();
        let entries = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let such = entries.filter(|entry| entry["outcome"] == outcome);
        let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        such.map(|entry| (word(&entry, "action"), word(&entry, "key_id")))
            .collect()
    }

    /// Makes a collection of the default vector.
    pub fn create_collection(&self, name: &str, size: usize, distance: &str) {
        let body = json!({"vectors": {"size": size, "distance": distance}});
        self.put(&format!("/collections/{name}"), body).expect(200);
    }

    /// Stores one point.
    pub fn put_point(
        &self,
        collection: &str,
        id: impl Into<Value>,
        vector: &[f32],
        payload: Value,
    ) {
        let point = json!({"id": id.into(), "vector": vector, "payload": payload});
        let path = format!("/collections/{collection}/points?wait=true");
        self.put(&path, json!({"points": [point]})).expect(200);
    }

    /// Asks for neighbours, with payloads: the points, nearest first.
    pub fn query(&self, collection: &str, vector: &[f32], limit: usize) -> Vec<Value> {
        let body = json!({"query": vector, "limit": limit, "with_payload": true});
        let answer = self.post(&format!("/collections/{collection}/points/query"), body);
        answer.expect(200)["result"]["points"]
            .as_array()
            .unwrap()
            .clone()
    }
}

impl Answer {
    /// The body, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// What a refusal says, in either plane's shape.
    pub fn message(&self) -> &str {
        let qdrant = self.body["status"]["error"].as_str();
        qdrant
            .or_else(|| self.body["detail"].as_str())
            .unwrap_or_default()
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.body[field]
    }
}

/// Whoever waits longer waits for ever.
const ANSWER_MAX: Duration = Duration::from_secs(120);
