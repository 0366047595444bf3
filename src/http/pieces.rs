//! A body while it comes in: in pieces, so that a long one is put together on a thread that nobody
//! else waits for, and others are served between its pieces.
//! Called by: `http/body`.

use std::{future::poll_fn, pin::Pin};

use axum::{
    body::{Body as Payload, Bytes, HttpBody},
    http::StatusCode,
};

use super::{
    body::{BODY_BYTES_MAX, unread},
    chunks::{CHUNK_BYTES, Chunk},
    refusal::Refusal,
};

/// A body that has come in.
#[derive(Default)]
pub(super) struct Pieces {
    /// All of it, if it came at once.
    whole: Bytes,
    /// Otherwise its parts: all are full but the last.
    chunks: Vec<Chunk>,
    bytes: usize,
}

impl Pieces {
    /// Receives a body, within the limit. One that says that it is longer is received up to there all
    /// the same: whoever is still sending wouldn't hear the answer.
    pub(super) async fn receive(mut body: Payload) -> Result<Self, Refusal> {
        let mut received = Self::default();
        let mut served = 0;
        loop {
            let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
            let Some(frame) = frame else {
                return Ok(received);
            };
            let frame = frame.map_err(|_| unread(StatusCode::BAD_REQUEST, BODY_BYTES_MAX))?;
            if let Ok(data) = frame.into_data() {
                received.add(data, body.is_end_stream())?;
            }
            if received.bytes - served >= CHUNK_BYTES {
                served = received.bytes;
                // Another thread that serves may wait for this one's core, while long work has the rest.
                std::thread::yield_now();
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes what came next, and whether it is the last.
    fn add(&mut self, data: Bytes, last: bool) -> Result<(), Refusal> {
        let first = self.bytes == 0;
        self.bytes += data.len();
        if self.bytes > BODY_BYTES_MAX {
            return Err(unread(StatusCode::PAYLOAD_TOO_LARGE, BODY_BYTES_MAX));
        }
        if first && last {
            self.whole = data;
            return Ok(());
        }
        // A copy, so that the connection goes on with the memory that it has.
        let mut rest = &data[..];
        while !rest.is_empty() {
            rest = match self.chunks.last_mut() {
                Some(chunk) if chunk.len() < CHUNK_BYTES => chunk.fill(rest),
                _ => {
                    self.chunks.push(Chunk::empty());
                    rest
                }
            };
        }
        Ok(())
    }

    /// How long the body is.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The whole body.
    pub(super) fn joined(self) -> Bytes {
        if self.chunks.is_empty() {
            return self.whole;
        }
        let mut joined = Vec::with_capacity(self.bytes);
        for chunk in self.chunks {
            joined.extend_from_slice(&chunk);
        }
        joined.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn a_body_is_what_its_pieces_say_in_few_of_them(
            lengths in vec(prop_oneof![0..3_usize, 1_000..9_000_usize, 60_000..140_000_usize], 0..60),
        ) {
            let mut pieces = Pieces::default();
            let mut whole = Vec::new();
            let count = lengths.len();
            for (number, length) in (0_u8..).zip(lengths) {
                let data = vec![number; length];
                whole.extend_from_slice(&data);
                pieces.add(data.into(), usize::from(number) + 1 == count).unwrap();
            }
            prop_assert!(pieces.chunks.len() <= whole.len().div_ceil(CHUNK_BYTES));
            prop_assert_eq!(pieces.bytes(), whole.len());
            prop_assert_eq!(&pieces.joined()[..], &whole[..]);
        }
    }

    #[test]
    fn a_body_past_the_limit_is_refused_when_it_gets_there() {
        let mut pieces = Pieces::default();
        pieces.add(vec![0; BODY_BYTES_MAX].into(), false).unwrap();
        assert!(pieces.add(vec![0].into(), true).is_err());
    }
}
