//! The priority of threads: those that work behind the back of whoever asks get out of the way.
//!
//! Linux keeps a priority for each thread. It decides how much a thread gets, and not how soon: one that
//! wakes up may wait until the next tick, 4 ms, for one of a lower priority that was owed time. So when
//! several tenants ask, or one does while a [`Job`] is under way, threads of a lower priority leave a
//! part of the cores to the others altogether.
//! **Invariant:** threads that serve connections keep their priority and all cores.
//! Called by: `engine` (builds, jobs, whose turn it is), `http` (work that takes long), `cli` (what that
//! is shared out over), `store` (`RocksDB`'s own threads), `partition` and `ops` (threads of a job's).

use std::{
    cell::RefCell,
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use rustix::{
    process::Pid,
    thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity},
};

/// What a thread does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Priority {
    /// What somebody waits for, and takes long: a third of the time that short work gets, if all want it.
    Long,
    /// What nobody waits for: a third of what long work gets.
    Background,
}

impl Priority {
    /// Gives it to the thread that calls. Where that can't be done the thread keeps its own.
    pub fn take(self) {
        let niceness = match self {
            Self::Long => 5,
            Self::Background => 10,
        };
        if let Err(error) = rustix::process::nice(niceness) {
            tracing::debug!(%error, "a thread in the background runs at the priority of requests");
        }
        leave_room();
    }
}

/// The thread that calls is among those that leave room from now on.
fn leave_room() {
    YIELDING.with_borrow_mut(|yielding| {
        yielding.get_or_insert_with(Yielding::enter);
    });
}

/// What goes through whole partitions while their tenants go on asking: an erasure, a sweep, a backup.
#[must_use = "the job is over when this is dropped"]
pub struct Job(());

impl Job {
    /// Begins one. Where nobody asks it has all cores.
    pub fn begin() -> Self {
        JOBS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        JOBS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Somebody asks: while others do too, or a job is under way, threads of a lower priority leave a
/// quarter of the cores free, one at least. Until somebody asks again that stays as it is, and as long
/// as it does it costs nothing.
pub fn make_room(others: bool) {
    let leave = others || JOBS.load(Ordering::Relaxed) > 0;
    if ROOM_LEFT.load(Ordering::Relaxed) != leave {
        let yielding = THREADS.lock();
        ROOM_LEFT.store(leave, Ordering::Relaxed);
        yielding.iter().for_each(|thread| place(*thread, leave));
    }
}

/// What a thread is to do that works for the one that calls: it leaves room, if that one does. A thread
/// has the niceness of whoever starts it anyway.
pub fn alike<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let yields = YIELDING.with_borrow(Option::is_some);
    move || {
        if yields {
            leave_room();
        }
        work()
    }
}

/// Has the thread that calls leave that room always, and with it those that it starts: others' code may
/// start threads that nobody can be asked for later.
pub fn stay_aside() {
    place(gettid(), true);
}

/// That the thread is among those that leave room, until it ends: numbers of threads are given out again.
struct Yielding(Pid);

impl Yielding {
    fn enter() -> Self {
        let thread = gettid();
        let mut yielding = THREADS.lock();
        yielding.push(thread);
        place(thread, ROOM_LEFT.load(Ordering::Relaxed));
        Self(thread)
    }
}

impl Drop for Yielding {
    fn drop(&mut self) {
        THREADS.lock().retain(|thread| *thread != self.0);
    }
}

fn place(thread: Pid, leave: bool) {
    let Some((all, most)) = &*CORES else {
        return;
    };
    if let Err(error) = sched_setaffinity(Some(thread), if leave { most } else { all }) {
        tracing::debug!(%error, "a thread in the background runs on all cores");
    }
}

/// The cores that the process may use, and those that are left when room is made; none if there is but
/// one.
static CORES: LazyLock<Option<(CpuSet, CpuSet)>> =
    LazyLock::new(|| sched_getaffinity(None).ok().and_then(divided));

fn divided(all: CpuSet) -> Option<(CpuSet, CpuSet)> {
    let own = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
    let own: Vec<_> = own.collect();
    let free = (own.len() / 4).max(1);
    let mut most = all;
    own.iter().take(free).for_each(|core| most.unset(*core));
    (own.len() > 1).then_some((all, most))
}

static ROOM_LEFT: AtomicBool = AtomicBool::new(false);
static JOBS: AtomicUsize = AtomicUsize::new(0);
static THREADS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

thread_local! {
    static YIELDING: RefCell<Option<Yielding>> = const { RefCell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_cores_is_left_free_one_at_least_and_one_is_not_divided() {
        for (own, left) in [
            (0..1, None),
            (0..2, Some(1)),
            (4..8, Some(3)),
            (1..17, Some(12)),
        ] {
            let mut all = CpuSet::new();
            own.clone().for_each(|core| all.set(core));
            let divided = divided(all);
            assert_eq!(
                divided.as_ref().map(|(_, most)| most.count()),
                left,
                "{own:?}"
            );
            let Some((all, most)) = divided else {
                continue;
            };
            assert!(own.clone().all(|core| all.is_set(core)));
            assert!(!most.is_set(own.start) && most.is_set(own.end - 1));
        }
    }
}
