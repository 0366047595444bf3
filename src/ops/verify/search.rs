//! Finds many patterns in one pass over bytes.
//!
//! Wu and Manber, "A fast algorithm for multi-pattern searching" (1994): a window as long as the
//! shortest pattern is moved over the text; a table tells, by the window's last two bytes, how far
//! it may move on without passing a pattern. In ciphertext that is nearly always seven bytes.

use super::traces::Trace;

/// A part of a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    /// Of which trace.
    pub(super) trace: Trace,
    /// From which byte of the trace on.
    pub(super) at: usize,
    /// 8 bytes or more.
    pub(super) bytes: Vec<u8>,
}

/// What finds them.
pub(super) struct Search {
    /// By the last two bytes of a window: how far it may move on. 0: a pattern may begin here.
    shifts: Box<[u8]>,
    /// In the order of their first 8 bytes.
    patterns: Vec<(u64, Pattern)>,
    longest: usize,
}

impl Search {
    /// A search for these patterns. Those shorter than a window aren't searched for; a trace has
    /// none.
    pub(super) fn new(patterns: Vec<Pattern>) -> Self {
        let mut patterns: Vec<(u64, Pattern)> = patterns
            .into_iter()
            .filter_map(|pattern| Some((prefix(pattern.bytes.first_chunk()?), pattern)))
            .collect();
        patterns.sort_by_key(|(prefix, _)| *prefix);
        let mut shifts = vec![SHIFT_MAX; PAIRS].into_boxed_slice();
        for (prefix, _) in &patterns {
            let window = prefix.to_le_bytes();
            for (shift, pair) in (0..SHIFT_MAX).rev().zip(window.windows(2)) {
                if let Some(entry) = shifts.get_mut(pair_of(pair)) {
                    *entry = shift.min(*entry);
                }
            }
        }
        let longest = patterns.iter().map(|(_, p)| p.bytes.len()).max();
        Self {
            shifts,
            patterns,
            longest: longest.unwrap_or(WINDOW),
        }
    }

    /// By how much two pieces of a text must overlap so that no pattern is missed between them.
    pub(super) const fn overlap(&self) -> usize {
        self.longest - 1
    }

    /// Tells of every place where a pattern stands.
    pub(super) fn find<'s>(&'s self, text: &[u8], mut found: impl FnMut(usize, &'s Pattern)) {
        let mut start = 0;
        while let Some(window) = text.get(start..).and_then(<[u8]>::first_chunk::<WINDOW>) {
            let pair = pair_of(window.get(WINDOW - 2..).unwrap_or_default());
            let shift = self.shifts.get(pair).copied().unwrap_or_default();
            if shift > 0 {
                start += usize::from(shift);
                continue;
            }
            let prefix = prefix(window);
            let first = self.patterns.partition_point(|(other, _)| *other < prefix);
            let here = text.get(start..).unwrap_or_default();
            for (_, pattern) in self
                .patterns
                .iter()
                .skip(first)
                .take_while(|(other, _)| *other == prefix)
            {
                if here.starts_with(&pattern.bytes) {
                    found(start, pattern);
                }
            }
            start += 1;
        }
    }
}

const fn prefix(window: &[u8; WINDOW]) -> u64 {
    u64::from_le_bytes(*window)
}

fn pair_of(pair: &[u8]) -> usize {
    match pair {
        [first, second] => usize::from(u16::from_le_bytes([*first, *second])),
        _ => 0,
    }
}

/// The shortest pattern: half of a family's name.
const WINDOW: usize = 8;
const SHIFT_MAX: u8 = 7;
const PAIRS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(text: &[u8], patterns: &[Pattern]) -> Vec<(usize, Pattern)> {
        let mut found = Vec::new();
        for start in 0..text.len() {
            for pattern in patterns {
                if text[start..].starts_with(&pattern.bytes) {
                    found.push((start, pattern.clone()));
                }
            }
        }
        found
    }

    proptest! {
        #[test]
        fn it_finds_what_looking_everywhere_finds(
            // Few letters, so that patterns begin alike, overlap, and stand in the text.
            patterns in proptest::collection::vec("[ab]{8,12}", 1..8),
            text in "[abc]{0,200}",
            planted in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
        ) {
            let patterns: Vec<Pattern> = patterns
                .into_iter()
                .enumerate()
                .map(|(place, bytes)| Pattern { trace: Trace::Canary(place), at: 0, bytes: bytes.into() })
                .collect();
            let mut text = text.into_bytes();
            for (pattern, place) in planted {
                let at = place.index(text.len() + 1);
                let bytes = pattern.get(&patterns).bytes.iter().copied();
                text.splice(at..at, bytes);
            }
            let search = Search::new(patterns.clone());
            let mut found = Vec::new();
            search.find(&text, |at, pattern| found.push((at, pattern.clone())));
            let key = |(at, pattern): &(usize, Pattern)| (*at, pattern.trace);
            found.sort_by_key(key);
            let mut expected = naive(&text, &patterns);
            expected.sort_by_key(key);
            prop_assert_eq!(found, expected);
        }
    }
}
