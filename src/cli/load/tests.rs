use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray, UInt64Array};
use tempfile::NamedTempFile;

use super::reader::Step;
use super::row::Row;
use super::*;
use crate::cli::columns::tests::{parquet_of, vectors};

fn layout() -> Layout {
    Layout {
        id: IdFrom::Column("id".to_owned()),
        vector: "vector".to_owned(),
        skipped: Vec::new(),
    }
}

fn parse(line: &str, layout: &Layout) -> String {
    match ndjson::parse(line.as_bytes(), layout, 9) {
        Ok(row) => serde_json::to_string::<Row>(&row).unwrap(),
        Err(error) => format!("{error:#}"),
    }
}

fn check(line: &str, expected: &str) {
    let got = parse(line, &layout());
    assert!(
        got.contains(expected),
        "{line} gave {got} instead of {expected}"
    );
}

#[test]
fn a_line_is_nested_or_flat() {
    check(
        r#"{"id": 1, "vector": [1, 0.5], "payload": {"b": 1.10, "a": [true]}}"#,
        r#"{"id":1,"vector":[1.0,0.5],"payload":{"b": 1.10, "a": [true]}}"#,
    );
    check(
        r#"{"id": 1, "vector": [1], "title": "x", "n": 12345678901234567890123}"#,
        r#""payload":{"n":12345678901234567890123,"title":"x"}"#,
    );
    check(
        r#"{"id": 1, "vector": [1], "payload": null}"#,
        r#""payload":{}"#,
    );
    check(
        r#"{"id": 1, "vector": [1], "payload": "heavy"}"#,
        r#""payload":{"payload":"heavy"}"#,
    );
    check(
        r#"{"id": 1, "vector": [1], "payload": {}, "x": 1}"#,
        "fields beside it (x)",
    );
}

#[test]
fn a_bad_line_says_what_is_wrong_with_it() {
    for (line, expected) in [
        ("[1, 2]", "a JSON array begins here"),
        ("nonsense", "it isn't a JSON object"),
        (
            r#"{"vector": [1], "key": 5}"#,
            "there's no field `id`; the fields are `key`, `vector`",
        ),
        (r#"{"vector": [1], "key": 5}"#, "--id-from-row"),
        (r#"{"id": 1, "vec": [1]}"#, "there's no field `vector`"),
        (r#"{"id": -1, "vector": [1]}"#, "the id -1 is neither"),
        (
            r#"{"id": "doc-1", "vector": [1]}"#,
            "the id \"doc-1\" is neither",
        ),
        (r#"{"id": 1.5, "vector": [1]}"#, "the id 1.5 is neither"),
        (r#"{"id": 1, "vector": "x"}"#, "isn't a list of numbers"),
        (
            r#"{"id": 1, "vector": [1, null]}"#,
            "isn't a list of numbers",
        ),
        (r#"{"id": 1, "vector": []}"#, "the vector is empty"),
        (r#"{"id": 1, "vector": [1, 1e300]}"#, "number out of range"),
    ] {
        check(line, expected);
    }
}

#[test]
fn ids_can_come_from_the_row_and_fields_can_be_left_out() {
    let layout = Layout {
        id: IdFrom::Row,
        vector: "v".to_owned(),
        skipped: vec!["secret".to_owned()],
    };
    assert_eq!(
        parse(r#"{"id": "doc-1", "v": [2], "secret": 1}"#, &layout),
        r#"{"id":9,"vector":[2.0],"payload":{"id":"doc-1"}}"#
    );
}

/// What a reader tells of some files: bodies of batches, skipped rows, and how it ended.
fn told(files: &[&NamedTempFile], change: impl FnOnce(&mut Reader)) -> Vec<String> {
    let mut reader = Reader {
        files: files.iter().map(|file| file.path().to_owned()).collect(),
        layout: layout(),
        batch_rows: 2,
        skip_bad: 0,
        dimension: None,
    };
    change(&mut reader);
    let mut told = Vec::new();
    let outcome = reader.check().and_then(|()| {
        reader.read(&mut |step| {
            told.push(match step {
                Step::Batch(batch) => String::from_utf8(batch.body).unwrap(),
                Step::Skipped(reason) => reason,
            });
            true
        })
    });
    told.extend(outcome.err().map(|error| format!("{error:#}")));
    told
}

fn ndjson_of(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn batches_are_bodies_of_upserts_and_end_with_their_file() {
    let row = |id: u8| format!("{{\"id\":{id},\"vector\":[1.0],\"payload\":{{}}}}");
    let first = ndjson_of(&format!("\u{feff}{}\n\n{}\r\n{}", row(1), row(2), row(3)));
    let second = ndjson_of(&row(4));
    assert_eq!(
        told(&[&first, &second], |_| {}),
        [
            format!("{{\"points\":[{},{}]}}", row(1), row(2)),
            format!("{{\"points\":[{}]}}", row(3)),
            format!("{{\"points\":[{}]}}", row(4)),
        ]
    );
}

#[test]
fn bad_rows_stop_the_load_unless_they_may_be_left_out() {
    let file = ndjson_of("{\"id\":1,\"vector\":[1]}\n\nbad\n{\"id\":2,\"vector\":[1,2]}\n");
    let name = file.path().display();
    let stopped = told(&[&file], |_| {});
    assert_eq!(stopped.len(), 1, "{stopped:?}");
    assert!(stopped[0].starts_with(&format!("{name} line 3: it isn't a JSON object")));

    let skipped = told(&[&file], |reader| reader.skip_bad = 1);
    assert!(skipped[0].contains("line 3"), "{skipped:?}");
    assert!(
        skipped[1].starts_with("more than 1 bad rows; the last one: "),
        "{skipped:?}"
    );
    assert!(skipped[1].contains("line 4: the vector holds 2 numbers, the ones before it hold 1"));

    let skipped = told(&[&file], |reader| reader.skip_bad = 2);
    assert_eq!(skipped.len(), 3);
    assert!(
        skipped[2].starts_with(r#"{"points":[{"id":1,"#),
        "{skipped:?}"
    );
}

#[test]
fn a_vector_of_another_size_than_the_collections_stops_the_load_at_once() {
    let file = ndjson_of("{\"id\":1,\"vector\":[1]}\n");
    let told = told(&[&file], |reader| reader.dimension = Some(384));
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with(
        "the vector holds 1 numbers, the collection is there already and its vectors hold 384"
    ));
}

#[test]
fn parquet_rows_become_points() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(UInt64Array::from(vec![7, 8]))),
        (
            "title",
            Arc::new(StringArray::from(vec![Some("one"), None])),
        ),
        ("vector", vectors()),
        ("stars", Arc::new(Int64Array::from(vec![4, 5]))),
    ];
    let file = parquet_of(columns);
    assert_eq!(
        told(&[&file], |_| {}),
        [concat!(
            r#"{"points":[{"id":7,"vector":[0.5,1.0],"payload":{"title":"one","stars":4}},"#,
            r#"{"id":8,"vector":[0.1,-2.0],"payload":{"stars":5}}]}"#
        )]
    );
    let told = told(&[&file, &file], |reader| {
        reader.layout.id = IdFrom::Row;
        reader.layout.skipped = vec!["title".to_owned(), "stars".to_owned()];
    });
    assert_eq!(
        told[1],
        concat!(
            r#"{"points":[{"id":3,"vector":[0.5,1.0],"payload":{"id":7}},"#,
            r#"{"id":4,"vector":[0.1,-2.0],"payload":{"id":8}}]}"#
        )
    );
}

#[test]
fn a_file_that_cannot_be_loaded_is_found_before_anything_is_read() {
    let good = ndjson_of("{\"id\":1,\"vector\":[1]}\n");
    let nameless = parquet_of(vec![
        ("doc", Arc::new(Int64Array::from(vec![1, 2]))),
        ("vector", vectors()),
    ]);
    let told_of = told(&[&good, &nameless], |_| {});
    assert_eq!(told_of.len(), 1);
    assert!(told_of[0].contains("there's no column `id`; the columns are `doc`, `vector`"));
    assert!(told_of[0].contains("--id-from-row"));

    let bytes = arrow_array::BinaryArray::from(vec![b"a".as_slice(), b"b"]);
    let images = parquet_of(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("vector", vectors()),
        ("image", Arc::new(bytes)),
    ]);
    assert!(told(&[&images], |_| {})[0].contains("--skip-columns image leaves it out"));
    assert!(
        told(&[&images], |r| r.layout.skipped = vec!["image".to_owned()])[0].contains("points")
    );

    let zipped = NamedTempFile::new().unwrap();
    std::fs::write(zipped.path(), b"\x1f\x8b\x08").unwrap();
    assert!(told(&[&zipped], |_| {})[0].contains("compressed with gzip"));
}
