//! Turns: whose work is done next, so that a tenant that asks for much waits for itself.
//!
//! Work is of three kinds, and of each so much is done at a time. A tenant whose work must wait has a
//! queue of its own, and the next turn goes to the one of those that wait which has had least time so
//! far. While others have asked within the last second, for whatever kind, no tenant has all places of
//! one, and threads that do long work leave a core free: so who asks now and then mostly finds a place
//! and a core. A lone tenant has them all.
//!
//! **Invariant:** a place is given back however its work ends (`tests` below).
//! Called by: `http/caller`.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    clock::{Stopwatch, Timestamp},
    priority,
    tenant::TenantUuid,
};

/// A kind of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Searches and looks at what is in memory: as many at a time as there are cores.
    Quick,
    /// Small writes: many at a time, since they wait for one fsync together.
    Write,
    /// Whatever takes long: bulk writes, scans, opening what is cold.
    Long,
}

/// The turns of a node.
#[derive(Debug)]
pub struct Turns {
    recent: Arc<Mutex<Recent>>,
    quick: Arc<Queue>,
    write: Arc<Queue>,
    long: Arc<Queue>,
}

/// A place that work is done in. Giving it back is dropping it.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub struct Turn {
    queue: Arc<Queue>,
    tenant: TenantUuid,
    watch: Stopwatch,
}

/// Too much of the tenant's work waits already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many requests are in flight; the limit is {at_once_max} at a time")]
pub struct Busy {
    /// How many may be in flight.
    pub at_once_max: usize,
}

impl Turns {
    /// Turns on a machine with so many cores.
    pub fn new(cores: usize) -> Self {
        let cores = cores.max(1);
        let recent = Arc::new(Mutex::new(Recent::default()));
        Self {
            quick: Queue::new(cores, &recent),
            write: Queue::new(WRITES_EACH_CORE * cores, &recent),
            long: Queue::new(cores, &recent),
            recent,
        }
    }

    /// Waits for a tenant's turn. Of its work of this kind, `at_once_max` may be in flight, what waits
    /// counted.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn wait(
        &self,
        work: Work,
        tenant: TenantUuid,
        now: Timestamp,
        at_once_max: Option<usize>,
    ) -> Result<Turn, Busy> {
        let queue = match work {
            Work::Quick => &self.quick,
            Work::Write => &self.write,
            Work::Long => &self.long,
        };
        let others = self.recent.lock().saw(tenant, now);
        priority::make_room(others);
        let at_once_max = at_once_max.unwrap_or(IN_FLIGHT_MAX).min(IN_FLIGHT_MAX);
        let waiting = match queue.ask(tenant, others, at_once_max)? {
            Asked::Now(turn) => return Ok(turn),
            Asked::Later(waiting) => waiting,
        };
        // The sender is kept until its turn comes.
        waiting.await.map_err(|_| Busy { at_once_max })
    }
}

/// The places for one kind of work.
#[derive(Debug)]
struct Queue {
    places: usize,
    recent: Arc<Mutex<Recent>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    taken: usize,
    tenants: HashMap<TenantUuid, Own>,
    /// Tenants with work that waits, who has had least time first.
    waiting: BTreeSet<(Duration, TenantUuid)>,
    /// The time that whoever had a turn last has had: who comes back from a pause starts there.
    least: Duration,
}

/// The last two tenants that asked, and when.
#[derive(Clone, Copy, Debug)]
struct Recent {
    asked: [Option<(TenantUuid, Timestamp)>; 2],
    now: Timestamp,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            asked: [None, None],
            now: Timestamp(0),
        }
    }
}

impl Recent {
    /// Notes that a tenant asks. Whether there are others.
    fn saw(&mut self, tenant: TenantUuid, now: Timestamp) -> bool {
        self.now = self.now.max(now);
        match &mut self.asked {
            [Some((last, at)), _] if *last == tenant => *at = now,
            [last, before] => {
                *before = last.take();
                *last = Some((tenant, now));
            }
        }
        self.are_others(tenant)
    }

    /// Whether anyone but a tenant asked of late.
    fn are_others(&self, tenant: TenantUuid) -> bool {
        let mut asked = self.asked.iter().flatten();
        asked.any(|(other, at)| *other != tenant && at.plus(ALONE_AFTER) >= self.now)
    }
}

/// How many places a tenant may have, while there are others or not.
fn most(places: usize, others: bool) -> usize {
    if others { (places / 2).max(1) } else { places }
}

/// A tenant with work in flight.
#[derive(Debug, Default)]
struct Own {
    running: usize,
    waiting: VecDeque<oneshot::Sender<Turn>>,
    had: Duration,
}

enum Asked {
    Now(Turn),
    Later(oneshot::Receiver<Turn>),
}

impl Queue {
    fn new(places: usize, recent: &Arc<Mutex<Recent>>) -> Arc<Self> {
        Arc::new(Self {
            places,
            recent: Arc::clone(recent),
            state: Mutex::new(State {
                taken: 0,
                tenants: HashMap::new(),
                waiting: BTreeSet::new(),
                least: Duration::ZERO,
            }),
        })
    }

    fn ask(
        self: &Arc<Self>,
        tenant: TenantUuid,
        others: bool,
        at_once_max: usize,
    ) -> Result<Asked, Busy> {
        let most = most(self.places, others);
        let mut state = self.state.lock();
        let (free, least) = (state.taken < self.places, state.least);
        let own = state.tenants.entry(tenant).or_insert_with(|| Own {
            had: least,
            ..Own::default()
        });
        if own.running + own.waiting.len() >= at_once_max {
            return Err(Busy { at_once_max });
        }
        if free && own.waiting.is_empty() && own.running < most {
            own.running += 1;
            state.taken += 1;
            return Ok(Asked::Now(self.turn(tenant)));
        }
        let (sender, receiver) = oneshot::channel();
        own.waiting.push_back(sender);
        let place = (own.had, tenant);
        state.waiting.insert(place);
        Ok(Asked::Later(receiver))
    }

    fn turn(self: &Arc<Self>, tenant: TenantUuid) -> Turn {
        Turn {
            queue: Arc::clone(self),
            tenant,
            watch: Stopwatch::start(),
        }
    }

    /// Takes a place back, and gives free ones to whoever is next.
    fn give_back(self: &Arc<Self>, tenant: TenantUuid, took: Duration) {
        let recent = *self.recent.lock();
        let mut state = self.state.lock();
        state.end(tenant, took);
        while let Some((next, sender)) = state.next(self.places, &recent) {
            // Whoever has gone meanwhile gives the place back at once, so not under the lock.
            drop(state);
            drop(sender.send(self.turn(next)));
            state = self.state.lock();
        }
    }
}

impl State {
    fn end(&mut self, tenant: TenantUuid, took: Duration) {
        self.taken -= 1;
        let Some(own) = self.tenants.get_mut(&tenant) else {
            return;
        };
        own.running -= 1;
        let before = own.had;
        own.had += took;
        if self.waiting.remove(&(before, tenant)) {
            self.waiting.insert((own.had, tenant));
        } else if own.running == 0 {
            self.tenants.remove(&tenant);
        }
    }

    /// The next work to be done, if there is a place for it.
    fn next(
        &mut self,
        places: usize,
        recent: &Recent,
    ) -> Option<(TenantUuid, oneshot::Sender<Turn>)> {
        if self.taken >= places {
            return None;
        }
        let may = |(_, tenant): &&(Duration, TenantUuid)| {
            let running = self.tenants.get(tenant).map_or(0, |own| own.running);
            running < most(places, recent.are_others(*tenant))
        };
        let (had, tenant) = *self.waiting.iter().find(may)?;
        let own = self.tenants.get_mut(&tenant)?;
        let sender = own.waiting.pop_front()?;
        own.running += 1;
        self.taken += 1;
        self.least = self.least.max(had);
        if own.waiting.is_empty() {
            self.waiting.remove(&(had, tenant));
        }
        Some((tenant, sender))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.give_back(self.tenant, self.watch.elapsed());
    }
}

/// Work of a tenant that may be in flight, of each kind: past that it is refused, not queued.
const IN_FLIGHT_MAX: usize = 1_024;
/// Small writes at a time, for each core.
const WRITES_EACH_CORE: usize = 32;
/// How long after another tenant asked one has all places again.
const ALONE_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn tenant(number: u8) -> TenantUuid {
        TenantUuid::from_bytes([number; 16])
    }

    fn queue(places: usize) -> Arc<Queue> {
        Queue::new(places, &Arc::default())
    }

    fn ask(queue: &Arc<Queue>, who: u8, at_once_max: usize) -> Result<Asked, Busy> {
        let others = queue.recent.lock().saw(tenant(who), NOW);
        queue.ask(tenant(who), others, at_once_max)
    }

    fn now(queue: &Arc<Queue>, who: u8) -> Option<Turn> {
        match ask(queue, who, 100).unwrap() {
            Asked::Now(turn) => Some(turn),
            Asked::Later(_) => None,
        }
    }

    fn later(queue: &Arc<Queue>, who: u8) -> oneshot::Receiver<Turn> {
        match ask(queue, who, 100).unwrap() {
            Asked::Later(waiting) => waiting,
            Asked::Now(_) => panic!("there was a place"),
        }
    }

    fn has(waiting: &mut oneshot::Receiver<Turn>) -> Option<Turn> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(waiting).poll(&mut context) {
            Poll::Ready(turn) => Some(turn.unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_lone_tenant_has_every_place_and_two_leave_each_other_room() {
        let queue = queue(4);
        let alone: Vec<_> = (0..4).map(|_| now(&queue, 1).unwrap()).collect();
        let mut second = later(&queue, 2);
        let mut third = later(&queue, 2);
        let mut more = later(&queue, 1);
        let mut alone = alone.into_iter();
        drop(alone.next());
        let second = has(&mut second).unwrap();
        drop(alone.next());
        let _third = has(&mut third).unwrap();
        assert!(has(&mut more).is_none(), "it has its half");
        drop(alone.next());
        let more = has(&mut more).unwrap();
        drop((second, more));
    }

    #[test]
    fn who_has_had_least_time_is_next_however_many_of_the_others_wait() {
        let queue = queue(1);
        let running = now(&queue, 1).unwrap();
        let had = Duration::from_millis(5);
        queue.state.lock().tenants.get_mut(&tenant(1)).unwrap().had = had;
        let mut greedy: Vec<_> = (0..50).map(|_| later(&queue, 1)).collect();
        let mut modest = later(&queue, 2);
        drop(running);
        let turn = has(&mut modest).unwrap();
        assert!(greedy.iter_mut().all(|waiting| has(waiting).is_none()));
        drop(turn);
        assert!(has(&mut greedy[0]).is_some());
    }

    #[test]
    fn who_goes_away_while_waiting_leaves_no_place_taken() {
        let queue = queue(1);
        for _ in 0..100 {
            let first = now(&queue, 1).unwrap();
            let second = later(&queue, 1);
            let third = later(&queue, 2);
            drop(second);
            drop(first);
            drop(third);
        }
        let state = queue.state.lock();
        assert_eq!(
            (state.taken, state.waiting.len(), state.tenants.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn past_its_limit_work_is_refused_and_another_tenant_is_not() {
        let queue = queue(2);
        let _first = ask(&queue, 1, 2).unwrap();
        let _second = ask(&queue, 1, 2).unwrap();
        assert_eq!(ask(&queue, 1, 2).err(), Some(Busy { at_once_max: 2 }));
        assert!(ask(&queue, 2, 2).is_ok());
    }
}
