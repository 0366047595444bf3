//! The seed: `hnsw_rs` inserts some slots, and its ground layer is walked out into flat lists.
//!
//! A graph that is grown from nothing starts with slots that know nobody. HNSW (Malkov and
//! Yashunin, arXiv 1603.09320) makes a small graph well; a large one it makes 3 to 7 times slower
//! than growing does, most of that in counting references: every link is an allocation of its own.
//!
//! Traps of `hnsw_rs` 0.3.5 and how they are met: a NaN or negative distance panics (vectors are
//! finite by construction, distances are clamped at zero); a cold parallel insert can orphan the
//! first points (the first ones go in serially); points carry links in layers above their own
//! (only the ground is walked out); reverse links are pruned by distance alone, which can leave
//! points that no search reaches (`repair.rs`).

use hnsw_rs::{anndists::dist::distances::Distance, prelude::Hnsw};

use super::{EF_CONSTRUCTION, LINKS_MAX};
use crate::index::{
    Arena,
    arena::Rows,
    query::{Likeness, Query},
};

/// The links of a few slots, and where to start.
pub(super) struct Seed {
    pub(super) links: Vec<(u32, Vec<u32>)>,
    pub(super) entry: u32,
}

/// Links some slots, at least one, with each other.
pub(super) fn seed(arena: &Arena, likeness: Likeness, slots: &[u32]) -> Seed {
    let distance = SlotDistance {
        rows: arena.rows(),
        likeness,
    };
    let builder: Hnsw<'_, u32, SlotDistance<'_>> = Hnsw::new(
        LINKS_MAX / 2,
        slots.len(),
        LAYERS_MAX,
        EF_CONSTRUCTION,
        distance,
    );
    let (first, rest) = slots.split_at(slots.len().min(SERIAL_SLOTS));
    for slot in first {
        builder.insert((std::slice::from_ref(slot), *slot as usize));
    }
    let rest: Vec<(&[u32], usize)> = rest
        .iter()
        .map(|slot| (std::slice::from_ref(slot), *slot as usize))
        .collect();
    builder.parallel_insert_slice(&rest);
    let points = builder.get_point_indexation();
    let mut seed = Seed {
        links: Vec::with_capacity(slots.len()),
        entry: slots.first().copied().unwrap_or(0),
    };
    for level in 0..=usize::from(builder.get_max_level_observed()) {
        for point in points.get_layer_iterator(level) {
            let Ok(slot) = u32::try_from(point.get_origin_id()) else {
                continue;
            };
            // The last one is of the topmost layer.
            seed.entry = slot;
            let ground = point.get_neighborhood_id().into_iter().next();
            let links = ground.into_iter().flatten();
            let links = links.filter_map(|link| u32::try_from(link.d_id).ok());
            let links = links.filter(|link| *link != slot).take(LINKS_MAX).collect();
            seed.links.push((slot, links));
        }
    }
    seed
}

/// The distance of two slots, in the form that `hnsw_rs` asks for: finite, symmetric, never
/// negative.
struct SlotDistance<'a> {
    rows: Rows<'a>,
    likeness: Likeness,
}

impl Distance<u32> for SlotDistance<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let (&[a], &[b]) = (a, b) else {
            return f32::MAX;
        };
        let mut query = Query::new();
        query.ask_slot(self.rows.arena(), self.likeness, a);
        (-query.near_one(&self.rows, b)).clamp(0.0, f32::MAX)
    }
}

/// Layers that `hnsw_rs` may use.
const LAYERS_MAX: usize = 16;
/// Slots that go in one after the other before the rest goes in on all cores.
const SERIAL_SLOTS: usize = 1_000;
