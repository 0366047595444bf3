//! Golden bytes of what the catalog keeps of tenants and of their credentials. `access` knows no store,
//! so its records are held to theirs here.

use std::num::NonZeroU32;

use proptest::prelude::*;

use crate::{
    access::{
        Allowance, ApiKeyId, ApiKeyRecord, Family, Fingerprint, KeyExtras, KeyLimits, Policy,
        PolicyRecord, Quota, Role, Scope, StoredAnswered, StoredExtras, StoredFamily,
        StoredSuspension, SuspendedSubject, TokenKeyRecord, Watch,
    },
    clock::Timestamp,
    router::{TenantRecord, TenantState},
    seal::KeyedHash,
    store::{FamilyName, golden, is_record},
    tenant::{CollectionName, Generation, TenantId, TenantUuid},
};

const AT: Timestamp = Timestamp(1_800_000_000_000);
const KEY: ApiKeyId = ApiKeyId([3; 8]);

fn hash() -> KeyedHash {
    let codec = bincode::config::standard();
    let (hash, _) = bincode::serde::decode_from_slice(&[9; 32], codec).unwrap();
    hash
}

#[test]
fn golden_tenants_read_back() {
    let record = TenantRecord {
        uuid: TenantUuid::from_bytes([7; 16]),
        id: TenantId::parse("acme").unwrap(),
        state: TenantState::Suspended,
        generation: Generation(4),
        shelf: 2,
        family: FamilyName([0xa1; 16]),
        quota: Quota {
            points_max: Some(1_000),
            requests_per_second: NonZeroU32::new(50),
        },
        region: Some("eu".to_owned()),
        created: AT,
    };
    golden(&record, include_bytes!("../../tests/golden/tenant.v1.bin"));
}

#[test]
fn golden_keys_read_back() {
    let tenant = TenantUuid::from_bytes([7; 16]);
    let names = [CollectionName::parse("docs").unwrap()];
    let record = ApiKeyRecord {
        id: KEY,
        hash: hash(),
        scope: Scope::Tenant(tenant, TenantId::parse("acme").unwrap()),
        role: Role::Inference,
        name: "a worker".to_owned(),
        created: AT,
        expires: Some(Timestamp(AT.0 + 1)),
        collections: Some(names.into()),
        networks: Some(vec![
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ]),
    };
    golden(&record, include_bytes!("../../tests/golden/api_key.v1.bin"));
    let operator = ApiKeyRecord {
        id: ApiKeyId::OPERATOR,
        scope: Scope::Node,
        role: Role::Operator,
        expires: None,
        collections: None,
        networks: None,
        ..record
    };
    golden(
        &operator,
        include_bytes!("../../tests/golden/api_key_operator.v1.bin"),
    );
}

#[test]
fn golden_extras_of_keys_read_back() {
    let extras = KeyExtras {
        certificate: Fingerprint::parse(&"ab".repeat(32)),
        limits: KeyLimits {
            requests_per_second: NonZeroU32::new(5),
            bytes_per_second: NonZeroU32::new(1 << 20),
            concurrent_requests: NonZeroU32::new(8),
        },
        replaces: Some(KEY),
        last_used: Some(AT),
        suspended: Some(Timestamp(AT.0 + 1)),
    };
    let stored = StoredExtras::from(&extras);
    let v2 = include_bytes!("../../tests/golden/key_extras.v2.bin");
    golden(&stored, v2);
    assert_eq!(KeyExtras::from(stored), extras);
    // Those of before are read: what they don't say has no limit.
    let stored = StoredExtras::V1 {
        certificate: extras.certificate,
        requests_per_second: extras.limits.requests_per_second,
        replaces: extras.replaces,
        last_used: extras.last_used,
        suspended: extras.suspended,
    };
    let v1 = include_bytes!("../../tests/golden/key_extras.v1.bin");
    golden(&stored, v1);
    let limits = KeyLimits {
        requests_per_second: extras.limits.requests_per_second,
        ..KeyLimits::default()
    };
    assert_eq!(KeyExtras::from(stored), KeyExtras { limits, ..extras });
}

#[test]
fn golden_families_of_refresh_tokens_read_back() {
    let family = Family {
        key: KEY,
        role: Role::Writer,
        token_seconds: 900,
        number: 6,
        expires: AT,
        revoked: Some(Timestamp(AT.0 - 1)),
    };
    golden(
        &StoredFamily::V1(family),
        include_bytes!("../../tests/golden/refresh_family.v1.bin"),
    );
}

#[test]
fn golden_token_keys_read_back() {
    let record = TokenKeyRecord {
        number: 5,
        made: AT,
    };
    golden(
        &record,
        include_bytes!("../../tests/golden/token_key.v1.bin"),
    );
}

#[test]
fn golden_policies_of_tenants_read_back() {
    let policy = Policy {
        allowance: Allowance {
            bytes_per_second: NonZeroU32::new(1 << 20),
            concurrent_requests: NonZeroU32::new(8),
            disk_bytes_max: Some(1 << 30),
        },
        watch: Watch {
            distinct_points_per_day: NonZeroU32::new(5_000),
            refuse_past_distinct_points: true,
            suspend_after_refusals: NonZeroU32::new(100),
            suspend_after_networks: None,
        },
    };
    golden(
        &PolicyRecord::V1(policy),
        include_bytes!("../../tests/golden/tenant_policy.v1.bin"),
    );
}

#[test]
fn golden_points_that_keys_were_answered_read_back() {
    golden(
        &StoredAnswered::V1(vec![0, 1, 0xffff_fffe]),
        include_bytes!("../../tests/golden/answered.v1.bin"),
    );
}

#[test]
fn golden_suspended_subjects_read_back() {
    let subject = SuspendedSubject {
        tenant: TenantUuid::from_bytes([7; 16]),
        actor: "idp:0123456789abcdef".to_owned(),
        since: AT,
    };
    golden(
        &StoredSuspension::V1(subject),
        include_bytes!("../../tests/golden/suspended_subject.v1.bin"),
    );
}

proptest! {
    /// Of each version, and of none that there is.
    #[test]
    fn no_bytes_in_place_of_a_keys_extras_panic(
        version in 0_u32..4,
        rest in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..96),
    ) {
        let bytes = [&version.to_le_bytes()[..], &rest].concat();
        let is_one = is_record::<StoredExtras>(&bytes);
        prop_assert!(!is_one || version < 2);
    }

    /// A length that promises more than there is, above all.
    #[test]
    fn no_bytes_in_place_of_what_a_key_was_answered_panic(
        start in prop::sample::select(vec![&[][..], &[0; 4], &[0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]]),
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let bytes = [start, &rest].concat();
        let fits = bytes.len() >= 12 && bytes[..4] == [0; 4]
            && u64::from_le_bytes(bytes[4..12].try_into().unwrap()) <= (bytes.len() as u64 - 12) / 4;
        prop_assert_eq!(is_record::<StoredAnswered>(&bytes), fits);
    }
}
