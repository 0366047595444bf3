//! The priority of threads: those that work behind the back of whoever asks get out of the way.
//!
//! Linux keeps a priority for each thread. It decides how much a thread gets, and not how soon: one that
//! wakes up may wait until the next tick, 4 ms, for one of a lower priority that was owed time. So when
//! several tenants ask, threads of a lower priority leave a part of the cores to the others altogether.
//! **Invariant:** threads that serve connections keep their priority and all cores.
//! Called by: `engine` (builds, whose turn it is), `http` (work that takes long), `cli` (what that is
//! shared out over), `store` (`RocksDB`'s own threads).

use std::{
    cell::RefCell,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
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
        YIELDING.with_borrow_mut(|yielding| {
            yielding.get_or_insert_with(Yielding::enter);
        });
    }
}

/// Whether threads of a lower priority leave a quarter of the cores free, one at least: while somebody
/// may ask who isn't to wait for what they do. Costs nothing while it stays as it is.
pub fn leave_room(leave: bool) {
    if ROOM_LEFT.load(Ordering::Relaxed) != leave {
        let yielding = THREADS.lock();
        ROOM_LEFT.store(leave, Ordering::Relaxed);
        yielding.iter().for_each(|thread| place(*thread, leave));
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
