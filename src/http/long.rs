//! Threads beside those that serve connections: for what waits, and for what takes long, which is bulk
//! writes and their texts, deep searches, opening what is cold.
//!
//! The latter have a lower priority. Otherwise a short request waits at its thread's wake-up until one
//! of them has used up its time slice, 4 ms and more.
//! Called by: `http/caller`, `http/body`, `http/control`.

use std::{panic, sync::LazyLock};

use tokio::{
    runtime::{Builder, Runtime},
    task::{JoinHandle, spawn_blocking},
};

use crate::priority::Priority;

/// Does something that takes long.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    done(match &*THREADS {
        Some(threads) => threads.spawn_blocking(work),
        None => spawn_blocking(work),
    })
    .await
}

/// Does something that may wait and doesn't take long.
pub(super) async fn wait_for<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    done(spawn_blocking(work)).await
}

/// What a thread did. If it panicked, so does whoever waits for it.
async fn done<T>(work: JoinHandle<T>) -> T {
    match work.await {
        Ok(done) => done,
        Err(panicked) => panic::resume_unwind(panicked.into_panic()),
    }
}

/// As many as there is work: how much there is at a time is for turns to say. They are the process's,
/// since nobody could wait for their end in a server that is stopped from within.
static THREADS: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    Builder::new_current_thread()
        .thread_name("long")
        .on_thread_start(|| Priority::Long.take())
        .build()
        .inspect_err(|error| tracing::warn!(%error, "long work runs at the priority of requests"))
        .ok()
});
