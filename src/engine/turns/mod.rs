//! Turns: whose work is done next, so that a tenant that asks for much waits for itself.
//!
//! Work is of three kinds, and of each so much is done at a time. A tenant whose work must wait has a
//! queue of its own, and the next turn goes to the one of those that wait which has had least time so
//! far. While others have asked within the last second, for whatever kind, no tenant has all places of
//! one, and threads that do long work leave a core free: so who asks now and then mostly finds a place
//! and a core. A lone tenant has them all. A key may have a limit of its own within its tenant's.
//!
//! **Invariant:** a place is given back however its work ends (`tests` below).
//! Called by: `http/caller`.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, VecDeque, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    access::ApiKeyId,
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

/// Whose work it is, and how much of theirs may be in flight: what waits counted, and each kind by itself.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// The tenant.
    pub tenant: TenantUuid,
    /// How much of the tenant's; as much as of anyone's if that isn't said.
    pub at_once_max: Option<usize>,
    /// The key that it is asked with, and how much of that one's; none for a key without such a limit.
    pub key: Option<(ApiKeyId, usize)>,
}

/// A place that work is done in. Giving it back is dropping it.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub struct Turn {
    queue: Arc<Queue>,
    tenant: TenantUuid,
    /// The key whose work is counted.
    key: Option<ApiKeyId>,
    watch: Stopwatch,
}

/// Too much work is in flight already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Busy {
    /// The tenant's.
    #[error("too many requests are in flight; the limit is {at_once_max} at a time")]
    Tenant {
        /// How much may be.
        at_once_max: usize,
    },
    /// The key's.
    #[error("too many of this key's requests are in flight; its limit is {at_once_max} at a time")]
    Key {
        /// How much may be.
        at_once_max: usize,
    },
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

    /// Waits for a tenant's turn.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn wait(&self, work: Work, asking: Asking, now: Timestamp) -> Result<Turn, Busy> {
        let queue = match work {
            Work::Quick => &self.quick,
            Work::Write => &self.write,
            Work::Long => &self.long,
        };
        let others = self.recent.lock().saw(asking.tenant, now);
        priority::make_room(others);
        let waiting = match queue.ask(asking, others)? {
            Asked::Now(turn) => return Ok(turn),
            Asked::Later(waiting) => waiting,
        };
        // The sender is kept until its turn comes.
        waiting.await.map_err(|_| asking.busy())
    }
}

impl Asking {
    /// Whether so much of theirs may be in flight and one more.
    fn may(&self, in_flight: usize, of_key: usize) -> Result<(), Busy> {
        match self.key {
            Some((_, at_once_max)) if of_key >= at_once_max => Err(Busy::Key { at_once_max }),
            Some(_) | None if in_flight >= self.most() => Err(self.busy()),
            Some(_) | None => Ok(()),
        }
    }

    fn busy(&self) -> Busy {
        Busy::Tenant {
            at_once_max: self.most(),
        }
    }

    fn most(&self) -> usize {
        self.at_once_max.unwrap_or(IN_FLIGHT_MAX).min(IN_FLIGHT_MAX)
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
    waiting: VecDeque<Waiting>,
    had: Duration,
    /// How much is in flight of each key that has a limit.
    keys: HashMap<ApiKeyId, usize>,
}

/// Work that waits: of which key, and who is told that it is its turn.
#[derive(Debug)]
struct Waiting {
    key: Option<ApiKeyId>,
    turn: oneshot::Sender<Turn>,
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

    fn ask(self: &Arc<Self>, asking: Asking, others: bool) -> Result<Asked, Busy> {
        let tenant = asking.tenant;
        let key = asking.key.map(|(key, _)| key);
        let most = most(self.places, others);
        let mut state = self.state.lock();
        let (free, least) = (state.taken < self.places, state.least);
        let own = state.tenants.entry(tenant).or_insert_with(|| Own {
            had: least,
            ..Own::default()
        });
        let of_key = key.and_then(|key| own.keys.get(&key));
        let of_key = of_key.copied().unwrap_or_default();
        asking.may(own.running + own.waiting.len(), of_key)?;
        if let Some(key) = key {
            own.keys.insert(key, of_key + 1);
        }
        if free && own.waiting.is_empty() && own.running < most {
            own.running += 1;
            state.taken += 1;
            return Ok(Asked::Now(self.turn(tenant, key)));
        }
        let (turn, receiver) = oneshot::channel();
        own.waiting.push_back(Waiting { key, turn });
        let place = (own.had, tenant);
        state.waiting.insert(place);
        Ok(Asked::Later(receiver))
    }

    fn turn(self: &Arc<Self>, tenant: TenantUuid, key: Option<ApiKeyId>) -> Turn {
        Turn {
            queue: Arc::clone(self),
            tenant,
            key,
            watch: Stopwatch::start(),
        }
    }

    /// Takes a place back, and gives free ones to whoever is next.
    fn give_back(self: &Arc<Self>, tenant: TenantUuid, key: Option<ApiKeyId>, took: Duration) {
        let recent = *self.recent.lock();
        let mut state = self.state.lock();
        state.end(tenant, key, took);
        while let Some((next, waiting)) = state.next(self.places, &recent) {
            // Whoever has gone meanwhile gives the place back at once, so not under the lock.
            drop(state);
            drop(waiting.turn.send(self.turn(next, waiting.key)));
            state = self.state.lock();
        }
    }
}

impl State {
    fn end(&mut self, tenant: TenantUuid, key: Option<ApiKeyId>, took: Duration) {
        self.taken -= 1;
        let Some(own) = self.tenants.get_mut(&tenant) else {
            return;
        };
        own.running -= 1;
        if let Some(key) = key
            && let Entry::Occupied(mut of_key) = own.keys.entry(key)
        {
            *of_key.get_mut() -= 1;
            if *of_key.get() == 0 {
                of_key.remove();
            }
        }
        let before = own.had;
        own.had += took;
        if self.waiting.remove(&(before, tenant)) {
            self.waiting.insert((own.had, tenant));
        } else if own.running == 0 {
            self.tenants.remove(&tenant);
        }
    }

    /// The next work to be done, if there is a place for it.
    fn next(&mut self, places: usize, recent: &Recent) -> Option<(TenantUuid, Waiting)> {
        if self.taken >= places {
            return None;
        }
        let may = |(_, tenant): &&(Duration, TenantUuid)| {
            let running = self.tenants.get(tenant).map_or(0, |own| own.running);
            running < most(places, recent.are_others(*tenant))
        };
        let (had, tenant) = *self.waiting.iter().find(may)?;
        let own = self.tenants.get_mut(&tenant)?;
        let first = own.waiting.pop_front()?;
        own.running += 1;
        self.taken += 1;
        self.least = self.least.max(had);
        if own.waiting.is_empty() {
            self.waiting.remove(&(had, tenant));
        }
        Some((tenant, first))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let took = self.watch.elapsed();
        self.queue.give_back(self.tenant, self.key, took);
    }
}

/// Work of a tenant that may be in flight, of each kind: past that it is refused, not queued.
const IN_FLIGHT_MAX: usize = 1_024;
/// Small writes at a time, for each core.
const WRITES_EACH_CORE: usize = 32;
/// How long after another tenant asked one has all places again.
const ALONE_AFTER: Duration = Duration::from_secs(1);
