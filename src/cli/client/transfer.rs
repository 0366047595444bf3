//! *Files to and from the server*: of any length, never whole in memory, with a bar on a terminal.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Client, ClientError};

impl Client {
    /// Writes what the server answers to a new file, which is there whole or not at all. How long
    /// it is.
    pub(crate) async fn download(&self, path: &[&str], file: &Path) -> anyhow::Result<u64> {
        let partial = file.with_added_extension("part");
        anyhow::ensure!(!file.exists(), "{} is there already", file.display());
        let mut request = self.prepare(Method::GET, path, None)?;
        *request.timeout_mut() = Some(TRANSFER_TIMEOUT);
        let mut answer = self.send(request).await?;
        let whole = answer.content_length();
        let mut out =
            File::create(&partial).with_context(|| format!("can't write {}", partial.display()))?;
        let (bar, mut bytes) = (bar(whole)?, 0);
        while let Some(piece) = answer.chunk().await.map_err(|error| self.broken(error))? {
            out.write_all(&piece)?;
            bytes += piece.len() as u64;
            bar.inc(piece.len() as u64);
        }
        anyhow::ensure!(
            whole.is_none_or(|whole| whole == bytes),
            "the connection broke before the file was complete"
        );
        out.sync_all()?;
        std::fs::rename(&partial, file)?;
        bar.finish_and_clear();
        Ok(bytes)
    }

    /// Sends a file as it is.
    pub(crate) async fn upload(&self, path: &[&str], file: &Path) -> anyhow::Result<Value> {
        let source = File::open(file).with_context(|| format!("can't read {}", file.display()))?;
        let length = source.metadata()?.len();
        let bar = bar(Some(length))?;
        let mut request = self.prepare(Method::POST, path, None)?;
        *request.timeout_mut() = Some(TRANSFER_TIMEOUT);
        request
            .headers_mut()
            .insert(CONTENT_TYPE, "application/octet-stream".parse()?);
        let body = Pieces::of(source, length, bar.clone());
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let answer = self.read(request).await;
        bar.finish_and_clear();
        Ok(answer?)
    }

    /// Sends a prepared request; the answer, unless it is a refusal.
    pub(super) async fn send(
        &self,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, ClientError> {
        let had_key = request.headers().contains_key("api-key");
        let answer = self
            .http
            .execute(request)
            .await
            .map_err(|error| self.broken(error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_success() {
            return Ok(answer);
        }
        let body = answer.bytes().await.map_err(|error| self.broken(error))?;
        Err(ClientError::refused(status, &headers, &body, had_key))
    }
}

/// A bar of bytes, on stderr.
fn bar(whole: Option<u64>) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {eta} left")?;
    Ok(ProgressBar::with_draw_target(whole, ProgressDrawTarget::stderr()).with_style(style))
}

/// A file that is read piece by piece while it is sent.
struct Pieces {
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    left: u64,
    bar: ProgressBar,
}

impl Pieces {
    fn of(file: File, length: u64, bar: ProgressBar) -> Self {
        let (pieces, read) = mpsc::channel(2);
        tokio::task::spawn_blocking(move || {
            let mut file = file.take(length);
            loop {
                let mut piece = Vec::new();
                let got = (&mut file).take(PIECE_BYTES).read_to_end(&mut piece);
                let last = matches!(got, Ok(0) | Err(_));
                let piece = got.map(|_| piece);
                // Nobody reads any more.
                if !matches!(piece, Ok(ref piece) if piece.is_empty())
                    && pieces.blocking_send(piece).is_err()
                {
                    break;
                }
                if last {
                    break;
                }
            }
        });
        Self {
            pieces: read,
            left: length,
            bar,
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = std::task::ready!(self.pieces.poll_recv(context));
        Poll::Ready(piece.map(|piece| {
            let piece = piece?;
            self.left = self.left.saturating_sub(piece.len() as u64);
            self.bar.inc(piece.len() as u64);
            Ok(Frame::data(piece.into()))
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// How much of a file is read at a time.
const PIECE_BYTES: u64 = 1 << 20;
/// Long enough for terabytes; whoever waits sees the bar.
const TRANSFER_TIMEOUT: Duration = Duration::from_hours(24);
