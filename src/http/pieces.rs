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
    refusal::Refusal,
};

/// The pieces of a body that has come in.
#[derive(Default)]
pub(super) struct Pieces {
    pieces: Vec<Bytes>,
    /// What came since the last of them in smaller ones.
    crumbs: Vec<u8>,
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
                received.add(data)?;
            }
            if received.bytes - served >= PIECE_BYTES {
                served = received.bytes;
                tokio::task::yield_now().await;
            }
        }
    }

    fn add(&mut self, data: Bytes) -> Result<(), Refusal> {
        self.bytes += data.len();
        if self.bytes > BODY_BYTES_MAX {
            return Err(unread(StatusCode::PAYLOAD_TOO_LARGE, BODY_BYTES_MAX));
        }
        // One of a byte each would take more memory than the body. The first is mostly all of it.
        if data.len() < PIECE_BYTES && !self.pieces.is_empty() {
            self.crumbs.extend_from_slice(&data);
            if self.crumbs.len() >= PIECE_BYTES {
                self.sweep_up();
            }
        } else {
            self.sweep_up();
            self.pieces.push(data);
        }
        Ok(())
    }

    fn sweep_up(&mut self) {
        if !self.crumbs.is_empty() {
            self.pieces.push(std::mem::take(&mut self.crumbs).into());
        }
    }

    /// How long the body is.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The whole body.
    pub(super) fn joined(mut self) -> Bytes {
        self.sweep_up();
        if self.pieces.len() > 1 {
            let mut joined = Vec::with_capacity(self.bytes);
            for piece in self.pieces {
                joined.extend_from_slice(&piece);
            }
            return joined.into();
        }
        self.pieces.pop().unwrap_or_default()
    }
}

/// What is received before others are served, some 20 microseconds' worth.
const PIECE_BYTES: usize = 64 << 10;

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
            for (number, length) in (0_u8..).zip(lengths) {
                let data = vec![number; length];
                whole.extend_from_slice(&data);
                pieces.add(data.into()).unwrap();
            }
            prop_assert!(pieces.pieces.len() <= 2 * (whole.len() / PIECE_BYTES) + 2);
            prop_assert_eq!(pieces.bytes(), whole.len());
            prop_assert_eq!(&pieces.joined()[..], &whole[..]);
        }
    }

    #[test]
    fn a_body_past_the_limit_is_refused_when_it_gets_there() {
        let mut pieces = Pieces::default();
        pieces.add(vec![0; BODY_BYTES_MAX].into()).unwrap();
        assert!(pieces.add(vec![0].into()).is_err());
    }
}
