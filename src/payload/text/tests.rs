use proptest::{prelude::*, sample::select};

use super::{Split, TextMode, TextQuery, Tokenizer, TokenizerError};

fn words(settings: &str, text: &str) -> Vec<String> {
    let tokenizer = Tokenizer::from_settings(settings).unwrap();
    tokenizer
        .words(text)
        .map(|word| word.into_owned())
        .collect()
}

#[test]
fn texts_are_cut_as_the_settings_say() {
    let text = "Hello, world! Привет, мир! a_b C-3PO";
    assert_eq!(
        words("", text),
        ["hello", "world", "привет", "мир", "a", "b", "c", "3po"]
    );
    assert_eq!(
        words(r#"{"tokenizer": "whitespace", "lowercase": false}"#, text),
        ["Hello,", "world!", "Привет,", "мир!", "a_b", "C-3PO"]
    );
    assert_eq!(
        words(r#"{"min_token_len": 2, "max_token_len": 5}"#, text),
        ["hello", "world", "мир", "3po"]
    );
    assert_eq!(
        words(
            r#"{"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 3}"#,
            text
        ),
        ["hello", "world", "привет", "мир", "3po"],
        "a query is cut to the longest prefix, a text isn't"
    );
    assert_eq!(
        Tokenizer::from_settings(r#"{"min_token_len": 2, "max_token_len": 1}"#),
        Err(TokenizerError::Lengths)
    );
    assert_eq!(
        Tokenizer::from_settings(r#"{"tokenizer": "multilingual"}"#),
        Err(TokenizerError::Settings)
    );
}

fn accepts(settings: &str, mode: TextMode, query: &str, text: &str) -> bool {
    let tokenizer = Tokenizer::from_settings(settings).unwrap();
    TextQuery::new(query.to_owned(), mode)
        .under(tokenizer)
        .accepts(text)
}

#[test]
fn a_text_query_means_whole_words() {
    use TextMode::{All, Any, Phrase};
    let cases = [
        (All, "good", "goodness only", false),
        (All, "GOOD cheap", "cheap, and Good", true),
        (All, "good cheap", "good", false),
        (All, "good good", "good", true),
        (All, "", "anything", false),
        (All, "!?", "anything", false),
        (Any, "good cheap", "cheap hardware", true),
        (Any, "good cheap", "neutral", false),
        (Any, "", "", false),
        (Phrase, "cheap hardware", "very Cheap-hardware!", true),
        (Phrase, "hardware cheap", "cheap hardware", false),
        (Phrase, "a a b", "a a a b", true),
        (Phrase, "a b a c", "a b a b a c", true),
        (Phrase, "a b", "a", false),
        (Phrase, "", "a", false),
    ];
    for (mode, query, text, expected) in cases {
        assert_eq!(
            accepts("", mode, query, text),
            expected,
            "{mode:?} {query:?} {text:?}"
        );
    }
    let prefix = r#"{"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4}"#;
    let cases = [
        (All, "hel", "Hello", true),
        (All, "hello", "help", false),
        (All, "hello", "hell", true),
        (All, "h", "hello", false),
        (All, "hel wor", "world hello", true),
        (All, "hel wor", "hello", false),
        (Any, "hel wor", "world", true),
        (Any, "elo", "hello", false),
        (Phrase, "hello world", "oh hello world", true),
        (Phrase, "hel wor", "hello world", false),
    ];
    for (mode, query, text, expected) in cases {
        assert_eq!(
            accepts(prefix, mode, query, text),
            expected,
            "prefix {mode:?} {query:?} {text:?}"
        );
    }
}

fn tokenizer() -> impl Strategy<Value = Tokenizer> {
    let split = select(&[Split::Word, Split::Whitespace, Split::Prefix][..]);
    let lengths = select(&[(0, usize::MAX), (1, 2), (2, 3), (0, 1)][..]);
    (split, any::<bool>(), lengths).prop_map(|(split, lowercase, (min, max))| Tokenizer {
        split,
        lowercase,
        min,
        max,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_query_agrees_with_what_it_says_word_by_word(
        tokenizer in tokenizer(),
        query in "[abAB ,éß]{0,8}",
        text in "[abAB ,éß]{0,16}",
    ) {
        let words = |text: &str| -> Vec<String> {
            tokenizer.words(text).map(|word| word.into_owned()).collect()
        };
        let (wanted, there) = (words(&query), words(&text));
        let means = |word: &String, other: &String| {
            if tokenizer.split == Split::Prefix {
                let start: String = word.chars().take(tokenizer.max).collect();
                other.starts_with(&start)
            } else {
                word == other
            }
        };
        let has = |word: &String| there.iter().any(|other| means(word, other));
        let ask = |mode| TextQuery::new(query.clone(), mode).under(tokenizer).accepts(&text);
        let some = !wanted.is_empty();
        prop_assert_eq!(ask(TextMode::All), some && wanted.iter().all(has));
        prop_assert_eq!(ask(TextMode::Any), wanted.iter().any(has));
        let phrase = some && there.windows(wanted.len()).any(|window| window == wanted);
        prop_assert_eq!(ask(TextMode::Phrase), phrase);
    }
}
