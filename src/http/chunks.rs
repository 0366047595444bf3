//! Memory that bodies are received into, of one size and used again and again.
//!
//! Whoever allocates for each body touches memory that the system has to clear first: up to 2 MiB at
//! once, during which the thread serves nobody. The thread that frees it is another, so an allocator
//! can't keep it at hand.
//! **Invariant:** what is used again was zeroed, so no text outlives its request here.
//! Called by: `http/pieces`.

use std::{mem, ops::Deref};

use parking_lot::Mutex;
use zeroize::Zeroize;

/// A part of a body. Its memory is used again when it is dropped.
pub(super) struct Chunk(Vec<u8>);

impl Chunk {
    pub(super) fn empty() -> Self {
        let spare = SPARE.lock().pop();
        Self(spare.unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES)))
    }

    /// Takes as much from the beginning of `data` as there is room for. The rest.
    pub(super) fn fill<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        let room = CHUNK_BYTES - self.0.len();
        let (taken, rest) = data.split_at(room.min(data.len()));
        self.0.extend_from_slice(taken);
        rest
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
        self.0.clear();
        let mut spare = SPARE.lock();
        if spare.len() < SPARE_MAX {
            spare.push(mem::take(&mut self.0));
        }
    }
}

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
pub(super) const CHUNK_BYTES: usize = 64 << 10;
/// 32 MiB: eight bodies of a bulk load.
const SPARE_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_filled_to_its_end_and_zeroed_when_it_is_dropped() {
        let mut chunk = Chunk::empty();
        assert!(chunk.fill(&[7; 1_000]).is_empty());
        assert_eq!(chunk.fill(&[8; CHUNK_BYTES]), [8; 1_000]);
        assert_eq!(chunk.len(), CHUNK_BYTES);
        assert!(chunk[..1_000].iter().all(|byte| *byte == 7));
        assert_eq!(chunk.0.capacity(), CHUNK_BYTES);
        drop(chunk);
        let again = Chunk::empty();
        assert!(again.is_empty());
    }
}
