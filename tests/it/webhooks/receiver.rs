//! Someone's server that hears of events, and answers as it was told to.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::Sha256;

#[derive(Clone, Debug)]
pub struct Heard {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether it is signed with a secret as Standard Webhooks has it.
    pub fn is_signed(&self, secret: &str) -> bool {
        let secret = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let signed = format!(
            "{}.{}.{}",
            self.headers["webhook-id"], self.headers["webhook-timestamp"], self.body
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(signed.as_bytes());
        let code = STANDARD.encode(mac.finalize().into_bytes());
        self.headers["webhook-signature"] == format!("v1,{code}")
    }
}

/// Listens until the test is over.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    answers: Arc<Mutex<VecDeque<String>>>,
}

impl Receiver {
    /// Answers with 204.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            heard: Arc::default(),
            answers: Arc::default(),
        };
        let shared = receiver.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                shared.hear(stream.unwrap());
            }
        });
        receiver
    }

    /// Answers the next so many requests with this instead.
    pub fn answer(&self, times: usize, head: &str) {
        let answers = std::iter::repeat_n(head.to_owned(), times);
        self.answers.lock().extend(answers);
    }

    fn hear(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length")?.parse().ok()?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        self.heard.lock().push(Heard {
            path,
            headers,
            body,
        });
        let head = self.answers.lock().pop_front();
        let head = head.unwrap_or_else(|| "204 No Content".to_owned());
        let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        reader.get_mut().write_all(answer.as_bytes()).ok()
    }

    /// What it has heard, once that is so much.
    pub fn heard(&self, least: usize) -> Vec<Heard> {
        for _ in 0..1_000 {
            let heard = self.heard.lock().clone();
            if heard.len() >= least {
                return heard;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("only {} were heard", self.heard.lock().len());
    }
}
