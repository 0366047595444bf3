//! Starting a node on a data directory.
//!
//! ```text
//! DIR/lock             held while a node runs
//! DIR/keys/root.key    the root key, unless it is kept elsewhere
//! DIR/keys/ring/       wrapped generation keys
//! DIR/catalog/         tenants, shelves, key hashes: sealed
//! DIR/shelves/NNNNNN/  the tenants' families: sealed
//! DIR/audit/           the audit log
//! DIR/backups/         the tenants' backups: sealed
//! ```

use std::{
    fs::{self, File, TryLockError},
    io, mem,
    num::NonZero,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::AtomicU64,
        mpsc::{Receiver, TryRecvError, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{
    Engine, Turns,
    erasures::carry_out,
    keeper,
    sweeps::Sweeper,
    webhooks::{StoredDelivery, StoredWebhook, WebhookId, Webhooks},
};
use crate::{
    access::{
        AnsweredId, ApiKey, ApiKeyId, ApiKeyRecord, FamilyId, Gate, IssuerOptions, KeyTable,
        Limits, Presented, Role, Scope, StoredExtras, StoredFamily, StoredSuspension, Tokens,
        WatchedId, Watcher, day,
    },
    audit::{AuditError, AuditLog, AuditOptions},
    clock::{Clock, Timestamp},
    ops::{
        Erasures,
        backup::{BackupError, Backups},
        custody::Custody,
        erase::Parts,
    },
    partition::Partition,
    priority::Priority,
    router::{Router, RouterError},
    seal::{
        self, GenerationKey, Keyring, KeyringError, RootKeySource, RootKeys, RotationError,
        SealError,
    },
    store::{Catalog, CatalogError, CatalogKind, InUse, Released, Shelves, StoreOptions, Sweeps},
    telemetry::Metrics,
    tenant::{Generation, TenantUuid},
};

/// How a node is set up.
#[derive(Debug)]
pub struct EngineOptions {
    /// The data directory.
    pub directory: PathBuf,
    /// Where the root key comes from; a file in the data directory if it isn't said.
    pub root_key: Option<RootKeySource>,
    /// Where the next root key comes from, once it is to be replaced; made by the node if the
    /// current one is a file, and this isn't said.
    pub root_key_next: Option<RootKeySource>,
    /// An operator key that the configuration supplies: then no other is believed.
    pub operator_key: Option<Presented>,
    /// Memory and files.
    pub store: StoreOptions,
    /// Partitions that may be open at once.
    pub partitions_open_max: usize,
    /// How old a tenant's data key may get before it is replaced by resealing.
    pub data_key_lasts: Duration,
    /// Whose tokens are believed, besides the node's own. Their keys are handed in once it runs.
    pub issuers: Vec<IssuerOptions>,
    /// How the audit log is kept.
    pub audit: AuditOptions,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A node that was started.
#[derive(Debug)]
pub struct Started {
    /// The node.
    pub engine: Arc<Engine>,
    /// The operator key that was made because there was none: to be shown once.
    pub operator_key: Option<ApiKey>,
    /// Destroys in time what isn't to be kept, once it is set going.
    pub sweeper: Sweeper,
    /// Tells when everything of the node is closed, once the engine was let go.
    pub released: Released,
}

impl Engine {
    /// Starts a node: takes the directory, fetches the root key, reads the catalog. Opens no
    /// tenant.
    ///
    /// # Errors
    /// [`StartError`], which says what to do about it.
    pub fn start(options: EngineOptions) -> Result<Started, StartError> {
        let directory = &options.directory;
        let Unlocked {
            in_use,
            released,
            root_keys,
            keyring,
            system,
            catalog,
        } = Unlocked::open(&options)?;
        let audit = AuditLog::open(
            &directory.join("audit"),
            system.derive_signing_key(),
            options.audit,
        )?;
        let audit = Arc::new(audit);
        let metrics = Arc::new(Metrics::default());
        let records: Vec<ApiKeyRecord> = catalog
            .load(CatalogKind::ApiKey)?
            .into_iter()
            .map(|(_, record)| record)
            // The configuration supplies one in their place: they stay, for the day when it doesn't.
            .filter(|record: &ApiKeyRecord| {
                options.operator_key.is_none() || record.role != Role::Operator
            })
            .collect();
        let keys = KeyTable::new(system.derive_hash_key(), records);
        for (id, extras) in catalog.load::<StoredExtras>(CatalogKind::KeyExtras)? {
            if let Some(id) = ApiKeyId::from_catalog_id(id) {
                keys.extend(id, extras.into());
            }
        }
        let watcher = watcher(&catalog, &keys, options.clock.now())?;
        let operator_key = operator(&options.operator_key, &keys, &catalog, &*options.clock)?;
        let shelves = Shelves::new(
            &directory.join("shelves"),
            &options.store,
            Arc::clone(&in_use),
        );
        let (sweeps, earlier) = Sweeps::load(Arc::clone(&catalog))?;
        let token_keys = catalog.load(CatalogKind::TokenKey)?.into_iter();
        let token_keys = token_keys.map(|(_, record)| record).collect();
        let families = catalog.load(CatalogKind::RefreshFamily)?.into_iter();
        let families = families.map(|(id, StoredFamily::V1(family))| (FamilyId(id), family));
        let families = families.collect();
        let hooks = catalog.load(CatalogKind::Webhook)?.into_iter();
        let hooks = hooks.map(|(id, StoredWebhook::V1(hook))| (WebhookId(id), hook));
        let deliveries = catalog.load(CatalogKind::Delivery)?.into_iter();
        let deliveries = deliveries.map(|(id, StoredDelivery::V1(it))| (WebhookId(id), it));
        let webhooks = Webhooks::new(
            system.derive_webhook_root(),
            hooks.collect(),
            deliveries.collect(),
        );
        let router = Arc::new(Router::new(
            shelves,
            keyring,
            Arc::clone(&catalog),
            Arc::new(sweeps),
            options.partitions_open_max,
            Arc::clone(&metrics),
        )?);
        router.settle_restores();
        let backups = Backups::open(&directory.join("backups"), Arc::clone(&catalog))?;
        let backups = Arc::new(backups);
        let custody = Arc::new(Custody::open(Arc::clone(&catalog))?);
        let tenants = Arc::clone(&router);
        let tokens = Tokens::new(
            system.derive_token_root(),
            token_keys,
            system.derive_refresh_key(),
            families,
            options.issuers,
            Box::new(move |id| tenants.living(id)),
        );
        for (_, stored) in catalog.load(CatalogKind::SuspendedSubject)? {
            let StoredSuspension::V1(subject) = stored;
            tokens.suspensions().add(subject);
        }
        let limits = Limits::default();
        for record in router.every_record() {
            limits.set(
                record.uuid,
                record.quota,
                router.policy(record.uuid).allowance,
            );
        }
        // Threads of their own, so that no request's work queues behind a build.
        let builders = ThreadPoolBuilder::new()
            .thread_name(|number| format!("build-{number}"))
            .start_handler(|_| Priority::Background.take())
            .build()
            .map_err(io::Error::other)?;
        let builders = Arc::new(builders);
        let (maintenance, due) = sync_channel(MAINTENANCE_QUEUE_MAX);
        thread::Builder::new().name("maintenance".into()).spawn({
            let (metrics, builders) = (Arc::clone(&metrics), Arc::clone(&builders));
            move || maintain(&due, &builders, &metrics)
        })?;
        let gate = Arc::new(Gate::new(Arc::clone(&audit), keys, limits).with_tokens(tokens));
        let moved = router.take_up_moves()?;
        let signer = system.derive_signing_key();
        let public_key = signer.verifying_key();
        let erasures = Arc::new(Erasures::new(Parts {
            router: Arc::clone(&router),
            gate: Arc::clone(&gate),
            catalog,
            audit: Arc::clone(&audit),
            clock: Arc::clone(&options.clock),
            signer,
            backups: Arc::clone(&backups),
            custody: Arc::clone(&custody),
            directory: directory.clone(),
        })?);
        let (erasing, erasures_due) = channel();
        let (keeper, gone) = sync_channel(0);
        let (settling, settled) = sync_channel(0);
        let engine = Arc::new(Self {
            router,
            gate,
            erasures,
            rounds: Mutex::default(),
            erasing,
            audit,
            clock: options.clock,
            metrics,
            // Random, so that request ids of two runs differ.
            requests: AtomicU64::new(u64::from_be_bytes(seal::random_bytes()?) >> 1),
            data_key_lasts: options.data_key_lasts,
            maintenance,
            public_key,
            backups,
            custody,
            root_keys,
            watcher,
            counter: system.derive_count_key(),
            day_begun: Mutex::default(),
            turns: Turns::new(thread::available_parallelism().map_or(1, NonZero::get)),
            renewing: Mutex::default(),
            making_token_key: Mutex::default(),
            changing_keys: Mutex::default(),
            webhooks,
            told_of_keys: Mutex::default(),
            told_of_quotas: Mutex::default(),
            _keeper: keeper,
            _settling: settling,
            _in_use: in_use,
        });
        thread::Builder::new().name("audit".into()).spawn({
            let engine = Arc::downgrade(&engine);
            move || Self::settle_audit(&engine, &settled)
        })?;
        thread::Builder::new().name("erasures".into()).spawn({
            let (engine, builders) = (Arc::downgrade(&engine), Arc::clone(&builders));
            move || carry_out(&erasures_due, &engine, &builders)
        })?;
        engine.take_up_erasures(moved);
        engine.tend();
        thread::Builder::new().name("keeper".into()).spawn({
            let engine = Arc::downgrade(&engine);
            move || keeper::keep(&engine, &gone)
        })?;
        let sweeper = Sweeper {
            engine: Arc::downgrade(&engine),
            earlier,
        };
        Ok(Started {
            engine,
            operator_key,
            sweeper,
            released,
        })
    }
}

impl Engine {
    /// Goes on with the erasures that a stop cut short.
    fn take_up_erasures(&self, moved: Vec<TenantUuid>) {
        let deleted = self.router.half_deleted();
        for record in &deleted {
            self.refuse_keys(record);
        }
        let mut due = self.erasures.tenants_due();
        due.extend(deleted.iter().map(|record| record.uuid));
        due.extend(moved);
        for tenant in due {
            self.erase_later(tenant);
        }
    }
}

/// A data directory whose catalog is open: what is needed before anything can be done with it.
pub(super) struct Unlocked {
    pub(super) in_use: Arc<InUse>,
    released: Released,
    root_keys: RootKeys,
    pub(super) keyring: Keyring,
    system: GenerationKey,
    pub(super) catalog: Arc<Catalog>,
}

impl Unlocked {
    /// Takes the directory, fetches the root key, finishes a rotation of it that was cut short, and
    /// opens the catalog.
    pub(super) fn open(options: &EngineOptions) -> Result<Self, StartError> {
        let directory = &options.directory;
        fs::create_dir_all(directory)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
        let (in_use, released) = InUse::new(lock(directory)?);
        let catalog_directory = directory.join("catalog");
        let source = options.root_key.clone();
        let root_keys = RootKeys {
            source: source.unwrap_or_else(|| RootKeySource::File(directory.join("keys/root.key"))),
            next: options.root_key_next.clone(),
        };
        // A new key in place of a lost one would open nothing.
        if catalog_directory.exists() && root_keys.source.would_make() {
            return Err(StartError::WrongRootKey);
        }
        let keyring = root_keys.open(&directory.join("keys/ring"))?;
        let system = system_key(&keyring, catalog_directory.exists())?;
        let catalog = Arc::new(Catalog::open(
            &catalog_directory,
            system.derive_data_key(0),
            Arc::clone(&in_use),
        )?);
        Ok(Self {
            in_use,
            released,
            root_keys,
            keyring,
            system,
            catalog,
        })
    }
}

fn lock(directory: &std::path::Path) -> Result<File, StartError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse {
            directory: directory.into(),
        }),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// The key of the node's own records. Made on an empty directory, and only there: a catalog
/// whose key is gone is no reason to start a new one over it.
fn system_key(keyring: &Keyring, catalog_exists: bool) -> Result<GenerationKey, StartError> {
    let (tenant, generation) = (TenantUuid::SYSTEM, Generation::FIRST);
    match keyring.load(tenant, generation) {
        Ok(key) => Ok(key),
        Err(KeyringError::Missing) if !catalog_exists => Ok(keyring.make(tenant, generation)?),
        Err(KeyringError::Missing | KeyringError::Unopened(_)) => Err(StartError::WrongRootKey),
        Err(error) => Err(error.into()),
    }
}

/// A watcher that knows what those who ask were answered today.
fn watcher(catalog: &Catalog, keys: &KeyTable, now: Timestamp) -> Result<Watcher, CatalogError> {
    let watcher = Watcher::default();
    for id in catalog.ids(CatalogKind::Answered, &[])? {
        let at = AnsweredId::from_catalog_id(id);
        if at.day == day(now)
            && let Some(stored) = catalog.find(CatalogKind::Answered, id)?
        {
            let who = WatchedId::from_bytes(at.who, |key| keys.find(key).is_some());
            watcher.resume(who, at, stored);
        }
    }
    Ok(watcher)
}

/// Makes sure that there is an operator key: the supplied one, one that was made before, or a
/// new one.
fn operator(
    supplied: &Option<Presented>,
    keys: &KeyTable,
    catalog: &Catalog,
    clock: &dyn Clock,
) -> Result<Option<ApiKey>, StartError> {
    let record = |id, hash| ApiKeyRecord {
        id,
        hash,
        scope: Scope::Node,
        role: Role::Operator,
        name: "operator".to_owned(),
        created: clock.now(),
        expires: None,
        collections: None,
        networks: None,
    };
    if let Some(supplied) = supplied {
        // In memory alone: the next start's configuration decides for itself.
        keys.insert(record(ApiKeyId::OPERATOR, supplied.hash(keys.hasher())));
        return Ok(None);
    }
    if keys.has_operator() {
        return Ok(None);
    }
    let key = ApiKey::make()?;
    let record = record(key.id, key.hash(keys.hasher()));
    catalog.put(CatalogKind::ApiKey, record.id.catalog_id(), &record)?;
    keys.insert(record);
    Ok(Some(key))
}

/// Rebuilds and stores what would gain from it, one partition after the other, until the node is gone.
fn maintain(due: &Receiver<Arc<Partition>>, builders: &ThreadPool, metrics: &Metrics) {
    let mut waiting: Vec<Weak<Partition>> = Vec::new();
    loop {
        let first = if waiting.is_empty() {
            due.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            due.try_recv()
        };
        let first = match first {
            Ok(partition) => Some(partition),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => return,
        };
        for partition in first.into_iter().chain(due.try_iter()) {
            let partition = Arc::downgrade(&partition);
            if !waiting.iter().any(|waits| waits.ptr_eq(&partition)) {
                waiting.push(partition);
            }
        }
        for partition in mem::take(&mut waiting) {
            // One that was closed meanwhile has nothing to gain.
            if let Some(open) = partition.upgrade() {
                let stored = builders.install(|| open.maintain());
                metrics.segments_written.inc_by(stored);
                // It stopped to store an index: the others come first.
                if open.wants_rebuild() {
                    waiting.push(partition);
                }
            }
        }
    }
}

/// Why a node didn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process uses the directory.
    #[error("data directory {} is in use by another locule process; stop that one first, or choose another with --data", directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// The keyring doesn't open under this root key, or its files are gone.
    #[error(
        "the keyring doesn't open: this isn't the root key that the data directory was made with, or the key's file or keys/ring is damaged or gone"
    )]
    WrongRootKey,
    /// There is no root key, or its replacement that was cut short can't be finished.
    #[error("the root key can't be used")]
    RootKey(#[from] RotationError),
    /// The backups can't be read.
    #[error("the backups can't be read")]
    Backups(#[from] BackupError),
    /// The keyring failed.
    #[error("the keyring can't be used")]
    Keyring(#[from] KeyringError),
    /// The catalog failed.
    #[error("the catalog can't be opened")]
    Catalog(#[from] CatalogError),
    /// The audit log failed.
    #[error("the audit log can't be opened")]
    Audit(#[from] AuditError),
    /// The tenants can't be read.
    #[error("the tenants can't be read")]
    Router(#[from] RouterError),
    /// No random bytes.
    #[error("a key couldn't be made")]
    Seal(#[from] SealError),
    /// The directory can't be used.
    #[error("the data directory can't be used")]
    Io(#[from] io::Error),
}

/// Partitions that may wait for maintenance. One more isn't lost: its next write asks again.
const MAINTENANCE_QUEUE_MAX: usize = 256;
