//! Receipts and their canonical form: what reads is what is written, and nothing reads that wasn't
//! signed as it stands.

#![no_main]

use locule::ops::{canonical, receipt::SignedReceipt};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(value) = canonical::parse(data) {
        let written = canonical::bytes(&value).unwrap();
        assert_eq!(canonical::parse(&written).unwrap(), value);
        assert_eq!(canonical::bytes_of_any(&value), written);
    }
    if let Ok(receipt) = SignedReceipt::parse(data) {
        assert_eq!(receipt.document(), data.strip_suffix(b"\n").unwrap_or(data));
    }
});
