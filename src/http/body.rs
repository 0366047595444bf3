//! Request bodies: JSON, plain or gzip, read whole, within the limit.

use std::{fmt, io::Read, marker::PhantomData, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_ENCODING},
};
use flate2::bufread::MultiGzDecoder;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{caller, long, pieces::Pieces, refusal::Refusal};
use crate::{
    access::Principal,
    engine::{Engine, Work},
    telemetry::Stage,
};

/// A body of type `T`.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<Engine>> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, engine: &Arc<Engine>) -> Result<Self, Refusal> {
        let received = received(request, engine).await?;
        let metrics = Arc::clone(engine.metrics());
        let parse = move |json: &[u8]| metrics.stages.timed(Stage::Parse, || object(json));
        received.read(engine, parse).await.map(Self)
    }
}

/// No body, for routes that take none: an object with nothing in it counts as that.
pub(super) struct NoBody;

impl FromRequest<Arc<Engine>> for NoBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, engine: &Arc<Engine>) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        let nothing = |json: &[u8]| {
            if !json.is_empty() {
                let Nothing {} = object(json)?;
            }
            Ok(Self)
        };
        received(request, engine).await?.read(engine, nothing).await
    }
}

/// A body as it came.
struct Received {
    pieces: Pieces,
    encoding: Encoding,
    sender: Option<Principal>,
}

impl Received {
    /// Reads it, unzipped. What is long isn't read by a thread that serves others, and of one
    /// tenant's no more at a time than it may have long work done.
    async fn read<T: Send + 'static>(
        self,
        engine: &Engine,
        read: impl FnOnce(&[u8]) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Self {
            pieces,
            encoding,
            sender,
        } = self;
        if encoding == Encoding::Plain && pieces.bytes() <= INLINE_BYTES_MAX {
            return read(&pieces.joined());
        }
        let turn = match sender {
            Some(sender) => engine.take_turn(&sender, Work::Long).await?,
            None => None,
        };
        let read = move || {
            let _turn = turn;
            let bytes = pieces.joined();
            match encoding {
                Encoding::Plain => read(&bytes),
                Encoding::Gzip => read(&unzipped(&bytes)?),
            }
        };
        long::run(read).await
    }
}

/// A body's bytes, taken from what the caller may send.
async fn received(request: Request, engine: &Arc<Engine>) -> Result<Received, Refusal> {
    let encoding = Encoding::of(request.headers())?;
    let sender = request.extensions().get::<Principal>().cloned();
    let take = |bytes| {
        let taken = sender
            .as_ref()
            .map_or(Ok(()), |sender| engine.take_bytes(sender, bytes));
        taken.map_err(Refusal::from)
    };
    // Before it is read, if its sender says how long it is.
    let told = caller::content_length(request.headers());
    if let Err(refusal) = told.map_or(Ok(()), take) {
        // To its end, but for nothing: whoever is still sending wouldn't hear the answer.
        drop(Bytes::from_request(request, engine).await);
        return Err(refusal);
    }
    let pieces = Pieces::receive(request.into_body()).await?;
    if told.is_none() {
        take(pieces.bytes() as u64)?;
    }
    Ok(Received {
        pieces,
        encoding,
        sender,
    })
}

/// Does something with a body's bytes where they were received. Others that this thread serves don't
/// wait for many of them.
pub(super) fn in_place<T>(bytes: usize, act: impl FnOnce() -> T) -> T {
    if bytes > INLINE_BYTES_MAX {
        tokio::task::block_in_place(act)
    } else {
        act()
    }
}

/// Reads an object.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let read = Object::deserialize(&mut deserializer);
    read.and_then(|Object(read)| deserializer.end().map(|()| read))
        .map_err(|error| not_as_it_should_be(&error))
}

/// A struct that is read from an object. Serde would take a list of its fields for it, too.
#[derive(Default)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

fn not_as_it_should_be(error: &serde_json::Error) -> Refusal {
    let mut text = format!("Format error in JSON body: {error}");
    // The parser doesn't say how deep it goes.
    if text.contains("recursion limit exceeded") {
        text.push_str(&format!("; the limit is {JSON_DEPTH_MAX} levels"));
    }
    Refusal::invalid(text)
}

/// How a body is encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut named = headers.get_all(CONTENT_ENCODING).iter();
        match (named.next().map(|name| name.as_bytes()), named.next()) {
            (None, _) => Ok(Self::Plain),
            (Some(name), None) if name.eq_ignore_ascii_case(b"identity") => Ok(Self::Plain),
            (Some(name), None) if name.eq_ignore_ascii_case(b"gzip") => Ok(Self::Gzip),
            (Some(_), _) => Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a body may be sent as it is or with `Content-Encoding: gzip`",
            )),
        }
    }
}

/// A gzip body, no longer than one that came plain might be.
fn unzipped(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::new();
    let mut reader = MultiGzDecoder::new(bytes).take(BODY_BYTES_MAX as u64 + 1);
    reader.read_to_end(&mut plain).map_err(|_| {
        Refusal::invalid("the body isn't gzip, as its header says, or is cut short")
    })?;
    if plain.len() > BODY_BYTES_MAX {
        return Err(unread(StatusCode::PAYLOAD_TOO_LARGE, BODY_BYTES_MAX));
    }
    Ok(plain)
}

/// Why a body wasn't read, where it may have so many bytes.
pub(super) fn unread(status: StatusCode, bytes_max: usize) -> Refusal {
    let why = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            format!("the body is longer than the limit of {bytes_max} bytes")
        }
        _ => "the body couldn't be read to its end".to_owned(),
    };
    Refusal::new(status, why)
}

/// Longest body.
pub(super) const BODY_BYTES_MAX: usize = 32 << 20;
/// How deep lists and objects may stand in each other: `serde_json`'s own limit, its outermost
/// object counted.
const JSON_DEPTH_MAX: usize = 127;
/// Longest body that is parsed where it was received: some tenths of a millisecond.
const INLINE_BYTES_MAX: usize = 256 << 10;
