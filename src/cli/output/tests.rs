use serde_json::json;

use super::*;

#[test]
fn a_payload_cannot_speak_to_the_terminal() {
    assert_eq!(plain("a\u{1b}[2Jb\r\nc\u{9b}"), "a [2Jb  c ");
    assert_eq!(shortened("  two\nlines ", 20), "two lines");
}

#[test]
fn a_long_text_is_cut_by_characters_and_shows_it() {
    assert_eq!(shortened("éééé", 4), "éééé");
    assert_eq!(shortened("ééééé", 4), "ééé…");
}

#[test]
fn cells_read_like_a_persons_notes() {
    let value = json!({"id": "acme", "quota": {"points_max": 5, "requests_per_second": null},
        "collections": ["a", "b"], "none": [], "empty": {}, "on": true});
    for (pointer, shown) in [
        ("/id", "acme"),
        ("/quota", "points_max=5"),
        ("/collections", "a,b"),
        ("/none", "-"),
        ("/empty", "-"),
        ("/missing", "-"),
        ("/on", "true"),
    ] {
        assert_eq!(cell(&value, pointer), shown, "{pointer}");
    }
}

#[test]
fn thousands_are_set_apart() {
    for (number, shown) in [
        (0, "0"),
        (999, "999"),
        (1_000, "1,000"),
        (1_234_567, "1,234,567"),
    ] {
        assert_eq!(count(number), shown);
    }
}
