//! *Exact nearness of slots that are given:* for whoever ranks candidates by more than one vector.

use super::{SEARCHER, arena::Arena};

/// How near each of these slots is to `query`, from all bits, in their order.
///
/// # Panics
/// When there is no such slot.
pub fn nearness(arena: &Arena, query: &[f32], slots: &[u32]) -> Vec<f32> {
    SEARCHER.with_borrow_mut(|searcher| {
        searcher.query.ask(arena, query);
        let query = &searcher.query;
        let ahead = slots.iter().skip(AHEAD).map(Some);
        let ahead = ahead.chain(std::iter::repeat(None));
        let asked = slots.iter().zip(ahead);
        asked
            .map(|(slot, later)| {
                if let Some(later) = later {
                    query.prefetch_fine(arena, *later);
                }
                query.exact(arena, *slot)
            })
            .collect()
    })
}

/// Rows that are asked for before they are read.
const AHEAD: usize = 8;
