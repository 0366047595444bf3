use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use super::backoff::{ASKED_FOR_MAX, ATTEMPTS_MAX, DELAY_FIRST, DELAY_MAX, delay};
use super::error::told;
use super::*;

fn connection(url: &str) -> Connection {
    Connection {
        url: url.to_owned(),
        api_key: Some(ApiKey("lcl_a_secret".to_owned())),
        ca: None,
        identity: None,
    }
}

#[test]
fn an_address_that_cannot_work_is_refused_with_what_to_write_instead() {
    let refusal = |url| Client::new(&connection(url)).unwrap_err().to_string();
    assert!(refusal("ftp://locule.example").contains("begin with https:// or http://"));
    assert!(refusal("localhost:6333").contains("begin with https:// or http://"));
    assert!(refusal("127.0.0.1:6333").contains("http://127.0.0.1:6333"));
}

#[test]
fn a_name_stays_one_segment_of_the_path() {
    let client = Client::new(&connection("http://127.0.0.1:6333/behind/proxy/")).unwrap();
    let url = client.at(&["collections", "a/b c?#", "points"]).unwrap();
    assert_eq!(
        url.as_str(),
        "http://127.0.0.1:6333/behind/proxy/collections/a%2Fb%20c%3F%23/points"
    );
    for name in ["", ".", ".."] {
        assert!(
            client.at(&["v1", "tenants", name]).is_err(),
            "{name:?} was let through"
        );
    }
}

#[test]
fn a_key_is_sent_as_a_header_and_shown_nowhere() {
    let client = Client::new(&connection("http://127.0.0.1:6333")).unwrap();
    let request = client.prepare(Method::GET, &["collections"], None).unwrap();
    assert_eq!(request.headers()["api-key"], "lcl_a_secret");
    for shown in [
        format!("{client:?}"),
        format!("{request:?}"),
        format!("{:?}", connection("")),
    ] {
        assert!(!shown.contains("secret"), "{shown}");
    }
}

#[test]
fn both_error_shapes_are_understood() {
    let qdrant = br#"{"status":{"error":"collection `x` not found"},"time":0.1}"#;
    assert_eq!(told(qdrant).as_deref(), Some("collection `x` not found"));
    let problem = br#"{"title":"Not allowed","detail":"a writer can't list keys","status":403}"#;
    assert_eq!(told(problem).as_deref(), Some("a writer can't list keys"));
    assert_eq!(
        told(br#"{"title":"Not found","status":404}"#).as_deref(),
        Some("Not found")
    );
    assert_eq!(
        told(b"<html>bad gateway</html>").as_deref(),
        Some("<html>bad gateway</html>")
    );
    assert_eq!(told(b""), None);
}

#[test]
fn a_refusal_says_whether_a_key_was_sent_and_how_long_to_wait() {
    let mut headers = HeaderMap::new();
    let refused =
        |status, headers: &_, had_key| ClientError::refused(status, headers, b"", had_key);
    let error = refused(StatusCode::UNAUTHORIZED, &headers, false);
    assert!(error.to_string().contains("no key was sent"));
    assert!(!error.is_passing());
    let error = refused(StatusCode::UNAUTHORIZED, &headers, true);
    assert!(error.to_string().contains("unknown, expired or revoked"));

    headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
    let error = refused(StatusCode::TOO_MANY_REQUESTS, &headers, true);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert!(error.is_passing());
}

#[test]
fn retries_back_off_up_to_a_limit_and_then_end() {
    assert_eq!(delay(1, None), Some(DELAY_FIRST));
    assert_eq!(delay(2, None), Some(DELAY_FIRST * 2));
    assert_eq!(delay(ATTEMPTS_MAX - 1, None), Some(DELAY_MAX));
    assert_eq!(delay(ATTEMPTS_MAX, None), None);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(delay(1, seconds(30)), seconds(30));
    assert_eq!(delay(1, seconds(0)), Some(DELAY_FIRST));
    assert_eq!(delay(1, seconds(1 << 40)), Some(ASKED_FOR_MAX));
    assert_eq!(delay(ATTEMPTS_MAX, seconds(1)), None);
}
