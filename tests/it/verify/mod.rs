//! What can be checked of an erasure without the node: its receipt, what is left in files, the
//! audit log.

mod audit;
pub mod command;
mod receipt;
mod tampered_log;
mod traces;

use std::{
    fs::{self, File},
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use locule::{
    clock::Timestamp,
    ops::{
        Hex,
        receipt::{
            AuditEntry, Backup, Canary, CanaryOf, CollectionErased, Copies, Export, Facts, Proofs,
            Receipt, Requested, Scope, ScopeKind, SignedReceipt, Step, StepName, Time,
            scope_digest,
        },
        verify::{Traces, check},
    },
    seal::{KeyShredded, Keyring, RootKeySource, SigningKey},
    store::{FamilyDropped, FamilyName, InUse, Shelves, StoreOptions},
    tenant::{Generation, TenantId, TenantUuid},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A keyring and a shelf from which a generation is erased, step by step.
pub struct Erased {
    directory: TempDir,
    pub keyring: Keyring,
    pub shelves: Shelves,
}

pub const TENANT: TenantUuid = TenantUuid::from_bytes([7; 16]);
pub const NODE: Generation = Generation(9);

impl Erased {
    pub fn begin() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = RootKeySource::File(directory.path().join("root.key"));
        let keyring = Keyring::open(&directory.path().join("ring"), root.fetch().unwrap()).unwrap();
        keyring.make(TENANT, Generation(3)).unwrap();
        keyring.make(TENANT, NODE).unwrap();
        let (in_use, _) = InUse::new(File::create(directory.path().join("lock")).unwrap());
        let options = StoreOptions::default();
        let shelves = Shelves::new(&directory.path().join("shelves"), &options, in_use);
        Self {
            directory,
            keyring,
            shelves,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn signer(&self) -> SigningKey {
        self.keyring
            .load(TENANT, NODE)
            .unwrap()
            .derive_signing_key()
    }

    pub fn acts(&self) -> (FamilyDropped, KeyShredded) {
        let shelf = self.shelves.shelf(0).unwrap();
        shelf.create(FAMILY).unwrap();
        (
            shelf.drop_family(FAMILY).unwrap(),
            self.keyring.shred(TENANT, Generation(3)).unwrap(),
        )
    }

    /// A receipt of all that, its check having been on an empty directory.
    pub fn receipt(&self, facts: Facts) -> SignedReceipt {
        let (family, key) = self.acts();
        let traces = Traces::new(&family, &key, canaries());
        fs::create_dir_all(self.path("empty")).unwrap();
        let checked = check(
            self.directory.path(),
            vec!["empty".to_owned()],
            traces,
            THREADS,
        );
        let checked = checked.unwrap();
        let proofs = Proofs::new(family, key, checked).unwrap();
        let receipt = Receipt::new(facts, &proofs).unwrap();
        receipt.sign(&self.signer()).unwrap()
    }
}

pub const FAMILY: FamilyName = FamilyName([
    0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87, 0x78, 0x69, 0x5a, 0x4b, 0x3c, 0x2d, 0x1e, 0x0f,
]);
pub const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

pub fn canaries() -> Vec<Canary> {
    let canary = |offset_hint, byte: u8| Canary {
        offset_hint,
        bytes: Hex(std::array::from_fn(|at| {
            byte.wrapping_mul(31)
                .wrapping_add(u8::try_from(at * 11).unwrap())
        })),
    };
    vec![
        canary(CanaryOf::Row, 1),
        canary(CanaryOf::Head, 2),
        canary(CanaryOf::Segment, 3),
    ]
}

pub fn scope() -> Value {
    json!({"subject": {"field": "user.email", "value": "ada@example.org"}})
}

pub fn facts() -> Facts {
    let id = Hex([0xab; 16]);
    let time = |seconds: u64| Time(Timestamp(1_800_000_000_000 + seconds * 1_000));
    let step = |name, seconds, microseconds| Step {
        name,
        at: time(seconds),
        microseconds,
    };
    Facts {
        id,
        tenant: TenantId::parse("acme").unwrap(),
        requested: Requested {
            at: time(0),
            by: "0123456789abcdef".to_owned(),
            reason: "Art. 17 request \"4711\"".to_owned(),
            request_id: "00000000000000ff".to_owned(),
        },
        scope: Scope {
            kind: ScopeKind::Subject,
            digest: scope_digest(id, &scope()),
        },
        points: 12,
        collections: vec![
            CollectionErased {
                name: "docs".to_owned(),
                points: 10,
            },
            CollectionErased {
                name: "Bücher".to_owned(),
                points: 2,
            },
        ],
        successor: Some(Generation(4)),
        copies: Copies {
            backups: vec![Backup {
                id: "b1".to_owned(),
                generation: 3,
                made_at: time(1),
                downloads: 2,
            }],
            exports: vec![Export {
                id: "e1".to_owned(),
                generation: 3,
                made_at: time(2),
                to: "passphrase".to_owned(),
            }],
        },
        steps: vec![
            step(StepName::Removed, 3, 1_500),
            step(StepName::Copied, 4, 900_000),
            step(StepName::Switched, 5, 2_000),
            step(StepName::Dropped, 5, 17_000),
            step(StepName::Purged, 6, 40_000),
            step(StepName::Shredded, 6, 3_000),
            step(StepName::Checked, 7, 250_000),
        ],
        audit: AuditEntry {
            seq: 42,
            hash: Hex([0xcd; 32]),
        },
        previous: None,
    }
}

/// A file of bytes that repeat nothing, with some planted over them.
pub fn write_with(path: &Path, length: usize, planted: &[(usize, &[u8])]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    for (at, plant) in planted {
        bytes[*at..at + plant.len()].copy_from_slice(plant);
    }
    fs::write(path, bytes).unwrap();
}
