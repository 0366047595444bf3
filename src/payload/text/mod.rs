//! Words: how a text is cut into them, and what a filter asks of a text's words.
//!
//! Owns: tokenizers, and the one definition of what a text condition means. The evaluator, the
//! text index and the planner all ask here.

mod query;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;

pub use self::query::{TextMode, TextQuery};

/// Cuts texts into words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tokenizer {
    split: Split,
    lowercase: bool,
    /// Shortest word, in characters: shorter ones are left out.
    min: usize,
    /// Longest word, in characters. Longer ones are left out; of a prefix, the rest is.
    max: usize,
}

/// Where a text is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// At everything that is neither letter nor digit.
    #[default]
    Word,
    /// At white space.
    Whitespace,
    /// As words; and a query means the words that start with its own.
    Prefix,
}

impl Default for Tokenizer {
    /// What cuts a text that no index says anything about.
    fn default() -> Self {
        Self {
            split: Split::Word,
            lowercase: true,
            min: 0,
            max: usize::MAX,
        }
    }
}

/// What the settings of a text index say about words.
#[derive(Deserialize, Default)]
struct Settings {
    tokenizer: Option<Split>,
    lowercase: Option<bool>,
    min_token_len: Option<usize>,
    max_token_len: Option<usize>,
}

impl Tokenizer {
    /// The tokenizer that the settings of a text index describe, as JSON.
    ///
    /// # Errors
    /// [`TokenizerError`] for anything that isn't one.
    pub fn from_settings(json: &str) -> Result<Self, TokenizerError> {
        let settings = if json.is_empty() {
            Settings::default()
        } else {
            serde_json::from_str::<Settings>(json).map_err(|_| TokenizerError::Settings)?
        };
        let tokenizer = Self {
            split: settings.tokenizer.unwrap_or_default(),
            lowercase: settings.lowercase.unwrap_or(true),
            min: settings.min_token_len.unwrap_or(0),
            max: settings.max_token_len.unwrap_or(usize::MAX),
        };
        if tokenizer.min > tokenizer.max {
            return Err(TokenizerError::Lengths);
        }
        Ok(tokenizer)
    }

    /// The words of a text, in order.
    pub(super) fn words<'a>(&self, text: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let tokenizer = *self;
        self.pieces(text)
            .filter(|piece| !piece.is_empty())
            .map(move |piece| {
                if tokenizer.lowercase {
                    lowercase(piece)
                } else {
                    Cow::Borrowed(piece)
                }
            })
            .filter(move |word| tokenizer.keeps(word))
    }

    /// Whether a query's word means all words that start with it.
    pub(super) fn by_prefix(&self) -> bool {
        self.split == Split::Prefix
    }

    /// What a query's word means of the words of a text, where it means their beginnings.
    fn cut<'a>(&self, word: &'a str) -> &'a str {
        let end = word.char_indices().map(|(at, _)| at).nth(self.max);
        end.and_then(|end| word.get(..end)).unwrap_or(word)
    }

    fn pieces<'a>(&self, text: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self.split {
            Split::Word | Split::Prefix => Box::new(text.split(|c: char| !c.is_alphanumeric())),
            Split::Whitespace => Box::new(text.split_whitespace()),
        }
    }

    fn keeps(&self, word: &str) -> bool {
        if self.min <= 1 && (self.max == usize::MAX || self.by_prefix()) {
            return true;
        }
        let length = word.chars().count();
        length >= self.min && (self.by_prefix() || length <= self.max)
    }
}

fn lowercase(word: &str) -> Cow<'_, str> {
    if word
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(word.to_lowercase())
    }
}

/// Not a tokenizer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenizerError {
    /// Settings of another shape.
    #[error("the settings of a text index aren't what they should be")]
    Settings,
    /// No word would be kept.
    #[error("min_token_len is greater than max_token_len")]
    Lengths,
}

/// Longest text that a filter asks for, in bytes: each of its words is looked up.
pub const QUERY_TEXT_BYTES_MAX: usize = 16 * 1024;
