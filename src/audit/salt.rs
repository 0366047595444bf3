//! Salts: without an entry's, nobody finds out by trying what a digest is of.

use crate::seal::{self, SealError};

/// Of one entry. In the log until the entry is reduced, and nowhere else.
pub(super) type Salt = [u8; 16];

/// Salts that were drawn together: asking for each by itself costs more than all that is done with it.
#[derive(Debug)]
pub(super) struct Salts {
    drawn: Vec<Salt>,
}

impl Salts {
    pub(super) const fn new() -> Self {
        Self { drawn: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn fixed() -> Self {
        let drawn = (0..8).map(|number| [number; 16]).collect();
        Self { drawn }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Result<Salt, SealError> {
        if self.drawn.is_empty() {
            let bytes = seal::random_bytes::<{ 16 * DRAWN }>()?;
            let (salts, _) = bytes.as_chunks();
            self.drawn.extend_from_slice(salts);
        }
        let salt = self.drawn.last_mut().map(std::mem::take);
        self.drawn.pop();
        salt.ok_or(SealError::Random)
    }
}

const DRAWN: usize = 256;
