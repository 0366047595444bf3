//! What the repository doesn't let anyone do: import upwards, import a crate outside its home,
//! leave a module without its story, or grow a file that no one can hold in the head.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The layers, the lowest first. A folder or file of `src` may import what stands in an earlier
/// group, and what it is told below.
const LAYERS: [&[&str]; 11] = [
    &[
        "tenant",
        "vector",
        "payload",
        "clock",
        "telemetry",
        "failpoint",
        "priority",
    ],
    &["seal"],
    &["audit"],
    &["access", "index", "store"],
    &["partition"],
    &["router"],
    &["ops"],
    &["engine"],
    &["http", "outbound"],
    &["config"],
    &["cli"],
];

/// Imports within a group.
const BESIDE: [(&str, &str); 4] = [
    ("payload", "tenant"),
    ("payload", "clock"),
    ("telemetry", "tenant"),
    ("telemetry", "clock"),
];

/// Crates that have one home, and what to use elsewhere.
const HOMES: [(&str, &[&str], &str); 23] = [
    (
        "rocksdb",
        &["store/"],
        "store's shelves, families and catalog",
    ),
    ("aes_gcm", &["seal/hazmat.rs"], "seal"),
    ("hkdf", &["seal/hazmat.rs"], "seal"),
    ("hmac", &["seal/hazmat.rs"], "seal"),
    ("sha2", &["seal/hazmat.rs"], "seal::digest"),
    ("ed25519_dalek", &["seal/sign.rs"], "seal::SigningKey"),
    ("getrandom", &["seal/"], "seal::random_bytes"),
    ("age", &["seal/custody.rs"], "seal::Keeper"),
    ("hnsw_rs", &["index/graph/"], "index"),
    ("simsimd", &["index/kernels/"], "index"),
    ("axum", &["http/"], "engine"),
    ("utoipa", &["http/"], "http"),
    ("flate2", &["http/body.rs"], "http::body"),
    ("reqwest", &["cli/", "outbound/"], "outbound"),
    ("jsonwebtoken", &["access/token/"], "access::Tokens"),
    (
        "hyper",
        &[
            "http/serve/",
            "http/control/backups.rs",
            "cli/client/transfer.rs",
        ],
        "axum",
    ),
    (
        "rustls",
        &["http/serve/", "cli/client/error.rs"],
        "http::Server",
    ),
    ("tower_http", &["http/"], "http"),
    ("clap", &["cli/"], "config"),
    ("anyhow", &["cli/"], "an error enum of the layer's own"),
    ("rustix", &["cli/bench/", "priority.rs"], "priority"),
    ("governor", &["access/limit.rs"], "access::Limits"),
    ("geo", &["payload/region.rs"], "payload::region"),
];

/// Layers that know nothing of JSON: what they store is bytes.
const WITHOUT_JSON: [&str; 5] = ["seal", "store", "index", "partition", "router"];

/// Longest file: longer ones want to be two.
const LINES_MAX: usize = 500;

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let own = module(&path);
        let Some(layer) = layer(&own) else {
            if !matches!(own.as_str(), "lib" | "main") {
                wrong.push(format!(
                    "{}: `{own}` isn't in the table of layers",
                    path.display()
                ));
            }
            continue;
        };
        for (number, target) in crate_imports(&text) {
            let down = target == own
                || BESIDE.contains(&(own.as_str(), target.as_str()))
                || self::layer(&target).is_some_and(|other| other < layer);
            if !down {
                wrong.push(format!(
                    "{}:{number}: `{own}` imports `{target}`, which isn't below it",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_stay_at_home() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let relative = path
            .strip_prefix(root().join("src"))
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        for (name, homes, instead) in HOMES {
            if homes.iter().any(|home| relative.starts_with(home)) {
                continue;
            }
            for (number, line) in code_lines(&text) {
                let import = line.trim_start().starts_with(&format!("use {name}"));
                // Not the end of a longer name, and not a module of that name.
                let begins = |at: usize| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                };
                let path = format!("{name}::");
                if import || line.match_indices(&path).any(|(at, _)| begins(at)) {
                    wrong.push(format!("{relative}:{number}: `{name}`; use {instead}"));
                }
            }
        }
        if WITHOUT_JSON.contains(&module(&path).as_str()) && text.contains("serde_json::") {
            wrong.push(format!("{relative}: serde_json; this layer stores bytes"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_tells_its_story_and_fits_in_a_head() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//!") && path.file_stem().is_none_or(|stem| stem != "tests") {
            wrong.push(format!(
                "{}: doesn't open with a module doc",
                path.display()
            ));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!(
                "{}: {lines} lines, more than {LINES_MAX}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_invariant_of_the_architecture_names_a_test_that_is_there() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut named = 0;
    for line in text.lines().filter(|line| line.contains("**Invariant")) {
        let path = line.rsplit('`').nth(1).unwrap_or_default();
        let (file, test) = path.split_once("::").unwrap_or((path, ""));
        // A folder of tests, or a file.
        let mut there = root().join("tests").join(file);
        if !there.exists() {
            there.set_extension("rs");
        }
        assert!(there.exists(), "{line}\n{} isn't there", there.display());
        if !test.is_empty() {
            let all: String = tree(&there)
                .map(|file| fs::read_to_string(file).unwrap())
                .collect();
            assert!(
                all.contains(&format!("fn {test}(")),
                "{line}\nno test `{test}` in {file}"
            );
        }
        named += 1;
    }
    assert!(named >= 8, "only {named} invariants are named");
}

fn root() -> PathBuf {
    crate::harness::checkout("")
}

fn sources() -> Vec<(PathBuf, String)> {
    let sources: Vec<_> = tree(&root().join("src"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();
    assert!(
        sources.len() > 50,
        "the walk found only {} files",
        sources.len()
    );
    sources
}

/// Every Rust file at or below a path.
fn tree(path: &Path) -> Box<dyn Iterator<Item = PathBuf>> {
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        entries.sort();
        Box::new(entries.into_iter().flat_map(|entry| tree(&entry)))
    } else {
        let rust = path.extension().is_some_and(|extension| extension == "rs");
        Box::new(rust.then(|| path.to_owned()).into_iter())
    }
}

/// The top-level module that a file belongs to.
fn module(path: &Path) -> String {
    let relative = path.strip_prefix(root().join("src")).unwrap();
    let first = relative
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Lines of code: no comments, and nothing behind the tests of a file.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The top-level modules that a file imports, with line numbers: `use crate::a::..`,
/// `use crate::{a::.., b}`, and paths in code.
fn crate_imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut depth_in_use: Option<usize> = None;
    for (number, line) in code_lines(text) {
        if let Some(depth) = &mut depth_in_use {
            if *depth == 1 {
                found.push((number, first_word(line.trim_start())));
            }
            *depth += line.matches('{').count();
            *depth = depth.saturating_sub(line.matches('}').count());
            if *depth == 0 {
                depth_in_use = None;
            }
            continue;
        }
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let depth = 1 + group.matches('{').count() - group.matches('}').count().min(1);
                if depth == 1 && !group.contains('}') {
                    depth_in_use = Some(1);
                } else {
                    found.extend(
                        group
                            .split(',')
                            .map(|item| (number, first_word(item.trim()))),
                    );
                }
            } else {
                found.push((number, first_word(rest)));
            }
        }
    }
    found.retain(|(_, word)| !word.is_empty() && word != "self");
    found
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn the_import_reader_sees_every_form() {
    let text = "use crate::seal;\nuse crate::{\n    store::{Batch, key},\n    tenant::TenantId,\n};\n\
                fn f() { crate::http::g() }\nuse crate::{audit, clock::Clock};\n// crate::never\n";
    let mut seen: Vec<String> = crate_imports(text)
        .into_iter()
        .map(|(_, word)| word)
        .collect();
    seen.sort();
    assert_eq!(seen, ["audit", "clock", "http", "seal", "store", "tenant"]);
}
