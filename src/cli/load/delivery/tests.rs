use std::io::Write;

use tokio::sync::mpsc;

use super::*;
use crate::cli::load::reader::Reader;
use crate::cli::load::row::{IdFrom, Layout};
use crate::cli::stub::{self, RESET};

const EXISTS: (&str, &str) = ("200 OK", r#"{"result":{"exists":true}}"#);
const MISSING: (&str, &str) = ("200 OK", r#"{"result":{"exists":false}}"#);
const INFO: (&str, &str) = (
    "200 OK",
    r#"{"result":{"config":{"params":{"vectors":{"size":1,"distance":"Cosine"}}}}}"#,
);
const DONE: (&str, &str) = ("200 OK", r#"{"result":true}"#);

/// Loads three points in batches of two, one request at a time. Tells how many rows were stored,
/// how it ended, and what the server was asked.
async fn load(answers: &'static [(&'static str, &'static str)]) -> (u64, String, Vec<String>) {
    let (client, asked) = stub::serve(answers).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for id in 1..=3 {
        writeln!(file, "{{\"id\":{id},\"vector\":[0.5]}}").unwrap();
    }
    let layout = Layout {
        id: IdFrom::Column("id".into()),
        vector: "vector".into(),
        skipped: Vec::new(),
    };
    let files = vec![file.path().to_owned()];
    let reader = Reader {
        files,
        layout,
        batch_rows: 2,
        skip_bad: 0,
        dimension: None,
    };
    let mut target = Target::find(&client, "docs", None).await.unwrap();
    let mut progress = Progress::start(&[]).unwrap();
    let (steps, told) = mpsc::channel(1);
    std::thread::spawn(move || reader.run(&steps));
    let mut delivery = Delivery::new(&client, 1, &mut target, &mut progress);
    let outcome = delivery.run(told).await;
    let outcome = outcome.map_or_else(|error| format!("{error:#}"), |()| "done".to_owned());
    let rows = delivery.tally().rows;
    let asked = asked
        .lock()
        .unwrap()
        .iter()
        .map(|(line, body)| format!("{line} {body}"))
        .collect();
    (rows, outcome, asked)
}

const FIRST: &str = concat!(
    "PUT /collections/docs/points?wait=true HTTP/1.1 ",
    r#"{"points":[{"id":1,"vector":[0.5],"payload":{}},{"id":2,"vector":[0.5],"payload":{}}]}"#
);

#[tokio::test]
async fn a_batch_is_sent_again_until_the_server_has_it() {
    let (rows, outcome, asked) = load(&[
        EXISTS,
        INFO,
        ("429 Too Many Requests\r\nretry-after: 0", ""),
        (RESET, ""),
        ("503 Service Unavailable", ""),
        DONE,
        DONE,
    ])
    .await;
    assert_eq!((rows, outcome.as_str()), (3, "done"));
    assert_eq!(asked[2..6], [FIRST; 4]);
    assert!(asked[6].contains(r#"{"points":[{"id":3,"#), "{}", asked[6]);
}

#[tokio::test]
async fn a_refused_batch_is_not_sent_again_and_says_which_rows_it_held() {
    let refusal = (
        "400 Bad Request",
        r#"{"status":{"error":"payload too deep"}}"#,
    );
    let answers: &'static [_] = Box::leak(Box::new([EXISTS, INFO, refusal, DONE]));
    let (rows, outcome, asked) = load(answers).await;
    assert!(
        outcome.contains("line 1 to 2 weren't stored: the server answered 400"),
        "{outcome}"
    );
    assert!(outcome.ends_with("payload too deep"), "{outcome}");
    assert!(rows <= 1, "{rows} rows counted");
    assert_eq!(asked[2], FIRST);
}

#[tokio::test]
async fn a_missing_collection_is_made_for_the_first_vector() {
    let (rows, outcome, asked) = load(&[MISSING, DONE, DONE, DONE]).await;
    assert_eq!((rows, outcome.as_str()), (3, "done"));
    assert_eq!(
        asked[1],
        r#"PUT /collections/docs HTTP/1.1 {"vectors":{"distance":"Cosine","size":1}}"#
    );
}

#[tokio::test]
async fn a_collection_made_meanwhile_has_to_fit() {
    let other = r#"{"result":{"config":{"params":{"vectors":{"size":384,"distance":"Cosine"}}}}}"#;
    let answers: &'static [_] =
        Box::leak(Box::new([MISSING, ("409 Conflict", ""), ("200 OK", other)]));
    let (rows, outcome, _) = load(answers).await;
    assert_eq!(rows, 0);
    assert!(
        outcome.contains("with vectors of 384 numbers, these hold 1"),
        "{outcome}"
    );
}
