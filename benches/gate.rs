//! What it costs to be let in: the credential, the limits, the policy, and the audit log's entry,
//! which is in the operating system's hands before the act is allowed. The log is a real one.
//!
//! `cargo bench --bench gate`

#![expect(clippy::unwrap_used, reason = "a measurement that can't go on stops")]

use std::{hint::black_box, num::NonZeroU32, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use locule::{
    access::{
        Allowance, ApiKey, ApiKeyRecord, Gate, Grant, KeyTable, Limits, Origin, Presented, Quota,
        Role, Scope, Search, Target,
    },
    audit::{AuditLog, AuditOptions, Reads},
    clock::{Clock, System},
    seal::{Keyring, RootKeySource},
    tenant::{CollectionName, Generation, TenantId, TenantUuid},
};

fn gate(bench: &mut Criterion) {
    for (name, reads) in [("each", Reads::Each), ("counted", Reads::Counted)] {
        let directory = tempfile::tempdir().unwrap();
        let root = RootKeySource::File(directory.path().join("root.key"));
        let ring = Keyring::open(&directory.path().join("ring"), root.fetch().unwrap()).unwrap();
        let system = ring.make(TenantUuid::SYSTEM, Generation::FIRST).unwrap();
        let options = AuditOptions {
            reads,
            ..AuditOptions::default()
        };
        let path = directory.path().join("audit");
        let audit = AuditLog::open(&path, system.derive_signing_key(), options).unwrap();
        let (tenant, key) = (TenantUuid::from_bytes([7; 16]), ApiKey::make().unwrap());
        let keys = KeyTable::new(system.derive_hash_key(), []);
        keys.insert(ApiKeyRecord {
            id: key.id,
            hash: key.hash(keys.hasher()),
            scope: Scope::Tenant(tenant, TenantId::parse("acme").unwrap()),
            role: Role::Inference,
            name: "bench".to_owned(),
            created: System.now(),
            expires: None,
            collections: None,
            networks: None,
        });
        let limits = Limits::default();
        let quota = Quota {
            requests_per_second: NonZeroU32::new(1_000_000_000),
            ..Quota::default()
        };
        limits.set(tenant, quota, Allowance::default());
        let gate = Gate::new(Arc::new(audit), keys, limits);
        let collection = CollectionName::parse("docs").unwrap();
        let origin = Origin {
            ip: Some([10, 1, 2, 3].into()),
            certificate: None,
        };
        let ask = |request: u64| {
            let presented = Presented::new(key.reveal());
            let principal = gate.authenticate(&presented, origin, request, System.now());
            let principal = principal.unwrap();
            let target = Target::Collection(&collection);
            let grant: Grant<Search> = gate.check(&principal, target, System.now()).unwrap();
            grant
        };
        let mut request = 0;
        bench.bench_function(&format!("gate/reads={name}/threads=1"), |bench| {
            bench.iter(|| {
                request += 1;
                black_box(ask(request))
            });
        });
        // Four ask at the same time, as fast as they can: what each waits for the others counts.
        bench.bench_function(&format!("gate/reads={name}/threads=4"), |bench| {
            bench.iter_custom(|times| {
                let watch = locule::clock::Stopwatch::start();
                std::thread::scope(|scope| {
                    for _ in 0..4 {
                        scope.spawn(|| {
                            for request in 0..times {
                                drop(black_box(ask(request)));
                            }
                        });
                    }
                });
                watch.elapsed() / 4
            });
        });
    }
}

criterion_group!(benches, gate);
criterion_main!(benches);
