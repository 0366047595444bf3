//! Reading a segment back: chunks on all cores, each opened into its place; then its tombstones.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fixedbitset::FixedBitSet;
use imbl::{OrdMap, Vector as Sequence};
use rayon::prelude::*;

use super::{
    Coverage, Covered,
    ends::decode_ends,
    format::{self, Manifest, OWN_PARTS},
    table::{Slots, Table, read_bits},
};
use crate::{
    clock::Stopwatch,
    index::{Blank, InvalidImage},
    partition::{
        Partition,
        collection::{Slot, View},
        format::{FormatError, SegmentNote},
        retention::Ends,
        schema::{Schema, VectorSchema},
        space::Space,
    },
    payload::index::{IndexFormatError, Indexes},
    seal::OpenError,
    store::{KeyRange, StorageKey, StoreError},
    tenant::PointId,
};

/// A segment that was read back.
pub(in crate::partition) struct Loaded {
    /// What it knows, without what was removed since.
    pub(in crate::partition) view: View,
    covered: Covered,
}

impl Loaded {
    /// What was written since stands in rows from this one on.
    pub(in crate::partition) const fn bound(&self) -> u64 {
        self.covered.bound
    }

    /// The view with what was written since, and what its writers should know.
    pub(in crate::partition) fn finish(mut self, written: u64) -> (View, Coverage) {
        self.covered.changed += written;
        let coverage = Coverage {
            segment: Some(self.covered),
            ..Coverage::default()
        };
        (self.view, coverage)
    }
}

/// Where the time went while segments were read back.
#[derive(Debug, Default)]
pub(in crate::partition) struct Times {
    read: AtomicU64,
    open: AtomicU64,
    tables: AtomicU64,
}

/// How long the parts of opening a partition's segments took.
#[derive(Clone, Copy, Debug)]
pub struct OpeningTimes {
    /// Reading chunks, all threads together.
    pub read: Duration,
    /// Opening their seals, all threads together.
    pub open: Duration,
    /// Checking what was read, and making the tables that are looked up in.
    pub tables: Duration,
}

impl Times {
    pub(in crate::partition) fn get(&self) -> OpeningTimes {
        let duration = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Ordering::Relaxed));
        OpeningTimes {
            read: duration(&self.read),
            open: duration(&self.open),
            tables: duration(&self.tables),
        }
    }
}

fn add(nanos: &AtomicU64, took: Duration) {
    let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    nanos.fetch_add(took, Ordering::Relaxed);
}

impl Partition {
    /// Reads back the segment that the head names for a collection. Nothing when anything about
    /// it isn't right: then its rows tell.
    pub(in crate::partition) fn load_segment(
        &self,
        collection: u32,
        schema: &Schema,
        empty: (&Indexes, &Ends),
        note: SegmentNote,
    ) -> Option<Loaded> {
        self.read_segment(collection, schema, empty, note)
            .inspect_err(|error| {
                tracing::warn!(%error, "a stored index can't be used; it is rebuilt from rows");
            })
            .ok()
    }

    fn read_segment(
        &self,
        collection: u32,
        schema: &Schema,
        (indexes, ends): (&Indexes, &Ends),
        note: SegmentNote,
    ) -> Result<Loaded, Unusable> {
        let key = StorageKey::segment(collection);
        let chamber = self.chamber.load_full();
        let sealed = chamber.family.find(key)?.ok_or(Unusable::Missing)?;
        let plain = chamber.open(key, &sealed)?;
        let manifest = Manifest::decode(&plain)?;
        if manifest.epoch != note.epoch {
            return Err(Unusable::OtherEpoch);
        }
        let (space_parts, own_parts) = manifest
            .parts
            .split_last_chunk::<OWN_PARTS>()
            .ok_or(FormatError)?;
        // What is on disk bounds the memory that is taken for it.
        let bytes = manifest.parts.iter().copied().map(u128::from).sum::<u128>();
        let right = manifest.headers.len() == schema.vectors.len();
        if bytes > u128::from(chamber.family.bytes()) || !right {
            return Err(Unusable::Format(FormatError));
        }
        let mut rest = space_parts;
        let spaces = schema.vectors.iter().zip(&manifest.headers);
        let spaces: Result<Vec<BlankSpace<'_>>, Unusable> = spaces
            .map(|(schema, header)| BlankSpace::new(schema, header, &mut rest))
            .collect();
        let mut spaces = spaces?;
        if !rest.is_empty() {
            return Err(Unusable::Format(FormatError));
        }
        let length = usize::try_from(manifest.chunk_bytes).map_err(|_| FormatError)?;
        let places = spaces.iter_mut().flat_map(BlankSpace::parts_mut);
        let chunks = numbered(0, places, length);
        let behind = chunks.last().map_or(0, |(number, _)| number + 1);
        // While vectors are still being read, the tables are made.
        let (filled, own) = rayon::join(
            || self.fill(collection, manifest.epoch, chunks),
            || self.read_tables(collection, &manifest, own_parts, (behind, length)),
        );
        filled?;
        let Own {
            slots,
            dead,
            ids,
            indexes: stored,
            ends: end_list,
        } = own?;
        // Those of another time can't be used, and neither can what was made at that time.
        if !stored.defined_as(indexes) {
            return Err(Unusable::Format(FormatError));
        }
        let watch = Stopwatch::start();
        let spaces: Result<Vec<Space>, Unusable> = spaces
            .into_iter()
            .map(|space| space.finish(&dead, slots.len()))
            .collect();
        // Those of another time are read from rows.
        let ends = if manifest.revision == ends.revision() {
            decode_ends(&end_list, slots.len(), ends)?
        } else {
            Ends::default()
        };
        let mut view = View {
            spaces: spaces?,
            slots,
            dead,
            ids,
            indexes: stored,
            ends,
        };
        let covered = self.bury(collection, &manifest, note, &mut view)?;
        add(&self.times.tables, watch.elapsed());
        Ok(Loaded { view, covered })
    }

    /// Reads the parts that aren't a space's, which come last, and makes tables of them. The first
    /// of their chunks has the number `first`.
    fn read_tables(
        &self,
        collection: u32,
        manifest: &Manifest,
        parts: &[u64; OWN_PARTS],
        (first, length): (u32, usize),
    ) -> Result<Own, Unusable> {
        let [slots, dead, order, indexes, ends] = parts.map(buffer);
        let mut table = Table {
            slots: slots?,
            dead: dead?,
            order: order?,
        };
        let (mut indexes, mut ends) = (indexes?, ends?);
        let places = [
            table.slots.as_mut_slice(),
            &mut table.dead,
            &mut table.order,
            &mut indexes,
            &mut ends,
        ];
        let chunks = numbered(first, places.into_iter(), length);
        self.fill(collection, manifest.epoch, chunks)?;
        let watch = Stopwatch::start();
        let Slots { slots, dead, order } = table.read(manifest.bound)?;
        let living = order
            .iter()
            .filter_map(|number| Some((slots.get(*number as usize)?.id, *number)));
        let own = Own {
            ids: living.collect(),
            slots: slots.into(),
            dead,
            indexes: Indexes::decode(&indexes)?,
            ends,
        };
        add(&self.times.tables, watch.elapsed());
        Ok(own)
    }

    /// Opens chunks into their places.
    fn fill(
        &self,
        collection: u32,
        epoch: u32,
        chunks: Vec<(u32, &mut [u8])>,
    ) -> Result<(), Unusable> {
        let chamber = self.chamber.load_full();
        chunks.into_par_iter().try_for_each(|(number, place)| {
            let key = StorageKey::chunk(collection, epoch, number);
            let watch = Stopwatch::start();
            let mut open = Duration::ZERO;
            let opened = chamber.family.look(key, |sealed| {
                let watch = Stopwatch::start();
                let opened = chamber
                    .key
                    .open_into(key.kind(), key.as_bytes(), sealed, place);
                open = watch.elapsed();
                opened
            });
            add(&self.times.open, open);
            add(&self.times.read, watch.elapsed().saturating_sub(open));
            Ok(opened?.ok_or(Unusable::Missing)??)
        })
    }

    /// Takes out of a view what was removed since.
    fn bury(
        &self,
        collection: u32,
        manifest: &Manifest,
        note: SegmentNote,
        view: &mut View,
    ) -> Result<Covered, Unusable> {
        let mut covered = Covered {
            bound: manifest.bound,
            tombstones: 0,
            changed: 0,
        };
        let mut rows = Vec::new();
        let mut failed = None;
        let since = StorageKey::tombstone(collection, manifest.through.saturating_add(1));
        let since = KeyRange::tombstones_of(collection).starting_at(since);
        let chamber = self.chamber.load_full();
        chamber.family.scan(&since, |key, sealed| {
            let plain = chamber.open(key, &sealed);
            match plain
                .map_err(Unusable::from)
                .and_then(|plain| Ok(format::decode_tombstone(&plain)?))
            {
                Ok(buried) => {
                    covered.tombstones += 1;
                    rows.extend(buried);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if covered.tombstones != note.tombstones {
            return Err(Unusable::Missing);
        }
        covered.changed = rows.len() as u64;
        for row in rows {
            view.remove_row(row);
        }
        Ok(covered)
    }
}

/// What a segment knows beside its spaces.
struct Own {
    slots: Sequence<Slot>,
    dead: FixedBitSet,
    ids: OrdMap<PointId, u32>,
    indexes: Indexes,
    /// As they are stored.
    ends: Vec<u8>,
}

/// The chunks of some parts, counted from `first` on.
fn numbered<'a>(
    first: u32,
    parts: impl Iterator<Item = &'a mut [u8]>,
    length: usize,
) -> Vec<(u32, &'a mut [u8])> {
    let chunks = parts.flat_map(|part| part.chunks_mut(length));
    (first..).zip(chunks).collect()
}

/// A space that is being read back.
struct BlankSpace<'a> {
    schema: &'a VectorSchema,
    blank: Blank,
    absent: Vec<u8>,
}

impl<'a> BlankSpace<'a> {
    /// Takes the memory for a space whose parts come next in a manifest.
    fn new(schema: &'a VectorSchema, header: &[u8], rest: &mut &[u64]) -> Result<Self, Unusable> {
        let lengths = Blank::lengths(schema.metric, schema.dimension, header)?;
        let (parts, behind) = rest.split_at_checked(lengths.len()).ok_or(FormatError)?;
        let (absent, behind) = behind.split_first().ok_or(FormatError)?;
        if lengths != parts {
            return Err(Unusable::Format(FormatError));
        }
        *rest = behind;
        Ok(Self {
            schema,
            blank: Blank::new(schema.metric, schema.dimension, header)?,
            absent: buffer(*absent)?,
        })
    }

    fn parts_mut(&mut self) -> Vec<&mut [u8]> {
        let mut parts = self.blank.parts_mut();
        parts.push(&mut self.absent);
        parts
    }

    /// The space, if what was filled in is one of so many slots.
    fn finish(self, dead: &FixedBitSet, slots: usize) -> Result<Space, Unusable> {
        let (arena, graph) = self.blank.finish()?;
        let absent = if self.absent.is_empty() {
            None
        } else {
            Some(read_bits(&self.absent, slots)?)
        };
        let precision = self.schema.precision.under(self.schema.metric);
        let right = arena.len() == slots
            && arena.precision() == precision
            && absent.as_ref().is_none_or(|absent| dead.is_subset(absent));
        if right {
            Ok(Space {
                arena,
                graph: graph.map(Arc::new),
                absent,
            })
        } else {
            Err(Unusable::Format(FormatError))
        }
    }
}

fn buffer(length: u64) -> Result<Vec<u8>, Unusable> {
    let length = usize::try_from(length).map_err(|_| FormatError)?;
    Ok(vec![0; length])
}

/// Why a segment can't be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// The manifest, a chunk or a tombstone isn't there.
    #[error("a record of it is missing")]
    Missing,
    /// The manifest is an older segment's.
    #[error("it isn't the newest")]
    OtherEpoch,
    /// A record doesn't open.
    #[error(transparent)]
    Seal(#[from] OpenError),
    /// A record isn't what it should be.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The index isn't what it should be.
    #[error(transparent)]
    Image(#[from] InvalidImage),
    /// The payload indexes aren't what they should be.
    #[error(transparent)]
    Indexes(#[from] IndexFormatError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
