//! Where an issuer publishes its keys: a server that answers as it was told to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use serde_json::json;

use super::signer::Signer;

/// What is answered.
#[derive(Clone)]
pub enum Says {
    /// A status line, further header lines, and a body.
    This { head: String, body: String },
    /// Half of an answer, and no more until the other side gives up.
    Half,
    /// A body without an end, as far as it is read.
    Endless,
    /// Nothing: the connection is closed.
    Nothing,
}

impl Says {
    pub fn body(body: impl Into<String>) -> Self {
        Self::with("200 OK", body)
    }

    pub fn with(head: &str, body: impl Into<String>) -> Self {
        Self::This {
            head: head.to_owned(),
            body: body.into(),
        }
    }

    pub fn keys(signers: &[&Signer]) -> Self {
        Self::body(set(signers))
    }
}

/// A key set.
pub fn set(signers: &[&Signer]) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// Listens until the test is over.
#[derive(Clone)]
pub struct Publisher {
    pub address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    says: Says,
    asked: usize,
    /// How often this was the answer.
    said: usize,
}

impl Publisher {
    pub fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let publisher = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new((
                Mutex::new(State {
                    says,
                    asked: 0,
                    said: 0,
                }),
                Condvar::new(),
            )),
        };
        let shared = publisher.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), shared.clone());
                // An answer that hangs holds up no other. Whoever asks may be gone any time.
                thread::spawn(move || shared.answer(&stream));
            }
        });
        publisher
    }

    pub fn url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// Answers with this from now on.
    pub fn say(&self, says: Says) {
        let mut state = self.state.0.lock();
        state.says = says;
        state.said = 0;
    }

    pub fn asked(&self) -> usize {
        self.state.0.lock().asked
    }

    /// Waits until it was asked so often.
    #[track_caller]
    pub fn wait_for(&self, times: usize) {
        self.wait(|state| state.asked >= times);
    }

    /// Waits until it has answered with what it says now.
    #[track_caller]
    pub fn wait_until_said(&self) {
        self.wait(|state| state.said > 0);
    }

    #[track_caller]
    fn wait(&self, holds: impl Fn(&State) -> bool) {
        let (state, changed) = &*self.state;
        let mut state = state.lock();
        while !holds(&state) {
            let late = changed.wait_for(&mut state, PATIENCE).timed_out();
            assert!(!late, "asked {} times in all", state.asked);
        }
    }

    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        }
        let says = {
            let mut state = self.state.0.lock();
            state.asked += 1;
            state.said += 1;
            self.state.1.notify_all();
            state.says.clone()
        };
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
        match says {
            Says::This { head, body } => {
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).ok()
            }
            Says::Half => {
                write!(stream, "{head}content-length: 1000\r\n\r\n{{\"keys\":[").ok()?;
                reader.read(&mut [0]).ok().map(drop)
            }
            Says::Endless => {
                write!(stream, "{head}\r\n{{\"keys\":[").ok()?;
                // Ends when the other side has had enough.
                while stream.write_all(&[b' '; 4096]).is_ok() {}
                None
            }
            Says::Nothing => None,
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
