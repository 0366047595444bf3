//! One tenant generation: its column family, its data key, its indexes.
//!
//! Owns: what a point, a row and a collection are; how writes become durable and visible; how a
//! partition is recovered. Rows are the truth; everything in memory can be rebuilt from them.
//! **Invariant:** every method takes a grant, and refuses one for another tenant
//! (`it/isolation/`). **Invariant:** one writer at a time; readers work on snapshots and never
//! wait for it. **Invariant:** a write is visible once it is durable, and not before.
//! Called by: `router` (open, close), `engine` (everything else).
//!
//! Collections live here and not in the node's catalog: their names are the tenant's own words,
//! and so they must end with the tenant's key.

mod aliases;
mod bits;
mod chamber;
mod collection;
mod commit;
mod copy;
mod erase;
mod facet;
mod format;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod indexing;
mod maintain;
mod plan;
mod planned;
mod query;
mod read;
mod recover;
mod reseal;
mod retention;
mod schema;
mod search;
mod segment;
mod space;
mod write;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use imbl::OrdMap;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};

pub use self::{
    aliases::AliasAction,
    chamber::{Sample, samples},
    collection::Collection,
    copy::{CopiedOut, Counters},
    erase::{Erased, Erasing},
    format::{FormatError, Row},
    query::{
        Diversity, EXAMPLES_MAX, Example, Fusion, Group, Grouping, Kind, MMR_COMPARISONS_MAX,
        Order, PREFETCH_DEPTH_MAX, PREFETCH_LIMIT_MAX, PREFETCHES_MAX, Query, QueryError,
        RRF_K_DEFAULT, Strategy, Wanted,
    },
    read::{Page, PointRecord},
    reseal::{Cold, Copied, Retired},
    retention::{
        CollectionRetention, End, PURGE_HOURS_DEFAULT, PURGE_HOURS_MAX, Retention, RetentionError,
        TTL_DAYS_MAX,
    },
    schema::{Schema, SchemaError, VECTORS_MAX, VectorSchema},
    search::{ScoredPoint, SearchQuery},
    segment::OpeningTimes,
    write::{Mutation, Operation, PayloadChange, PointUpsert, Selection, UpsertMode, UpsertRule},
};
use self::{
    aliases::Aliases, chamber::Chamber, commit::CommitQueue, format::Head, segment::Times,
    write::Done,
};
use crate::{
    access::{Grant, Op},
    payload::PayloadError,
    seal::{MESSAGES_NEAR, OpenError, SealError},
    store::{CatalogError, StoreError, Sweeps},
    telemetry::Stages,
    tenant::{CollectionName, PointId, TenantUuid},
    vector::VectorError,
};

/// An open partition.
pub struct Partition {
    tenant: TenantUuid,
    chamber: ArcSwap<Chamber>,
    collections: ArcSwap<Directory>,
    aliases: ArcSwap<Aliases>,
    /// The counters, and the right to write.
    writer: Mutex<Head>,
    queue: CommitQueue<Mutation, Result<Done, PartitionError>>,
    /// Held for reading by whatever is under way, for writing by closing.
    lifecycle: RwLock<Lifecycle>,
    /// Set when a move to the next generation failed in its last act: nothing is written any more,
    /// since a restart may take up either. Read under the writer's lock.
    ended: AtomicBool,
    points_max: AtomicU64,
    /// Hours within which what is deleted or replaced is gone from the disk, where a collection doesn't
    /// say itself; 0 if there is no bound. Set under the writer's lock.
    purge_within_hours: AtomicU32,
    /// What was removed since a resealing began, while there is one.
    gone: Mutex<Option<Vec<reseal::Gone>>>,
    /// Held by whoever maintains it.
    maintenance: Mutex<()>,
    /// Segments that were read back when it was opened, and those that couldn't be.
    segments_read: (u64, u64),
    times: Times,
    stages: Stages,
    used: AtomicBool,
    /// Who keeps the time of the next sweep.
    sweeps: Option<Arc<Sweeps>>,
}

type Directory = OrdMap<CollectionName, Arc<Collection>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lifecycle {
    Open,
    Closed,
}

impl Partition {
    /// This partition, with the time of its queries counted here.
    #[must_use]
    pub fn counted(self, stages: Stages) -> Self {
        Self { stages, ..self }
    }

    /// This partition, whose next sweep is kept there.
    #[must_use]
    pub fn swept_by(self, sweeps: Arc<Sweeps>) -> Self {
        Self {
            sweeps: Some(sweeps),
            ..self
        }
    }

    /// Whose partition it is.
    pub const fn tenant(&self) -> TenantUuid {
        self.tenant
    }

    /// Points over all collections.
    pub fn points(&self) -> u64 {
        self.collections
            .load()
            .values()
            .map(|collection| collection.points())
            .sum()
    }

    /// Bytes on disk, and bytes of vectors and links in memory.
    pub fn bytes(&self) -> (u64, u64) {
        let memory = self
            .collections
            .load()
            .values()
            .map(|c| c.memory_bytes())
            .sum();
        (self.chamber.load().family.bytes(), memory)
    }

    /// How many stored indexes were read back when it was opened, and how many couldn't be and
    /// came from rows.
    pub const fn segments_read(&self) -> (u64, u64) {
        self.segments_read
    }

    /// How long opening took.
    pub fn opening_times(&self) -> OpeningTimes {
        self.times.get()
    }

    /// Whether nobody has asked this before: the first user sees to it that what opening left to
    /// be done is done.
    pub fn is_first_use(&self) -> bool {
        !self.used.load(Ordering::Relaxed) && !self.used.swap(true, Ordering::Relaxed)
    }

    /// Whether the data key has sealed nearly as many messages as is safe: then it is time to reseal.
    pub fn key_is_near_its_budget(&self) -> bool {
        self.chamber.load().key.messages() >= MESSAGES_NEAR
    }

    /// How many points the tenant may have.
    pub fn set_points_max(&self, points_max: Option<u64>) {
        self.points_max
            .store(points_max.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Waits for what is under way, and refuses what comes after. The family and the key live on
    /// until the last reference is gone.
    pub fn close(&self) {
        *self.lifecycle.write() = Lifecycle::Closed;
    }

    /// The second wall: a grant is good for one tenant's partition and no other.
    fn admit<O: Op>(
        &self,
        grant: &Grant<O>,
    ) -> Result<RwLockReadGuard<'_, Lifecycle>, PartitionError> {
        self.recognise(grant)?;
        let lifecycle = self.lifecycle.read();
        match *lifecycle {
            Lifecycle::Open => Ok(lifecycle),
            Lifecycle::Closed => Err(PartitionError::Closed),
        }
    }

    /// The wall itself, for a second grant of one act: [`Self::admit`] a second time would wait for
    /// a closing that waits for the first.
    fn recognise<O: Op>(&self, grant: &Grant<O>) -> Result<(), PartitionError> {
        if grant.tenant() == self.tenant && self.chamber.load().key.tenant() == self.tenant {
            Ok(())
        } else {
            Err(PartitionError::WrongPartition)
        }
    }

    /// Whether a collection is still there, and not another under its name.
    fn has(&self, collection: &Collection) -> bool {
        let directory = self.collections.load();
        let now = directory.get(&collection.name);
        now.is_some_and(|now| std::ptr::eq(Arc::as_ptr(now), collection))
    }

    /// The collection of a name, which may be an alias, if the grant is good for it.
    fn find<O: Op>(
        &self,
        grant: &Grant<O>,
        name: &CollectionName,
    ) -> Result<Arc<Collection>, PartitionError> {
        let collections = self.collections.load();
        let found = collections.get(name).cloned().or_else(|| {
            let aliases = self.aliases.load();
            collections.get(aliases.get(name)?).cloned()
        });
        found
            .filter(|collection| grant.covers(&collection.name))
            .ok_or_else(|| PartitionError::NoCollection { name: name.clone() })
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({:?})", self.tenant)
    }
}

/// Why a partition couldn't do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PartitionError {
    /// The grant is another tenant's: a bug in routing, stopped here.
    #[error("the grant isn't for this partition")]
    WrongPartition,
    /// The partition was closed.
    #[error("the partition was closed")]
    Closed,
    /// There is no such collection.
    #[error("Not found: Collection `{name}` doesn't exist!")]
    NoCollection {
        /// The name that was asked for.
        name: CollectionName,
    },
    /// The name is taken.
    #[error("Wrong input: Collection `{name}` already exists!")]
    CollectionExists {
        /// The name.
        name: CollectionName,
    },
    /// The name is a collection's alias.
    #[error("Wrong input: Alias `{name}` already exists!")]
    AliasExists {
        /// The name.
        name: CollectionName,
    },
    /// There is no such alias.
    #[error("Not found: Alias `{name}` doesn't exist!")]
    NoAlias {
        /// The name that was asked for.
        name: CollectionName,
    },
    /// The tenant may not have so many aliases.
    #[error("Wrong input: a tenant may have {max} aliases, and these would be more")]
    TooManyAliases {
        /// How many it may have.
        max: usize,
    },
    /// A payload would be more than it may.
    #[error("Wrong input: {0}")]
    Payload(#[from] PayloadError),
    /// One write would change too much at once.
    #[error(
        "Wrong input: more than {max} bytes of points would be changed by one request; change fewer at a time"
    )]
    TooMuch {
        /// How many bytes may be.
        max: usize,
    },
    /// A vector isn't the collection's.
    #[error("Wrong input: {0}")]
    Vector(VectorError),
    /// The collection has no vector of this name.
    #[error("Wrong input: Not existing vector name error: {name}")]
    NoVector {
        /// The name that was asked for.
        name: String,
    },
    /// A query can't be asked so.
    #[error("Wrong input: {0}")]
    Query(QueryError),
    /// There is no such point, and a query is about it or it would have been changed.
    #[error("Not found: No point with id {id} found")]
    NoPoint {
        /// The point.
        id: PointId,
    },
    /// A query is about a vector that its point doesn't have.
    #[error("Not found: Vector with name {name} for point {id} not found")]
    PointWithoutVector {
        /// The point.
        id: PointId,
        /// The vector's name.
        name: String,
    },
    /// The grants aren't good for all that is asked: a bug in the engine, stopped here.
    #[error("what is asked takes permission to read points")]
    NotGranted,
    /// The collection may not have so many payload indexes.
    #[error("Wrong input: a collection may have {max} payload indexes, and this one has them")]
    TooManyIndexes {
        /// How many it may have.
        max: usize,
    },
    /// The tenant may not have so many points.
    #[error("the tenant's quota of {points_max} points would be exceeded")]
    Quota {
        /// The quota.
        points_max: u64,
    },
    /// Work in the background was given up, since someone wants the partition.
    #[error("the work was interrupted")]
    Interrupted,
    /// A sealed value didn't open, or isn't what it should be.
    #[error("stored data of this tenant didn't open")]
    Corrupt,
    /// A value couldn't be sealed.
    #[error("a value couldn't be sealed")]
    Seal(#[from] SealError),
    /// The time of the next sweep couldn't be kept.
    #[error("the time of the tenant's next sweep can't be kept")]
    Sweep(#[source] Arc<CatalogError>),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] Arc<StoreError>),
}

impl From<OpenError> for PartitionError {
    fn from(_: OpenError) -> Self {
        Self::Corrupt
    }
}

impl From<VectorError> for PartitionError {
    fn from(error: VectorError) -> Self {
        Self::Vector(error)
    }
}

impl From<FormatError> for PartitionError {
    fn from(_: FormatError) -> Self {
        Self::Corrupt
    }
}

impl From<StoreError> for PartitionError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<CatalogError> for PartitionError {
    fn from(error: CatalogError) -> Self {
        Self::Sweep(Arc::new(error))
    }
}
