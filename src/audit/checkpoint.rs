//! Checkpoints: where the chains had got to, signed by the node.
//!
//! `NNNNNN.checkpoint` tells how far `NNNNNN.jsonl` had got: written from time to time while the
//! file grows, and finally when the next one begins. It outlives its file, as the chain's anchor.
//! Whoever keeps a copy notices when the end of the log is cut off: a chain alone doesn't show that.
//!
//! ```text
//! {"checkpoint":{"v":1,"at":time,"file":n,"bytes":n,"seq":N,"hash":"64 hex",
//!                "chains":{"":{"seq":n,"hash":".."},"acme":{"seq":n,"hash":".."}}},"signature":{..}}
//! ```
//!
//! The signature is over `locule audit checkpoint v1\n` and the bytes of the checkpoint as they
//! stand there. A tenant is given one about its own chain alone: `tenant`, `seq` and `hash`, and
//! neither `file` nor `chains`.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::{
    chain::Chains,
    files::{path, sync_directory},
    line::{Link, hex, unhex},
};
use crate::{
    clock::Timestamp,
    seal::{Signature, SigningKey, VerifyingKey},
};

/// Where the chains had got to. The node's own is named by an empty text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    v: u8,
    /// When it was made, in RFC 3339.
    pub at: String,
    /// The file that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
    /// How long that file was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whose chain it is about, if it isn't about all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The last entry's number.
    pub seq: u64,
    /// The last entry's hash.
    #[serde(serialize_with = "as_hex", deserialize_with = "from_hex")]
    hash: [u8; 32],
    /// Every tenant's own chain.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    chains: BTreeMap<String, End>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    seq: u64,
    #[serde(serialize_with = "as_hex", deserialize_with = "from_hex")]
    hash: [u8; 32],
}

impl End {
    const fn at(Link { seq, hash }: Link) -> Self {
        Self { seq, hash }
    }
}

/// A checkpoint as it stands in a file or an answer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    checkpoint: Box<RawValue>,
    signature: SignatureFields,
}

/// As receipts have it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureFields {
    algorithm: String,
    key_id: String,
    public_key: String,
    value: String,
}

impl Checkpoint {
    /// Of the whole log.
    pub(super) fn of_log(now: Timestamp, (file, bytes): (u32, u64), chains: &Chains) -> Self {
        let ends = chains.own.iter();
        Self {
            v: 1,
            at: now.to_string(),
            file: Some(file),
            bytes: Some(bytes),
            tenant: None,
            seq: chains.log.seq,
            hash: chains.log.hash,
            chains: ends
                .map(|(name, end)| (name.clone(), End::at(*end)))
                .collect(),
        }
    }

    /// Of one tenant's chain, or the node's own.
    pub(super) fn of_chain(now: Timestamp, tenant: Option<&str>, last: Link) -> Self {
        Self {
            v: 1,
            at: now.to_string(),
            file: None,
            bytes: None,
            tenant: tenant.map(str::to_owned),
            seq: last.seq,
            hash: last.hash,
            chains: BTreeMap::new(),
        }
    }

    /// The end of the chain that it is about.
    pub const fn last(&self) -> Link {
        Link {
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// The end of a tenant's chain, or of the node's own.
    pub(super) fn chain(&self, tenant: Option<&str>) -> Link {
        self.chains
            .get(tenant.unwrap_or_default())
            .map_or_else(Link::default, |end| Link {
                seq: end.seq,
                hash: end.hash,
            })
    }

    /// The ends of all chains.
    pub(super) fn chains(&self) -> impl Iterator<Item = (String, Link)> {
        self.chains
            .keys()
            .map(|name| (name.clone(), self.chain(Some(name))))
    }

    /// Its text, signed. One line, without an end.
    pub(super) fn signed(&self, key: &SigningKey) -> io::Result<String> {
        let checkpoint = serde_json::value::to_raw_value(self)?;
        let signature = key.sign(DOMAIN, checkpoint.get().as_bytes());
        let public = key.verifying_key();
        Ok(serde_json::to_string(&Signed {
            checkpoint,
            signature: SignatureFields {
                algorithm: ALGORITHM.to_owned(),
                key_id: public.id().to_string(),
                public_key: hex(public.as_bytes()),
                value: hex(&signature.0),
            },
        })?)
    }

    /// Reads a signed text. With a key the signature must be that one's; without, it must be that
    /// of the key that came with it, which is told.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn read(text: &str, key: Option<&VerifyingKey>) -> Result<(Self, VerifyingKey), Forged> {
        let signed: Signed = serde_json::from_str(text).map_err(|_| Forged)?;
        let fields = signed.signature;
        let given = unhex(&fields.public_key)
            .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
            .filter(|given| key.is_none_or(|key| key == given))
            .filter(|given| {
                fields.algorithm == ALGORITHM && given.id().to_string() == fields.key_id
            })
            .ok_or(Forged)?;
        let signature = Signature(unhex(&fields.value).ok_or(Forged)?);
        given
            .verify(DOMAIN, signed.checkpoint.get().as_bytes(), &signature)
            .map_err(|_| Forged)?;
        let checkpoint: Self = serde_json::from_str(signed.checkpoint.get()).map_err(|_| Forged)?;
        if checkpoint.v == 1 {
            Ok((checkpoint, given))
        } else {
            Err(Forged)
        }
    }

    /// The checkpoint of a file, if there is one that is the node's own.
    pub(super) fn load(
        directory: &Path,
        number: u32,
        key: &VerifyingKey,
    ) -> io::Result<Option<Self>> {
        let text = match fs::read(path(directory, number, EXTENSION)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let read = Self::read_file(&text, number, Some(key));
        Ok(read.ok().map(|(checkpoint, _)| checkpoint))
    }

    /// Reads the bytes of a file's checkpoint, which are a signed text and the end of its line and
    /// nothing else.
    pub(super) fn read_file(
        bytes: &[u8],
        number: u32,
        key: Option<&VerifyingKey>,
    ) -> Result<(Self, VerifyingKey), Forged> {
        let line = bytes.strip_suffix(b"\n").ok_or(Forged)?;
        let text = std::str::from_utf8(line).map_err(|_| Forged)?;
        Self::read(text, key).and_then(|read| match read.0.file {
            Some(file) if file == number => Ok(read),
            Some(_) | None => Err(Forged),
        })
    }

    /// Writes it beside its file, under another name.
    pub(super) fn write(&self, directory: &Path, key: &SigningKey) -> io::Result<Fresh> {
        let number = self.file.unwrap_or_default();
        let fresh = Fresh {
            from: path(directory, number, &format!("{:016x}.new", self.seq)),
            to: path(directory, number, EXTENSION),
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh.from)?;
        file.write_all(format!("{}\n", self.signed(key)?).as_bytes())?;
        file.sync_all()?;
        Ok(fresh)
    }
}

/// A checkpoint that isn't in its place yet.
#[must_use = "a checkpoint that isn't put in its place tells nothing"]
pub(super) struct Fresh {
    from: PathBuf,
    to: PathBuf,
}

impl Fresh {
    /// Puts it in the place of an earlier one.
    pub(super) fn put(self) -> io::Result<()> {
        fs::rename(&self.from, &self.to)?;
        self.to.parent().map_or(Ok(()), sync_directory)
    }

    /// A later one is in its place already.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.from)
    }
}

/// It isn't a checkpoint, or not one that its node signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it isn't a checkpoint that the node signed")]
pub struct Forged;

fn as_hex<S: Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(hash))
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    unhex(&text).ok_or_else(|| de::Error::custom("a hash is 64 hex digits"))
}

pub(super) const EXTENSION: &str = "checkpoint";
const ALGORITHM: &str = "Ed25519";
const DOMAIN: &[u8] = b"locule audit checkpoint v1\n";
