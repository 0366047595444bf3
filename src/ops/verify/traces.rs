//! What a generation that is gone would have left behind.

use std::fmt;

use super::search::Pattern;
use crate::{
    ops::receipt::{Body, CANARIES_MAX, Canary},
    seal::{KeyShredded, WrappedSample},
    store::{FamilyDropped, FamilyName},
};

/// What is looked for: the family's name, the wrapped key, pieces of ciphertext.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traces {
    family: FamilyName,
    key_file: String,
    wrapped_sample: Option<WrappedSample>,
    canaries: Vec<Canary>,
}

impl Traces {
    /// The traces of a generation whose family was dropped and whose key was shredded. Of the
    /// canaries the first 64 are kept.
    pub fn new(family: &FamilyDropped, key: &KeyShredded, mut canaries: Vec<Canary>) -> Self {
        canaries.truncate(CANARIES_MAX);
        Self {
            family: family.name(),
            key_file: key.file_name(),
            wrapped_sample: key.wrapped_sample(),
            canaries,
        }
    }

    /// The traces that a receipt tells of.
    pub fn of_receipt(body: &Body) -> Self {
        Self {
            family: FamilyName(body.family.dropped.0),
            key_file: body.key.file.clone(),
            wrapped_sample: body.key.wrapped_sample.map(|sample| sample.0),
            canaries: body.canaries.clone(),
        }
    }

    /// Whether they are those of this family and this key.
    pub fn are_of(&self, family: &FamilyDropped, key: &KeyShredded) -> bool {
        self.family == family.name()
            && self.key_file == key.file_name()
            && self.wrapped_sample == key.wrapped_sample()
    }

    /// The pieces of ciphertext.
    pub fn canaries(&self) -> &[Canary] {
        &self.canaries
    }

    /// What a file's or directory's name gives away: the key's file under any ending, since it is
    /// written under a temporary one, or the family's name.
    pub(super) fn in_name(&self, name: &str) -> Option<Trace> {
        let key = self.key_file.trim_end_matches("key");
        if !key.is_empty() && name.starts_with(key) {
            return Some(Trace::KeyFile);
        }
        let family = self.family.to_string();
        name.to_ascii_lowercase()
            .contains(&family)
            .then_some(Trace::FamilyName)
    }

    /// What to search the content of files for. Each trace is searched for by its halves: the
    /// logs of `RocksDB` cut a record in two at every 32 KiB, and one half stays whole then.
    pub(super) fn patterns(&self) -> Vec<Pattern> {
        let name = self.family.to_string();
        let mut whole = vec![
            (Trace::FamilyName, name.to_uppercase().into_bytes()),
            (Trace::FamilyName, name.into_bytes()),
            (Trace::FamilyBytes, self.family.0.to_vec()),
        ];
        whole.extend(
            self.wrapped_sample
                .map(|sample| (Trace::WrappedKey, sample.to_vec())),
        );
        let canaries = self.canaries.iter().enumerate();
        whole.extend(canaries.map(|(place, canary)| (Trace::Canary(place), canary.bytes.0.into())));
        let mut patterns = Vec::with_capacity(2 * whole.len());
        for (trace, bytes) in whole {
            let (first, second) = bytes.split_at(bytes.len() / 2);
            for (at, bytes) in [(0, first), (first.len(), second)] {
                let bytes = bytes.to_vec();
                patterns.push(Pattern { trace, at, bytes });
            }
        }
        patterns
    }
}

/// A kind of trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Trace {
    /// The family's name, as text.
    FamilyName,
    /// The family's name, as 16 bytes.
    FamilyBytes,
    /// A file named like the key's.
    KeyFile,
    /// The wrapped key itself.
    WrappedKey,
    /// Ciphertext: the canary of that place in the receipt.
    Canary(usize),
}

impl Trace {
    /// A word for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FamilyName => "family_name",
            Self::FamilyBytes => "family_bytes",
            Self::KeyFile => "key_file",
            Self::WrappedKey => "wrapped_key",
            Self::Canary(_) => "canary",
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FamilyName => f.write_str("the dropped family's name"),
            Self::FamilyBytes => f.write_str("the dropped family's name, as bytes"),
            Self::KeyFile => f.write_str("a file named like the shredded key's"),
            Self::WrappedKey => f.write_str("the shredded key, wrapped"),
            Self::Canary(place) => {
                write!(f, "ciphertext of the dropped generation (canary {place})")
            }
        }
    }
}
