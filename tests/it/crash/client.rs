//! HTTP by hand over one connection, so that what was sent and what was answered is certain.

use std::{
    cell::RefCell,
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// Someone with a key, on one connection that is made when it is needed.
pub struct Client {
    address: SocketAddr,
    key: String,
    connection: RefCell<Option<BufReader<TcpStream>>>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Client {
    pub fn new(address: SocketAddr, key: &str) -> Self {
        Self {
            address,
            key: key.to_owned(),
            connection: RefCell::default(),
        }
    }

    pub fn get(&self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, None)
    }

    pub fn delete(&self, path: &str) -> io::Result<Answer> {
        self.send("DELETE", path, None)
    }

    pub fn put(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.send("PUT", path, Some(body))
    }

    pub fn post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.send("POST", path, Some(body))
    }

    /// An answer that is whole, or an error: then the request may or may not have been done.
    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(self.address)?,
        };
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!("{}\r\n{body}", head(method, path, &self.key, body.len()));
        connection.get_mut().write_all(request.as_bytes())?;
        let answer = read_answer(&mut connection)?;
        self.connection.replace(Some(connection));
        Ok(answer)
    }
}

pub fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    Ok(BufReader::new(stream))
}

/// A request's head, up to where more headers or the empty line come.
pub fn head(method: &str, path: &str, key: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: locule\r\napi-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n"
    )
}

pub fn read_answer(connection: &mut impl BufRead) -> io::Result<Answer> {
    let status = line(connection)?;
    let status = status
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no status: {status}")))?;
    let mut length = 0;
    loop {
        let header = line(connection)?;
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Answer { status, body })
}

fn line(connection: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    if !line.ends_with("\r\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.len() - 2);
    Ok(line)
}

const ANSWER_MAX: Duration = Duration::from_secs(60);
