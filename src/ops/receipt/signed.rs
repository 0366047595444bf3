//! A receipt with its signature: as it is kept, handed out and checked.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Body, VERSION, body::CANARIES_MAX, scope_digest};
use crate::{
    ops::{
        Hex,
        canonical::{self, CanonicalError},
    },
    seal::{Signature, SignatureError, SigningKey, VerifyingKey, digest},
};

/// A receipt whose signature holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedReceipt {
    body: Body,
    signer: VerifyingKey,
    /// The canonical bytes of the whole document.
    document: Vec<u8>,
    hash: Hex<32>,
}

impl SignedReceipt {
    pub(super) fn sign(body: Body, signer: &SigningKey) -> Result<Self, ReceiptError> {
        let signed = canonical::bytes(&to_value(&body)?)?;
        let key = signer.verifying_key();
        let signature = SignatureBlock {
            algorithm: ALGORITHM.to_owned(),
            key_id: Hex(key.id().0),
            public_key: Hex(*key.as_bytes()),
            value: Hex(signer.sign(CONTEXT, &signed).0),
        };
        let document = Document {
            receipt: body,
            signature,
        };
        // Read back as anyone would: what this node couldn't verify, it must not hand out.
        Self::parse(&canonical::bytes(&to_value(&document)?)?)
    }

    /// Reads a receipt and checks all that can be checked by itself: that it is in canonical form,
    /// and that the key which it names signed it. A line feed at its end is passed over.
    ///
    /// Whose key that is, the caller must know from elsewhere: see [`Self::signer`].
    ///
    /// # Errors
    /// [`ReceiptError`], which says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(ReceiptError::TooLong);
        }
        let value = canonical::parse(bytes)?;
        let document = Document::deserialize(&value).map_err(ReceiptError::Fields)?;
        let canonical = canonical::bytes(&to_value(&document)?)?;
        if bytes.strip_suffix(b"\n").unwrap_or(bytes) != canonical {
            return Err(ReceiptError::NotCanonical);
        }
        let Document { receipt, signature } = document;
        match (receipt.version, &receipt.checked.places) {
            (1, None) | (VERSION, Some(_)) => {}
            _ => return Err(ReceiptError::Version),
        }
        if receipt.canaries.len() > CANARIES_MAX {
            return Err(ReceiptError::TooLong);
        }
        let signer = VerifyingKey::from_bytes(&signature.public_key.0)?;
        let id = Hex(signer.id().0);
        if signature.algorithm != ALGORITHM || signature.key_id != id || receipt.node != id {
            return Err(ReceiptError::Signer);
        }
        let signed = canonical::bytes(&to_value(&receipt)?)?;
        signer.verify(CONTEXT, &signed, &Signature(signature.value.0))?;
        Ok(Self {
            body: receipt,
            signer,
            document: canonical,
            hash: Hex(digest(&[&signed])),
        })
    }

    /// What it says.
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The key that signed it. It came with the receipt: whoever made the one made the other.
    pub const fn signer(&self) -> VerifyingKey {
        self.signer
    }

    /// The document, as it is handed out and read again.
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// The hash that the tenant's next receipt names as `previous`.
    pub const fn hash(&self) -> Hex<32> {
        self.hash
    }

    /// Whether it follows that other receipt: the same tenant's, next in the chain.
    pub fn follows(&self, previous: &Self) -> bool {
        self.body.previous == Some(previous.hash)
            && self.body.tenant_uuid == previous.body.tenant_uuid
    }

    /// Whether this is the scope that was asked.
    pub fn is_about(&self, scope: &Value) -> bool {
        self.body.scope.digest == scope_digest(self.body.id, scope)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    receipt: Body,
    signature: SignatureBlock,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureBlock {
    algorithm: String,
    key_id: Hex<8>,
    public_key: Hex<32>,
    value: Hex<64>,
}

fn to_value(what: &impl Serialize) -> Result<Value, ReceiptError> {
    serde_json::to_value(what).map_err(ReceiptError::Fields)
}

/// Why something isn't a receipt that counts.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The check wasn't for this family and this key.
    #[error("what was looked for isn't what was dropped and shredded")]
    AnotherCheck,
    /// The successor isn't a later generation.
    #[error("the successor isn't a later generation")]
    Successor,
    /// Longer than any receipt.
    #[error("it is longer than a receipt may be")]
    TooLong,
    /// Not JSON that has a canonical form.
    #[error("it can't be read")]
    Canonical(#[from] CanonicalError),
    /// Not the fields of a receipt.
    #[error("its fields aren't those of a receipt")]
    Fields(#[source] serde_json::Error),
    /// Another version, or not what this one has.
    #[error("its version isn't known here, or isn't that of its fields")]
    Version,
    /// Written in another way.
    #[error(
        "it isn't in canonical form: it was changed or reformatted; check the file as the node gave it"
    )]
    NotCanonical,
    /// The signature block or the receipt names another key.
    #[error("it names a key that isn't the one that came with it")]
    Signer,
    /// The key or the signature is wrong.
    #[error("its signature isn't good")]
    Signature(#[from] SignatureError),
}

/// Before what is signed, so that the signature is good for a receipt alone.
const CONTEXT: &[u8] = b"locule receipt v1\n";
const ALGORITHM: &str = "Ed25519";
/// Longest document: a receipt with the names of 10,000 collections has 4 MB.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;
