//! Long-lived memory: zeroed, page-aligned where it is long, on huge pages where there are any.
//!
//! A search jumps about in tens of megabytes: on 4 KiB pages every jump misses the TLB too.

use memmap2::{Advice, MmapMut};
use zeroize::Zeroize;

/// A piece of memory of a fixed length.
pub(super) enum Memory {
    /// In words, so that it can be looked at as any number.
    Short { words: Vec<u64>, len: usize },
    /// Mapped on its own: given back to the system, which wipes it, when it is dropped.
    Long(MmapMut),
}

impl Memory {
    /// Zeroed memory.
    pub(super) fn zeroed(len: usize) -> Self {
        if len >= LONG_BYTES_MIN
            && let Ok(mapped) = MmapMut::map_anon(len)
        {
            // A system without huge pages serves small ones.
            drop(mapped.advise(Advice::HugePage));
            return Self::Long(mapped);
        }
        Self::Short {
            words: vec![0; len.div_ceil(size_of::<u64>())],
            len,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { words, len } => bytemuck::cast_slice(words).get(..*len).unwrap_or(&[]),
            Self::Long(mapped) => mapped,
        }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Short { words, len } => {
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(words);
                bytes.get_mut(..*len).unwrap_or_default()
            }
            Self::Long(mapped) => mapped,
        }
    }
}

impl Drop for Memory {
    /// What is given back to the allocator is wiped: vectors of erased points were in it. What was
    /// mapped, the system wipes.
    fn drop(&mut self) {
        if let Self::Short { words, .. } = self {
            words.zeroize();
        }
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        let mut copy = Self::zeroed(self.bytes().len());
        copy.bytes_mut().copy_from_slice(self.bytes());
        copy
    }
}

/// From here on memory is mapped on its own.
const LONG_BYTES_MIN: usize = 1 << 20;
