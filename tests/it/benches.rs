//! The benches on vectors of one's own run, print the lines that scripts read, and measure what is
//! there: in a few points every neighbour is found.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const POINTS: usize = 200;
const DIMENSION: usize = 8;

#[test]
fn search_prints_the_promised_fields_and_finds_every_neighbour_of_a_few_points() {
    let files = Files::new();
    let lines = files.lines(&["search", "--ef", "16,32"], "");
    assert_eq!(lines.len(), 2);
    for (line, ef) in lines.iter().zip([16, 32]) {
        let fields: Vec<&str> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut promised = [
            "engine",
            "n",
            "dim",
            "ef",
            "qps",
            "recall",
            "p50_us",
            "p99_us",
            "build_seconds",
            "bytes_per_vector",
        ];
        promised.sort_unstable();
        assert_eq!(fields, promised);
        assert_eq!(
            (&line["n"], &line["dim"], &line["ef"], &line["recall"]),
            (&POINTS.into(), &DIMENSION.into(), &ef.into(), &1.0.into())
        );
    }
}

#[test]
fn search_among_shares_finds_what_each_of_them_holds() {
    let files = Files::new();
    // The second share holds 2 points, fewer than are asked for.
    let lines = files.lines(&["search", "--ef", "16", "--filter-share", "0.5,0.01"], "");
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["recall"] == 1.0), "{lines:?}");
}

#[test]
fn search_on_request_measures_what_it_is_asked_and_nothing_else() {
    let files = Files::new();
    let lines = files.lines(&["search", "--on-request"], "48 2\n16\n");
    let efs: Vec<&Value> = lines.iter().map(|line| &line["ef"]).collect();
    assert_eq!(efs, [48, 16]);
    for wrong in ["", "many", "16 1 1"] {
        let refused = files.run(&["search", "--on-request"], &format!("{wrong}\n"));
        assert!(!refused.status.success(), "`{wrong}` was measured");
    }
}

#[test]
fn churn_tells_recall_in_every_stage_over_the_points_that_are_there() {
    let files = Files::new();
    let lines = files.lines(&["churn", "--ef", "32", "--seconds", "0"], "");
    let stages: Vec<(&str, u64)> = lines
        .iter()
        .map(|line| {
            (
                line["stage"].as_str().unwrap(),
                line["points"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("loaded", 200),
        ("half deleted", 100),
        ("refilled", 200),
        ("while writing", 200),
        ("written", 200),
        ("fresh", 200),
    ];
    assert_eq!(stages, expected);
    for line in lines.iter().filter(|line| line["stage"] != "while writing") {
        assert_eq!(line["recall"], 1.0, "{line}");
    }
}

#[test]
fn open_tells_of_a_cold_and_a_warm_page_cache_for_each_size() {
    let files = Files::new();
    let vectors = files.path("vectors.npy");
    let output = bench(&["open", "--vectors", &vectors, "--sizes", "50,200"], "");
    let seen: Vec<(u64, String)> = parse(&output)
        .iter()
        .map(|line| {
            let cache = line["page_cache"].as_str().unwrap().to_owned();
            (line["n"].as_u64().unwrap(), cache)
        })
        .collect();
    let both = |n: u64| [(n, "cold".to_owned()), (n, "warm".to_owned())];
    assert_eq!(seen, [both(50), both(200)].concat());
    let refused = bench(&["open", "--vectors", &vectors, "--sizes", "201"], "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds 200 vectors, not 201"));
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        write(Path::new(&files.path("vectors.npy")), POINTS);
        write(Path::new(&files.path("queries.npy")), 20);
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let (vectors, queries) = (self.path("vectors.npy"), self.path("queries.npy"));
        let files = ["--vectors", &vectors, "--queries", &queries];
        bench(&[arguments, &files[..]].concat(), input)
    }

    fn lines(&self, arguments: &[&str], input: &str) -> Vec<Value> {
        parse(&self.run(arguments, input))
    }
}

fn bench(arguments: &[&str], input: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_locule"))
        .arg("bench")
        .args(arguments)
        .arg("--json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have given up already.
    process
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .ok();
    process.wait_with_output().unwrap()
}

fn parse(output: &Output) -> Vec<Value> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// A .npy file of so many vectors, no two in one direction.
fn write(path: &Path, rows: usize) {
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {DIMENSION}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    for row in 0..rows {
        for column in 0..DIMENSION {
            let mixed = (row * DIMENSION + column + 1) * 2_654_435_761 % 1_000_003;
            let value = f32::from(u16::try_from(mixed % 2_000).unwrap()) / 1_000.0 - 1.0;
            bytes.extend(value.to_le_bytes());
        }
    }
    std::fs::write(path, bytes).unwrap();
}
