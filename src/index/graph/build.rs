//! Building: `hnsw_rs` inserts slot numbers, then its graph is walked out.
//!
//! Traps of `hnsw_rs` 0.3.5 and how they are met: a NaN or negative distance panics (vectors are
//! finite by construction, distances are clamped at zero); a cold parallel insert can orphan the
//! first points (the first ones go in serially); points carry links in layers above their own and
//! to points below the layer (both are dropped here); reverse links are pruned by distance alone,
//! which can leave points that no search reaches (`repair.rs`).

use hnsw_rs::{anndists::dist::distances::Distance, prelude::Hnsw};
use ndarray::ArcArray2;

use super::{EF_CONSTRUCTION, Graph, LAYERS_MAX, LINKS_MAX, NO_SLOT, repair};
use crate::{
    index::{Arena, kernels},
    vector::Metric,
};

impl Graph {
    /// Builds a graph over the slots of the arena that stand in one piece.
    ///
    /// Uses every core for as long as it takes: minutes for a million vectors. Not for a
    /// request's own thread.
    pub fn build(metric: Metric, arena: &Arena) -> Self {
        let rows = arena.base();
        let len = rows.nrows();
        let distance = SlotDistance::new(metric, rows.clone());
        let builder: Hnsw<'_, u32, SlotDistance> =
            Hnsw::new(LINKS_MAX, len, LAYERS_MAX, EF_CONSTRUCTION, distance);
        let slots: Vec<u32> = (0..u32::try_from(len).unwrap_or(NO_SLOT)).collect();
        let (first, rest) = slots.split_at(len.min(SERIAL_SLOTS));
        for slot in first {
            builder.insert((&[*slot], *slot as usize));
        }
        let rest: Vec<(&[u32], usize)> = rest
            .iter()
            .map(|slot| (std::slice::from_ref(slot), *slot as usize))
            .collect();
        builder.parallel_insert_slice(&rest);
        let mut layers = walk_out(&builder, len);
        drop(builder);
        let entry = layers.entry;
        repair::connect(metric, arena, &mut layers.ground, entry);
        layers.freeze(len)
    }
}

/// The links as they were walked out, layer by layer.
pub(super) struct Layers {
    pub(super) ground: Vec<Vec<u32>>,
    upper: Vec<Vec<(u32, Box<[u32]>)>>,
    entry: u32,
}

fn walk_out(builder: &Hnsw<'_, u32, SlotDistance>, len: usize) -> Layers {
    let points = builder.get_point_indexation();
    let top = if len == 0 {
        0
    } else {
        usize::from(builder.get_max_level_observed())
    };
    let mut layers = Layers {
        ground: vec![Vec::new(); len],
        upper: vec![Vec::new(); top],
        entry: 0,
    };
    for level in 0..=top {
        for point in points.get_layer_iterator(level) {
            let Ok(slot) = u32::try_from(point.get_origin_id()) else {
                continue;
            };
            layers.entry = slot;
            let neighborhood = point.get_neighborhood_id();
            for (layer, neighbours) in neighborhood.iter().enumerate().take(level + 1) {
                let links: Box<[u32]> = neighbours
                    .iter()
                    .filter(|neighbour| usize::from(neighbour.p_id.0) >= layer)
                    .filter_map(|neighbour| u32::try_from(neighbour.d_id).ok())
                    .filter(|link| *link != slot)
                    .collect();
                match layer.checked_sub(1) {
                    None => {
                        if let Some(ground) = layers.ground.get_mut(slot as usize) {
                            *ground = links.into_vec();
                        }
                    }
                    Some(above) => {
                        if let Some(nodes) = layers.upper.get_mut(above) {
                            nodes.push((slot, links));
                        }
                    }
                }
            }
        }
    }
    for nodes in &mut layers.upper {
        nodes.sort_unstable_by_key(|(slot, _)| *slot);
    }
    layers
}

impl Layers {
    fn freeze(self, len: usize) -> Graph {
        let stride = self.ground.iter().map(Vec::len).max().unwrap_or(0);
        let mut ground = vec![NO_SLOT; len * stride];
        if stride > 0 {
            for (row, links) in ground.chunks_exact_mut(stride).zip(&self.ground) {
                for (place, link) in row.iter_mut().zip(links) {
                    *place = *link;
                }
            }
        }
        Graph {
            ground,
            stride,
            upper: self.upper,
            entry: self.entry,
            len,
        }
    }
}

/// The distance between two slots, in the form that `hnsw_rs` asks for: finite, symmetric, never
/// negative.
struct SlotDistance {
    metric: Metric,
    rows: ArcArray2<f32>,
    /// For [`Metric::Dot`], what each vector lacks in length: see [`Self::product_distance`].
    lacks: Vec<f32>,
    longest_square: f32,
}

impl SlotDistance {
    fn new(metric: Metric, rows: ArcArray2<f32>) -> Self {
        let squares: Vec<f32> = if metric == Metric::Dot {
            rows.rows()
                .into_iter()
                .map(|row| row.as_slice().map_or(0.0, |v| kernels::dot(v, v)))
                .collect()
        } else {
            Vec::new()
        };
        let longest_square = squares.iter().copied().fold(0.0, f32::max);
        let lacks = squares
            .iter()
            .map(|square| (longest_square - square).max(0.0).sqrt())
            .collect();
        Self {
            metric,
            rows,
            lacks,
            longest_square,
        }
    }

    fn vector(&self, slot: u32) -> &[f32] {
        let width = self.rows.ncols();
        let start = slot as usize * width;
        self.rows
            .as_slice()
            .and_then(|all| all.get(start..start + width))
            .unwrap_or_default()
    }

    /// Inner products aren't distances. With one more component each, sqrt(longest² - own²), all
    /// vectors get the same length, and ordering by Euclidean distance from a query (whose extra
    /// component is 0) is ordering by inner product (Bachrach et al., RecSys 2014). Half the
    /// square of that distance is this.
    fn product_distance(&self, a: u32, b: u32) -> f32 {
        let lack = |slot: u32| self.lacks.get(slot as usize).copied().unwrap_or(0.0);
        self.longest_square - kernels::dot(self.vector(a), self.vector(b)) - lack(a) * lack(b)
    }
}

impl Distance<u32> for SlotDistance {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let (&[a], &[b]) = (a, b) else {
            return f32::MAX;
        };
        let distance = match self.metric {
            Metric::Cosine => 1.0 - kernels::dot(self.vector(a), self.vector(b)),
            Metric::Dot => self.product_distance(a, b),
            Metric::Euclid | Metric::Manhattan => {
                -kernels::nearness(self.metric)(self.vector(a), self.vector(b))
            }
        };
        distance.clamp(0.0, f32::MAX)
    }
}

/// Slots that go in one after the other before the rest goes in on all cores.
const SERIAL_SLOTS: usize = 1_000;
