//! How `RocksDB` is set up. Each value has its reason; the traps they avoid are from its sources.

use std::thread;

use rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, Env, LogLevel, Options, WriteBufferManager,
    WriteOptions,
};

use super::StoreError;
use crate::priority::{self, Priority};

/// What the node's owner may choose.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Memory for blocks that were read, shared by all shelves.
    pub block_cache_bytes: usize,
    /// Memory for writes that aren't in a table file yet, shared by all shelves.
    pub write_buffer_bytes: usize,
    /// Shelves that stay open though no tenant of theirs is.
    pub warm_shelves_max: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            block_cache_bytes: 128 << 20,
            // Must be well over active families x arena block (64 KiB): near it, every write
            // flushes something. 256 MiB serves 1,000 families that are written at once.
            write_buffer_bytes: 256 << 20,
            warm_shelves_max: 8,
        }
    }
}

/// What all shelves share.
pub(super) struct Shared {
    cache: Cache,
    buffers: WriteBufferManager,
}

impl Shared {
    pub(super) fn new(options: &StoreOptions) -> Self {
        start_threads();
        Self {
            cache: Cache::new_lru_cache(options.block_cache_bytes),
            // Never stall: with many families a stall can wedge for good.
            buffers: WriteBufferManager::new_write_buffer_manager(
                options.write_buffer_bytes,
                false,
            ),
        }
    }

    pub(super) fn database(&self) -> Result<Options, StoreError> {
        // Not in the crate's own API. Without the first, every reopen writes a small table file for
        // every family that the log has rows of.
        let mut options = Options::default().get_options_from_string(
            "avoid_flush_during_recovery=true;max_manifest_space_amp_pct=0",
        )?;
        options.create_if_missing(true);
        options.set_write_buffer_manager(&self.buffers);
        // A family with one unflushed byte pins the whole log; this bounds what it can pin.
        options.set_max_total_wal_size(64 << 20);
        // Leftover bytes of a recycled log would outlive an erasure.
        options.set_recycle_log_file_num(0);
        options.set_wal_ttl_seconds(0);
        options.set_wal_size_limit_mb(0);
        // Written anew at every edit, which is some tens of kilobytes at each flush, so that it names
        // no family that was dropped.
        options.set_max_manifest_file_size(1);
        options.set_manifest_preallocation_size(64 << 10);
        // LOG files name families (opaque numbers), at the info level every option of every family
        // at each opening, at the warn level those whose writers wait: keep them few and quiet.
        options.set_log_level(LogLevel::Error);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(4 << 20);
        // Statistics are formatted for every family under the database's mutex.
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options.set_skip_stats_update_on_db_open(true);
        options.set_max_open_files(512);
        // One opens files itself; more start threads anew for every family.
        options.set_max_file_opening_threads(1);
        options.set_max_background_jobs(2);
        // The system's own reading ahead knows runs from single reads: 150 MB in pieces of 1 MiB on
        // two threads take 68 ms with it, 130 ms without.
        options.set_advise_random_on_open(false);
        self.tune(&mut options);
        Ok(options)
    }

    pub(super) fn family(&self) -> Options {
        let mut options = Options::default();
        self.tune(&mut options);
        options
    }

    fn tune(&self, options: &mut Options) {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&self.cache);
        blocks.set_block_size(16 << 10);
        blocks.set_cache_index_and_filter_blocks(true);
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(4 << 20);
        options.set_max_write_buffer_number(2);
        options.set_arena_block_size(64 << 10);
        options.set_num_levels(4);
        // Ciphertext doesn't compress.
        options.set_compression_type(DBCompressionType::None);
    }
}

/// Starts the threads that flush and compact, of all shelves. Threads have the priority and the cores of
/// whoever starts them: at that of requests, one held a core for 2 to 4 ms that a search waited for.
fn start_threads() {
    let started = thread::Builder::new().name("rocksdb".into()).spawn(|| {
        Priority::Long.take();
        priority::stay_aside();
        let mut env = Env::new()?;
        env.set_background_threads(1);
        env.set_high_priority_background_threads(1);
        Ok::<_, rocksdb::Error>(())
    });
    // Otherwise the first shelf starts them, at the priority of requests.
    match started.map(thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => {
            tracing::debug!(%error, "compactions run at the priority of requests")
        }
        Ok(Err(_)) | Err(_) => tracing::debug!("compactions run at the priority of requests"),
    }
}

/// A commit is acknowledged once its log record is on disk.
pub(super) fn durable() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    // Second line behind the fence: a write to a dropped family must never stop the shelf.
    options.set_ignore_missing_column_families(true);
    options
}
