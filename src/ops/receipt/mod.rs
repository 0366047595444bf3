//! Receipts: signed evidence of an erasure.
//!
//! ```text
//! {"receipt":{..},"signature":{"algorithm":"Ed25519","key_id":..,"public_key":..,"value":..}}
//! ```
//!
//! The signature is over `locule receipt v1`, a line feed and the canonical bytes of `receipt`.
//!
//! **Invariant:** a [`Receipt`] is built from the proofs of the acts and of the check, and a
//! [`SignedReceipt`] from a [`Receipt`] or from bytes whose signature holds.
//! A receipt is evidence of what the node did. That no copy exists elsewhere, nobody can prove.

mod body;
mod signed;

use serde_json::Value;

pub use self::{
    body::{
        AuditEntry, Backup, Body, CANARIES_MAX, CANARY_BYTES, Canary, CanaryOf, CheckedFiles,
        CollectionErased, Copies, Export, Family, Generations, Key, Requested, Scope, ScopeKind,
        Step, StepName, Time, True,
    },
    signed::{ReceiptError, SignedReceipt},
};
use super::{Hex, canonical, verify::Checked};
use crate::{
    seal::{KeyShredded, SigningKey, digest},
    store::FamilyDropped,
    tenant::{Generation, TenantId},
};

/// What an erasure knows of itself, beside its proofs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The erasure's id.
    pub id: Hex<16>,
    /// The tenant's public id.
    pub tenant: TenantId,
    /// Who asked, and when.
    pub requested: Requested,
    /// What was asked.
    pub scope: Scope,
    /// Points that were erased, in all.
    pub points: u64,
    /// Points that were erased, by collection.
    pub collections: Vec<CollectionErased>,
    /// The generation that took over, if any did.
    pub successor: Option<Generation>,
    /// Copies that the node knows of.
    pub copies: Copies,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// The audit entry of the finished erasure.
    pub audit: AuditEntry,
    /// The hash of the tenant's receipt before this one.
    pub previous: Option<Hex<32>>,
}

/// The end of a generation, proven. All erasures that it served have their receipts from it.
#[derive(Debug)]
pub struct Proofs {
    family: FamilyDropped,
    key: KeyShredded,
    checked: Checked,
}

impl Proofs {
    /// Puts the proofs together.
    ///
    /// # Errors
    /// [`ReceiptError::AnotherCheck`] when something else than this family and this key was
    /// looked for.
    pub fn new(
        family: FamilyDropped,
        key: KeyShredded,
        checked: Checked,
    ) -> Result<Self, ReceiptError> {
        if !checked.traces().are_of(&family, &key) {
            return Err(ReceiptError::AnotherCheck);
        }
        Ok(Self {
            family,
            key,
            checked,
        })
    }
}

/// A receipt that nobody has signed yet.
#[derive(Debug)]
pub struct Receipt<'p> {
    facts: Facts,
    proofs: &'p Proofs,
}

impl<'p> Receipt<'p> {
    /// A receipt: what happened, and the proofs that it did.
    ///
    /// # Errors
    /// [`ReceiptError::Successor`] when the successor isn't a later generation.
    pub fn new(facts: Facts, proofs: &'p Proofs) -> Result<Self, ReceiptError> {
        let ended = proofs.key.generation();
        if facts.successor.is_some_and(|next| next.0 <= ended.0) {
            return Err(ReceiptError::Successor);
        }
        Ok(Self { facts, proofs })
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`ReceiptError::Canonical`] when a number is too large for JSON.
    pub fn sign(self, signer: &SigningKey) -> Result<SignedReceipt, ReceiptError> {
        let Facts {
            id,
            tenant,
            requested,
            scope,
            points,
            collections,
            successor,
            copies,
            steps,
            audit,
            previous,
        } = self.facts;
        let Proofs {
            family,
            key,
            checked,
        } = self.proofs;
        let body = Body {
            version: VERSION,
            id,
            node: Hex(signer.verifying_key().id().0),
            tenant,
            tenant_uuid: Hex(*key.tenant().as_bytes()),
            requested,
            scope,
            points,
            collections,
            generation: Generations {
                dropped: key.generation().0,
                successor: successor.map(|generation| generation.0),
            },
            family: Family {
                dropped: Hex(family.name().0),
                shelf: family.shelf(),
            },
            key: Key {
                shredded: True,
                file: key.file_name(),
                wrapped_sample: key.wrapped_sample().map(Hex),
            },
            canaries: checked.traces().canaries().to_vec(),
            copies,
            checked: CheckedFiles {
                places: Some(checked.places().to_vec()),
                files: checked.files(),
                bytes: checked.bytes(),
            },
            steps,
            audit,
            previous,
        };
        SignedReceipt::sign(body, signer)
    }
}

/// The digest of a scope as it was asked, for [`Scope::digest`]. Whoever has the receipt and the
/// scope can check it. The id keeps equal scopes of two erasures from having equal digests; it
/// doesn't keep a scope secret from someone who can guess it.
pub fn scope_digest(id: Hex<16>, scope: &Value) -> Hex<32> {
    Hex(digest(&[
        b"locule scope v1\n",
        &id.0,
        &canonical::bytes_of_any(scope),
    ]))
}

const VERSION: u8 = 2;
