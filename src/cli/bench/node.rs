//! *A node of one tenant, inside this process*: the same engine, gate, keys and disk as the
//! server's, in a temporary directory.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::Context;
use ndarray::{Array2, ArrayView1};
use rustix::fs::{Advice, fadvise};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use crate::{
    access::{ApiKey, Origin, Presented, Principal, Quota},
    audit::AuditOptions,
    clock::{self, Stopwatch},
    engine::{Engine, EngineOptions, EraseScope, ErasureAsked, Query, Started, VectorsBack, Work},
    index::Precision,
    ops::{erase::Erasure, receipt::ScopeKind},
    partition::{PointUpsert, Schema, SearchQuery, Selection},
    payload::{
        Payload,
        filter::Filter,
        index::{Definition, IndexKind},
    },
    router::NewTenant,
    seal,
    store::StoreOptions,
    tenant::{CollectionName, PointId, TenantId},
    vector::{DEFAULT_VECTOR, Dimension, Metric, only_default},
};

/// A directory of its own, removed in the end.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> anyhow::Result<Self> {
        let name = u64::from_be_bytes(seal::random_bytes()?);
        let path = std::env::temp_dir().join(format!("locule-bench-{name:016x}"));
        fs::create_dir_all(&path).with_context(|| format!("can't make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes every file back and asks the kernel to forget its pages. The names and the file
    /// system's own tables stay in memory.
    pub(super) fn drop_page_cache(&self) -> anyhow::Result<()> {
        for path in files(&self.0)? {
            let file =
                File::open(&path).with_context(|| format!("can't read {}", path.display()))?;
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)
                .with_context(|| format!("can't drop {} from memory", path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A node that was dropped may still be closing its stores, which writes files.
        for _ in 0..REMOVALS_MAX {
            if fs::remove_dir_all(&self.0).is_ok() {
                return;
            }
            pause(Duration::from_millis(20));
        }
    }
}

fn files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// A node with one tenant, whose owner asks.
pub(super) struct Node {
    engine: Arc<Engine>,
    key: Arc<ApiKey>,
    owner: Principal,
    /// What waits for turns.
    threads: Handle,
}

impl Node {
    /// A new node with a new tenant.
    pub(super) fn start(directory: &Path) -> anyhow::Result<Self> {
        let started = Engine::start(options(directory))?;
        let engine = started.engine;
        let key = started
            .operator_key
            .context("a new node has no operator key")?;
        let operator = engine.authenticate(&Presented::new(key.reveal()), Origin::default(), 0)?;
        let new = NewTenant {
            id: TenantId::parse("bench")?,
            quota: Quota::default(),
            region: None,
        };
        let key = Arc::new(engine.create_tenant(&operator, new)?.owner_key);
        Self::asked_with(engine, key)
    }

    fn asked_with(engine: Arc<Engine>, key: Arc<ApiKey>) -> anyhow::Result<Self> {
        let owner = engine.authenticate(&Presented::new(key.reveal()), Origin::default(), 0)?;
        Ok(Self {
            engine,
            key,
            owner,
            threads: Handle::current(),
        })
    }

    /// Closes the node, and returns once its directory is free: what starts it again.
    pub(super) fn stop(self, directory: &Path) -> anyhow::Result<Arc<ApiKey>> {
        let Self {
            engine, key, owner, ..
        } = self;
        drop((engine, owner));
        let lock = File::options().write(true).open(directory.join("lock"))?;
        // Until the last shelf is closed, whoever closes it.
        lock.lock()?;
        Ok(key)
    }

    /// Starts a node that was stopped.
    pub(super) fn restart(directory: &Path, key: Arc<ApiKey>) -> anyhow::Result<Self> {
        let Started { engine, .. } = Engine::start(options(directory))?;
        Self::asked_with(engine, key)
    }

    /// Makes a collection for vectors of one kind.
    pub(super) fn create(
        &self,
        collection: &CollectionName,
        dimension: usize,
        metric: Metric,
    ) -> anyhow::Result<()> {
        let schema = Schema::single(Dimension::new(dimension as u64)?, metric, Precision::Codes);
        Ok(self
            .engine
            .create_collection(&self.owner, collection, schema)?)
    }

    /// Makes a payload index of keywords.
    pub(super) fn index(&self, collection: &CollectionName, field: &str) -> anyhow::Result<()> {
        let definition = Definition::new(field, IndexKind::Keyword, String::new())?;
        self.engine
            .create_payload_index(&self.owner, collection, definition)?;
        Ok(())
    }

    /// Stores points, a batch after the other.
    pub(super) fn upsert<'a>(
        &self,
        collection: &CollectionName,
        points: impl IntoIterator<Item = Point<'a>>,
    ) -> anyhow::Result<()> {
        let mut points = points.into_iter().peekable();
        while points.peek().is_some() {
            let batch = points.by_ref().take(BATCH).map(|point| {
                Ok(PointUpsert {
                    id: PointId::Number(point.id as u64),
                    vectors: only_default(point.vector.to_vec()),
                    payload: Payload::new(point.payload)?,
                })
            });
            let batch = batch.collect::<anyhow::Result<Vec<_>>>()?;
            self.engine.upsert(&self.owner, collection, batch)?;
        }
        Ok(())
    }

    /// Removes points by id, a batch after the other.
    pub(super) fn remove(&self, collection: &CollectionName, ids: &[usize]) -> anyhow::Result<()> {
        for batch in ids.chunks(BATCH) {
            let ids = batch.iter().map(|id| PointId::Number(*id as u64)).collect();
            self.engine
                .remove(&self.owner, collection, Selection::Ids(ids))?;
        }
        Ok(())
    }

    /// Erases something. Nothing of it is answered once this returns.
    pub(super) fn erase(&self, scope: EraseScope, kind: ScopeKind) -> anyhow::Result<Erasure> {
        let asked = ErasureAsked {
            scope,
            kind,
            words: Value::Null,
            reason: "a bench".to_owned(),
        };
        Ok(self.engine.erase(&self.owner, asked)?)
    }

    /// Waits for the end of an erasure.
    pub(super) fn await_erasure(&self, erasure: &Erasure) -> Erasure {
        self.engine.await_erasure(erasure, Duration::from_secs(60))
    }

    /// Waits until no build in the background would change the index any more.
    pub(super) fn wait_for_builds(&self, collection: &CollectionName) -> anyhow::Result<()> {
        while self.engine.is_building(&self.owner, collection)? {
            pause(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The neighbours of one vector, and how long they took.
    pub(super) fn search(
        &self,
        collection: &CollectionName,
        vector: ArrayView1<'_, f32>,
        asked: &Asked,
    ) -> anyhow::Result<(Vec<PointId>, Duration)> {
        let search = SearchQuery {
            vector: vector.to_vec(),
            using: DEFAULT_VECTOR.to_owned(),
            filter: asked.filter.clone(),
            limit: asked.k,
            offset: 0,
            ef: asked.ef,
            exact: false,
            score_threshold: None,
            except: None,
            with_payload: false,
        };
        let query = Query {
            search,
            by_point: None,
            vectors: VectorsBack::No,
        };
        let watch = Stopwatch::start();
        // As a request over the network does: from this, threads in the background know of it.
        let turn = self
            .threads
            .block_on(self.engine.take_turn(&self.owner, Work::Quick))?;
        let hits = self.engine.search(&self.owner, collection, query)?;
        drop(turn);
        let took = watch.elapsed();
        Ok((hits.iter().map(|hit| hit.point.id).collect(), took))
    }

    /// Bytes on disk and in memory.
    pub(super) fn bytes(&self) -> anyhow::Result<(u64, u64)> {
        let usage = self.engine.usage(&self.owner)?;
        Ok((usage.disk_bytes, usage.memory_bytes))
    }
}

/// A point to be stored.
pub(super) struct Point<'a> {
    pub(super) id: usize,
    pub(super) vector: ArrayView1<'a, f32>,
    pub(super) payload: Map<String, Value>,
}

impl<'a> Point<'a> {
    /// A row of a matrix, under its number.
    pub(super) fn row(base: &'a Array2<f32>, row: usize) -> Self {
        Self {
            id: row,
            vector: base.row(row),
            payload: Map::new(),
        }
    }
}

/// What a search asks for besides the vector.
#[derive(Clone, Default)]
pub(super) struct Asked {
    pub(super) k: usize,
    pub(super) ef: usize,
    pub(super) filter: Option<Filter>,
}

/// The name of the collection that a bench with one collection uses.
pub(super) fn collection() -> anyhow::Result<CollectionName> {
    Ok(CollectionName::parse("bench")?)
}

/// Waits.
#[expect(
    clippy::disallowed_methods,
    reason = "this thread has nothing else to do"
)]
pub(super) fn pause(duration: Duration) {
    thread::sleep(duration);
}

fn options(directory: &Path) -> EngineOptions {
    EngineOptions {
        directory: directory.to_owned(),
        root_key: None,
        root_key_next: None,
        operator_key: None,
        store: StoreOptions::default(),
        data_key_lasts: Duration::from_secs(365 * 24 * 60 * 60),
        partitions_open_max: 1,
        issuers: Vec::new(),
        audit: AuditOptions::default(),
        clock: Arc::new(clock::System),
    }
}

const BATCH: usize = 1_000;
/// Tries to remove a directory before it is left to whoever cleans the temporary ones.
const REMOVALS_MAX: usize = 100;
