//! Bodies of upserts, whole and as batches.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzzed::STOCKED.with(|node| node.send("PUT", "/collections/docs/points", data));
});
