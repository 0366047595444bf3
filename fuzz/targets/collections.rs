//! Bodies about collections, aliases, payload indexes and keys: the first byte picks the route.

#![no_main]

const ROUTES: [(&str, &str); 5] = [
    ("PUT", "/collections/new"),
    ("PATCH", "/collections/docs"),
    ("PUT", "/collections/docs/index"),
    ("POST", "/collections/aliases"),
    ("POST", "/v1/keys"),
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzzed::STOCKED.with(|node| {
        node.send_to(&ROUTES, data);
        // So that the next one can be made, too.
        node.send("DELETE", "/collections/new", b"");
    });
});
