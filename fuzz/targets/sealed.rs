//! Envelopes and storage keys: nothing opens that wasn't sealed for its place, and a key that reads
//! back is the one that was written.

#![no_main]

use locule::{
    seal::{DataKey, Keyring, RootKeySource},
    store::StorageKey,
    tenant::{Generation, TenantUuid},
};

thread_local! {
    static KEY: DataKey = {
        let directory = tempfile::tempdir().unwrap();
        let root = RootKeySource::File(directory.path().join("root.key")).fetch().unwrap();
        let keyring = Keyring::open(&directory.path().join("ring"), root).unwrap();
        let tenant = TenantUuid::from_bytes([1; 16]);
        keyring.make(tenant, Generation::FIRST).unwrap().derive_data_key(0)
    };
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(key) = StorageKey::from_bytes(data) {
        assert_eq!(key.as_bytes(), data);
    }
    KEY.with(|key| {
        assert!(key.open(1, b"a place", data).is_err());
        let sealed = key.seal(1, b"a place", data).unwrap();
        let opened = key.open(1, b"a place", sealed.as_bytes());
        assert_eq!(opened.unwrap(), data);
        // Every byte counts.
        let mut bytes = sealed.as_bytes().to_vec();
        let at = data.first().map_or(0, |byte| usize::from(*byte)) % bytes.len();
        bytes[at] ^= 1 << (data.len() % 8);
        assert!(key.open(1, b"a place", &bytes).is_err());
    });
});
