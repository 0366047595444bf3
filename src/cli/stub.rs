//! *A server that answers from a script*, for tests of what the client does with its answers.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::client::{Client, Connection};

/// What was asked: the request line, and the body.
pub(crate) type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// An answer to one request; an empty one closes the connection without a word.
pub(crate) const RESET: &str = "";

/// Starts a server that gives these answers (status line and further headers), one a request. A client
/// of it, and what it's asked.
pub(crate) async fn serve(answers: &'static [(&'static str, &'static str)]) -> (Client, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let log = asked.clone();
    tokio::spawn(async move {
        for (head, body) in answers {
            let (stream, _) = listener.accept().await.unwrap();
            answer(stream, head, body, &log).await;
        }
    });
    let client = Client::new(&Connection {
        url,
        api_key: None,
        ca: None,
        identity: None,
    });
    (client.unwrap(), asked)
}

async fn answer(stream: TcpStream, head: &str, body: &str, log: &Asked) {
    let mut stream = BufReader::new(stream);
    let (mut asked, mut length) = (String::new(), 0);
    stream.read_line(&mut asked).await.unwrap();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.unwrap();
        match header.trim().to_lowercase().split_once(": ") {
            Some(("content-length", number)) => length = number.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut sent = vec![0; length];
    stream.read_exact(&mut sent).await.unwrap();
    log.lock()
        .unwrap()
        .push((asked.trim().to_owned(), String::from_utf8(sent).unwrap()));
    if head != RESET {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}
