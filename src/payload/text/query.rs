//! What a filter asks of a text's words.

use std::borrow::Cow;

use super::Tokenizer;

/// Which of a query's words a text must have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextMode {
    /// All of them, in any order.
    All,
    /// One of them.
    Any,
    /// All of them, side by side and in order. Words are whole, whatever the tokenizer.
    Phrase,
}

/// A text that is asked for. One without words means nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextQuery {
    text: String,
    mode: TextMode,
    tokenizer: Tokenizer,
    /// Of a phrase, in order; else sorted, and each once.
    words: Vec<String>,
    /// For each word of a phrase: how much of the phrase's beginning ends with it. So a text is
    /// read once, however often it starts to look like the phrase.
    restarts: Vec<usize>,
}

impl TextQuery {
    /// A text that is asked for, cut into words by default.
    pub fn new(text: String, mode: TextMode) -> Self {
        Self::cut(text, mode, Tokenizer::default())
    }

    /// The same text, cut as an index cuts its texts.
    pub fn under(&self, tokenizer: Tokenizer) -> Self {
        Self::cut(self.text.clone(), self.mode, tokenizer)
    }

    fn cut(text: String, mode: TextMode, tokenizer: Tokenizer) -> Self {
        let mut words: Vec<String> = tokenizer.words(&text).map(Cow::into_owned).collect();
        let mut restarts = Vec::new();
        if mode == TextMode::Phrase {
            restarts = self::restarts(&words);
        } else {
            if tokenizer.by_prefix() {
                for word in &mut words {
                    word.truncate(tokenizer.cut(word).len());
                }
            }
            words.sort_unstable();
            words.dedup();
        }
        Self {
            text,
            mode,
            tokenizer,
            words,
            restarts,
        }
    }

    pub(in crate::payload) const fn mode(&self) -> TextMode {
        self.mode
    }

    pub(in crate::payload) const fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    pub(in crate::payload) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether a query's word means every word that starts with it.
    pub(in crate::payload) fn by_prefix(&self) -> bool {
        self.tokenizer.by_prefix() && self.mode != TextMode::Phrase
    }

    /// Whether a text is meant.
    pub(in crate::payload) fn accepts(&self, text: &str) -> bool {
        if self.words.is_empty() {
            return false;
        }
        let mut of_text = self.tokenizer.words(text);
        match self.mode {
            TextMode::Phrase => self.phrase_in(of_text),
            TextMode::All | TextMode::Any if self.by_prefix() => {
                let mut of_text: Vec<Cow<'_, str>> = of_text.collect();
                of_text.sort_unstable();
                let starts = |start: &String| {
                    let first = of_text.partition_point(|word| **word < **start);
                    of_text
                        .get(first)
                        .is_some_and(|word| word.starts_with(start))
                };
                match self.mode {
                    TextMode::Any => self.words.iter().any(starts),
                    TextMode::All | TextMode::Phrase => self.words.iter().all(starts),
                }
            }
            TextMode::Any => of_text.any(|word| self.place(&word).is_some()),
            TextMode::All => {
                let mut missing = self.words.len();
                let mut seen = vec![false; missing];
                for place in of_text.filter_map(|word| self.place(&word)) {
                    if let Some(seen) = seen.get_mut(place).filter(|seen| !**seen) {
                        *seen = true;
                        missing -= 1;
                    }
                    if missing == 0 {
                        return true;
                    }
                }
                false
            }
        }
    }

    fn place(&self, word: &str) -> Option<usize> {
        self.words
            .binary_search_by(|own| own.as_str().cmp(word))
            .ok()
    }

    /// Whether words have the phrase somewhere (by Knuth, Morris and Pratt).
    fn phrase_in<'a>(&self, of_text: impl Iterator<Item = Cow<'a, str>>) -> bool {
        let mut matched = 0;
        for word in of_text {
            matched = step(&self.words, &self.restarts, matched, &word);
            if matched == self.words.len() {
                return true;
            }
        }
        false
    }
}

/// How much of a phrase is there after one more word.
fn step(phrase: &[String], restarts: &[usize], mut matched: usize, word: &str) -> usize {
    loop {
        if phrase.get(matched).is_some_and(|own| own == word) {
            return matched + 1;
        }
        match matched.checked_sub(1).and_then(|last| restarts.get(last)) {
            Some(shorter) => matched = *shorter,
            None => return 0,
        }
    }
}

fn restarts(phrase: &[String]) -> Vec<usize> {
    let mut restarts: Vec<usize> = Vec::with_capacity(phrase.len());
    for (at, word) in phrase.iter().enumerate() {
        let matched = restarts.last().copied().unwrap_or(0);
        restarts.push(if at == 0 {
            0
        } else {
            step(phrase, &restarts, matched, word)
        });
    }
    restarts
}
