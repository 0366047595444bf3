//! Keys, and subjects of issuers, that behave oddly: refused often, used from many networks, answered much of a corpus.
//!
//! Everything here is in memory and bounded, counts from when the node started, and is told the time;
//! what they were answered today is handed out to be written down, and handed in at the next start.
//! What is done about it is the tenant's [`Watch`]; what isn't said is counted and nothing else.
//! **Invariant:** who doesn't have a key's secret can't get it suspended: refusals count for a key
//! only once its secret was right, and for a subject once its token's signature was.

use std::{collections::HashMap, net::IpAddr, num::NonZeroU32, time::Duration};

use parking_lot::Mutex;

use super::{
    answered::{Answered, AnsweredId, StoredAnswered},
    policy::Watch,
    watched::WatchedId,
};
use crate::clock::Timestamp;

/// What the node remembers of the behaviour of those who ask.
#[derive(Debug, Default)]
pub struct Watcher {
    seen: Mutex<HashMap<WatchedId, Seen>>,
}

/// Something odd about one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Oddity {
    /// It comes from a network that it wasn't seen on before.
    NewNetwork {
        /// Whether those of the last hour are more than the tenant's policy bears.
        suspend: bool,
    },
    /// It was refused very often within a minute.
    OftenRefused {
        /// Whether it was as often as the tenant's policy bears.
        suspend: bool,
    },
    /// It was answered as many different points today as it may be.
    MuchRead,
}

/// What somebody was answered, to be written down.
pub type Unwritten = (WatchedId, AnsweredId, StoredAnswered);

#[derive(Debug, Default)]
struct Seen {
    networks: Vec<(Network, Timestamp)>,
    /// The minute, and how often it was refused in it.
    refused: (u64, u32),
    answered: Answered,
}

/// The network that an address belongs to: a /24, or a /48.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Network([u8; 6]);

impl Watcher {
    /// Somebody was believed, from an address.
    pub fn used(
        &self,
        who: WatchedId,
        ip: Option<IpAddr>,
        watch: Watch,
        now: Timestamp,
    ) -> Option<Oddity> {
        let network = Network::of(ip?);
        let mut all = self.seen.lock();
        let seen = entry(&mut all, who);
        if let Some((_, last)) = seen
            .networks
            .iter_mut()
            .find(|(known, _)| *known == network)
        {
            *last = now;
            return None;
        }
        let first = seen.networks.is_empty();
        // The one that wasn't used for longest makes room.
        if seen.networks.len() >= NETWORKS_MAX {
            let oldest = (0..seen.networks.len())
                .min_by_key(|at| seen.networks.get(*at).map(|(_, last)| *last));
            if let Some(oldest) = oldest {
                seen.networks.swap_remove(oldest);
            }
        }
        seen.networks.push((network, now));
        let recent = |(_, last): &&(Network, Timestamp)| last.plus(HOUR) > now;
        let within_hour = seen.networks.iter().filter(recent).count();
        let suspend = watch
            .suspend_after_networks
            .is_some_and(|most| within_hour > most.get() as usize);
        (!first).then_some(Oddity::NewNetwork { suspend })
    }

    /// Something was refused to somebody.
    pub fn refused(&self, who: WatchedId, watch: Watch, now: Timestamp) -> Option<Oddity> {
        let mut all = self.seen.lock();
        let seen = entry(&mut all, who);
        let minute = now.0 / 60_000;
        if seen.refused.0 != minute {
            seen.refused = (minute, 0);
        }
        seen.refused.1 = seen.refused.1.saturating_add(1);
        let refused = seen.refused.1;
        let suspend = watch
            .suspend_after_refusals
            .is_some_and(|most| refused >= most.get());
        (suspend || refused == REFUSALS_ODD).then_some(Oddity::OftenRefused { suspend })
    }

    /// Whether somebody may be answered more points today; if not, how long until it may.
    ///
    /// # Errors
    /// How long until the next day.
    pub fn may_read(&self, who: WatchedId, watch: Watch, now: Timestamp) -> Result<(), Duration> {
        let Some(most) = watch.distinct_points_per_day else {
            return Ok(());
        };
        if !watch.refuse_past_distinct_points {
            return Ok(());
        }
        let all = self.seen.lock();
        let read = all.get(&who).map_or(0, |seen| seen.answered.on(day(now)));
        if read < budget(most) {
            return Ok(());
        }
        Err(until_next_day(now))
    }

    /// Somebody is about to be answered these points, each by its hash. Looked at and counted in one
    /// act, so that many requests at a time are answered no more than one after the other.
    ///
    /// # Errors
    /// As [`Self::may_read`]: then it mustn't be.
    pub fn answered(
        &self,
        who: WatchedId,
        points: impl IntoIterator<Item = u32>,
        watch: Watch,
        now: Timestamp,
    ) -> Result<Option<Oddity>, Duration> {
        let Some(most) = watch.distinct_points_per_day.map(budget) else {
            return Ok(None);
        };
        let mut all = self.seen.lock();
        let answered = &mut entry(&mut all, who).answered;
        // Past the budget nothing more is learned, and the memory stays bounded.
        if answered.on(day(now)) >= most {
            return if watch.refuse_past_distinct_points {
                Err(until_next_day(now))
            } else {
                Ok(None)
            };
        }
        answered.add(day(now), points);
        Ok((answered.on(day(now)) >= most).then_some(Oddity::MuchRead))
    }

    /// Takes up what somebody was answered before the node was started.
    pub fn resume(&self, who: WatchedId, id: AnsweredId, stored: StoredAnswered) {
        let mut all = self.seen.lock();
        entry(&mut all, who).answered.resume(id, stored);
    }

    /// What those who `are` there were answered since this was asked before, to be written down.
    pub fn take_unwritten(&self, are: impl Fn(WatchedId) -> bool) -> Vec<Unwritten> {
        let mut all = self.seen.lock();
        let records = all.iter_mut().filter(|(who, _)| are(**who));
        let records = records.flat_map(|(who, seen)| {
            let records = seen.answered.take_unwritten(*who).into_iter();
            records.map(|(id, stored)| (*who, id, stored))
        });
        records.collect()
    }

    /// That couldn't be written down.
    pub fn give_back(&self, records: Vec<Unwritten>) {
        let mut all = self.seen.lock();
        for (who, id, stored) in records {
            if let Some(seen) = all.get_mut(&who) {
                seen.answered.give_back(id.day, stored);
            }
        }
    }

    /// Forgets somebody.
    pub fn forget(&self, who: WatchedId) {
        self.seen.lock().remove(&who);
    }
}

impl Network {
    fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self([0, 0, 4, a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, ..] = ip.octets();
                Self([a, b, c, d, e, f])
            }
        }
    }
}

fn entry(all: &mut HashMap<WatchedId, Seen>, who: WatchedId) -> &mut Seen {
    if all.len() >= WATCHED_MAX && !all.contains_key(&who) {
        all.clear();
    }
    all.entry(who).or_default()
}

/// The day that a time is in, counted from 1970 in UTC.
pub fn day(now: Timestamp) -> u32 {
    u32::try_from(now.0 / DAY_MILLIS).unwrap_or(u32::MAX)
}

fn until_next_day(now: Timestamp) -> Duration {
    Duration::from_millis(DAY_MILLIS - now.0 % DAY_MILLIS)
}

/// What can be counted by hashes of 32 bits without many of them meeting.
fn budget(most: NonZeroU32) -> u64 {
    u64::from(most.get().min(DISTINCT_MAX))
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
/// Networks of a key that are remembered.
const NETWORKS_MAX: usize = 64;
/// Refusals within a minute that are odd, whatever the policy.
const REFUSALS_ODD: u32 = 60;
/// Highest budget of points: 16 MiB of memory a key.
const DISTINCT_MAX: u32 = 4_000_000;
/// Keys and subjects that are remembered; past that all are forgotten, and counted anew.
const WATCHED_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ApiKeyId;

    const KEY: WatchedId = WatchedId::Key(ApiKeyId([1; 8]));
    const OTHER: WatchedId = WatchedId::Key(ApiKeyId([2; 8]));
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn ip(network: u8, host: u8) -> Option<IpAddr> {
        Some([10, 0, network, host].into())
    }

    #[test]
    fn a_new_network_is_odd_but_the_first_and_too_many_in_an_hour_suspend() {
        let watcher = Watcher::default();
        let watch = Watch {
            suspend_after_networks: NonZeroU32::new(3),
            ..Watch::default()
        };
        let used = |network, host, at: u64| {
            let now = NOW.plus(Duration::from_secs(60 * at));
            watcher.used(KEY, ip(network, host), watch, now)
        };
        assert_eq!(used(1, 1, 0), None, "the first");
        assert_eq!(used(1, 200, 0), None, "the same network");
        let odd = Some(Oddity::NewNetwork { suspend: false });
        assert_eq!((used(2, 1, 1), used(3, 1, 2)), (odd, odd));
        assert_eq!(used(2, 9, 3), None);
        assert_eq!(used(4, 1, 120), odd, "an hour without the others");
        assert_eq!((used(5, 1, 121), used(6, 1, 122)), (odd, odd));
        let suspend = Some(Oddity::NewNetwork { suspend: true });
        assert_eq!(used(7, 1, 123), suspend);
    }

    #[test]
    fn many_refusals_in_one_minute_are_odd_and_may_suspend() {
        let watcher = Watcher::default();
        let times = |count: u32, watch, at| {
            let now = NOW.plus(Duration::from_secs(at));
            let odd = (0..count).filter_map(|_| watcher.refused(KEY, watch, now));
            odd.collect::<Vec<_>>()
        };
        assert_eq!(times(59, Watch::default(), 0), []);
        assert_eq!(times(59, Watch::default(), 60), [], "another minute");
        let odd = [Oddity::OftenRefused { suspend: false }];
        assert_eq!(times(20, Watch::default(), 60), odd, "once a minute");
        let watch = Watch {
            suspend_after_refusals: NonZeroU32::new(5),
            ..Watch::default()
        };
        assert_eq!(times(4, watch, 120), []);
        assert_eq!(
            times(1, watch, 120),
            [Oddity::OftenRefused { suspend: true }]
        );
    }

    #[test]
    fn a_budget_counts_different_points_and_begins_anew_with_the_day() {
        let watcher = Watcher::default();
        let watch = Watch {
            distinct_points_per_day: NonZeroU32::new(100),
            refuse_past_distinct_points: true,
            ..Watch::default()
        };
        let read = |points: std::ops::Range<u32>| watcher.answered(KEY, points, watch, NOW);
        assert_eq!([read(0..60), read(0..60), read(30..99)], [Ok(None); 3]);
        assert_eq!(watcher.may_read(KEY, watch, NOW), Ok(()));
        assert_eq!(read(50..101), Ok(Some(Oddity::MuchRead)));
        let wait = watcher.may_read(KEY, watch, NOW).unwrap_err();
        assert_eq!(read(200..300), Err(wait));
        assert_eq!(watcher.may_read(KEY, watch, NOW.plus(wait)), Ok(()));
        let counted = Watch {
            refuse_past_distinct_points: false,
            ..watch
        };
        assert_eq!(watcher.may_read(KEY, counted, NOW), Ok(()));
        let told_once = watcher.answered(KEY, 200..300, counted, NOW);
        assert_eq!(told_once, Ok(None));
        assert_eq!(watcher.may_read(OTHER, watch, NOW), Ok(()));
    }
}
