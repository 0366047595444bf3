//! Bodies of what reads points: the first byte picks the route.

#![no_main]

const ROUTES: [(&str, &str); 12] = [
    ("POST", "/collections/docs/points/query"),
    ("POST", "/collections/docs/points/query/batch"),
    ("POST", "/collections/docs/points/query/groups"),
    ("POST", "/collections/docs/points/search"),
    ("POST", "/collections/docs/points/search/batch"),
    ("POST", "/collections/docs/points/search/groups"),
    ("POST", "/collections/docs/points/recommend"),
    ("POST", "/collections/docs/points/recommend/batch"),
    ("POST", "/collections/docs/points/scroll"),
    ("POST", "/collections/docs/points/count"),
    ("POST", "/collections/docs/facet"),
    ("POST", "/collections/docs/points"),
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzzed::STOCKED.with(|node| node.send_to(&ROUTES, data));
});
