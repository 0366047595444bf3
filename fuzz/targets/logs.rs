//! The audit log and extracts of it: what doesn't follow from what came before is refused, and what holds does so
//! however it is cut into an extract.

#![no_main]

use locule::audit::{Checkpoint, verify, verify_extract};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(entries) = verify(data) {
        let lines = data.split(|byte| *byte == b'\n').count() as u64;
        assert!(entries <= lines);
    }
    if let Ok(found) = verify_extract(data, None) {
        assert!(found.unsigned <= found.last.seq);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        drop(Checkpoint::read(text, None));
    }
});
