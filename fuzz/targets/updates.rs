//! Bodies of what changes points: the first byte picks the route.

#![no_main]

const ROUTES: [(&str, &str); 8] = [
    ("POST", "/collections/docs/points/delete"),
    ("POST", "/collections/docs/points/payload"),
    ("PUT", "/collections/docs/points/payload"),
    ("POST", "/collections/docs/points/payload/delete"),
    ("POST", "/collections/docs/points/payload/clear"),
    ("PUT", "/collections/docs/points/vectors"),
    ("POST", "/collections/docs/points/vectors/delete"),
    ("POST", "/collections/docs/points/batch"),
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzzed::STOCKED.with(|node| node.send_to(&ROUTES, data));
});
