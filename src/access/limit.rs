//! Limits of what is asked in a time: buckets of a tenant's, and of a key's within it (GCRA, by the governor
//! crate). The time is an argument.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    RateLimiter,
    clock::{Clock as GovernorClock, FakeRelativeClock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use super::policy::Allowance;
use crate::{clock::Timestamp, tenant::TenantUuid};

/// What a tenant may use. Nothing set means no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Points that may be stored, over all collections.
    pub points_max: Option<u64>,
    /// Requests a second, sustained; a burst may hold as many as a second's.
    pub requests_per_second: Option<NonZeroU32>,
}

/// What a key is good for, within what its tenant may use. Nothing set means no limit of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyLimits {
    /// Requests a second, as in [`Quota`].
    pub requests_per_second: Option<NonZeroU32>,
    /// Bytes of request bodies a second, as in [`Allowance`].
    pub bytes_per_second: Option<NonZeroU32>,
    /// Requests of a kind in flight at a time, as in [`Allowance`].
    pub concurrent_requests: Option<NonZeroU32>,
}

/// The buckets of all tenants that have a limit.
#[derive(Debug, Default)]
pub struct Limits {
    buckets: RwLock<HashMap<TenantUuid, Buckets>>,
}

impl Limits {
    /// Sets a tenant's limits, or lifts them. Those that stay as they are go on from where they were.
    pub fn set(&self, tenant: TenantUuid, quota: Quota, allowance: Allowance) {
        let rates = Rates {
            requests: quota.requests_per_second,
            bytes: allowance.bytes_per_second,
        };
        let mut buckets = self.buckets.write();
        let before = buckets.remove(&tenant);
        if rates != Rates::default() {
            buckets.insert(tenant, Buckets::after(before.as_ref(), rates));
        }
    }

    /// Takes a load from a tenant's bucket, or tells how long to wait for it.
    pub(super) fn take(
        &self,
        tenant: TenantUuid,
        load: Load,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let own = self.buckets.read().get(&tenant).cloned();
        own.map_or(Ok(()), |own| own.take(load, now, || Ok(())))
    }
}

/// What a request is to those who bear it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    /// It counts as so many.
    Requests(NonZeroU32),
    /// Its body is so long.
    Bytes(NonZeroU32),
}

/// How much may come in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Rates {
    pub(super) requests: Option<NonZeroU32>,
    pub(super) bytes: Option<NonZeroU32>,
}

/// The buckets of a tenant, or of a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets {
    requests: Option<Arc<Bucket>>,
    bytes: Option<Arc<Bucket>>,
}

impl Buckets {
    /// Buckets for these rates: each is the one of before, if that was for the same rate.
    pub(super) fn after(before: Option<&Self>, rates: Rates) -> Self {
        let (requests, bytes) = before.map_or((None, None), |before| {
            (before.requests.as_ref(), before.bytes.as_ref())
        });
        Self {
            requests: Bucket::after(requests, rates.requests, NonZeroU32::MIN),
            bytes: Bucket::after(bytes, rates.bytes, BURST_BYTES_MIN),
        }
    }

    /// Takes a load if the others let it pass too, or tells how long to wait for it. What is refused,
    /// by whomever, takes nothing from anyone.
    pub(super) fn take(
        &self,
        load: Load,
        now: Timestamp,
        others: impl FnOnce() -> Result<(), Duration>,
    ) -> Result<(), Duration> {
        let (bucket, cells) = match load {
            Load::Requests(requests) => (&self.requests, requests),
            Load::Bytes(bytes) => (&self.bytes, bytes),
        };
        match bucket {
            Some(bucket) => bucket.take(cells, now, others),
            None => others(),
        }
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// Holds so many cells at most, which come back at its rate.
struct Bucket {
    limiter: Limiter,
    rate: NonZeroU32,
    burst: NonZeroU32,
    /// How long it takes until a cell is back.
    interval: Duration,
    /// Shows the time that callers bring: the limiter asks for no other.
    clock: FakeRelativeClock,
    /// Up to when the clock was set, since 1970. It goes on from there once the time has come to it.
    shown: Mutex<Option<Duration>>,
}

impl Bucket {
    /// A bucket for this rate, which holds a second's worth or more: the one of before, if it is for that.
    fn after(
        before: Option<&Arc<Self>>,
        rate: Option<NonZeroU32>,
        burst_min: NonZeroU32,
    ) -> Option<Arc<Self>> {
        let rate = rate?;
        let same = before.filter(|before| before.rate == rate);
        let made = || Self::new(rate, rate.max(burst_min));
        Some(same.cloned().unwrap_or_else(|| Arc::new(made())))
    }

    fn new(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        let clock = FakeRelativeClock::default();
        let quota = governor::Quota::per_second(rate).allow_burst(burst);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            rate,
            burst,
            interval: quota.replenish_interval(),
            clock,
            shown: Mutex::new(None),
        }
    }

    /// Takes so many cells if the others let them pass too, or tells how long to wait for them. More than the
    /// bucket holds would never be there: they pass when it is full, and it stands still for the rest of them.
    fn take(
        &self,
        cells: NonZeroU32,
        now: Timestamp,
        others: impl FnOnce() -> Result<(), Duration>,
    ) -> Result<(), Duration> {
        let now = Duration::from_millis(now.0);
        let mut shown = self.shown.lock();
        if let Some(before) = *shown {
            self.clock.advance(now.saturating_sub(before));
        }
        // A clock that was set back stands still, too, until it has caught up.
        let until = shown.map_or(now, |before| before.max(now));
        *shown = Some(until);
        let there = cells.min(self.burst);
        match self.limiter.check_n(there) {
            Ok(Ok(())) => {}
            Ok(Err(not_until)) => {
                let wait = not_until.earliest_possible();
                let wait = Duration::from(wait.duration_since(self.clock.now()));
                return Err(wait + until.saturating_sub(now));
            }
            Err(_) => return Err(Duration::from_secs(1)),
        }
        if let Err(wait) = others() {
            // In the time that they take to come back, they are back, and the bucket as it was.
            self.clock
                .advance(self.interval.saturating_mul(there.get()));
            return Err(wait);
        }
        let owed = cells.get().saturating_sub(self.burst.get());
        *shown = Some(until + Duration::from_secs(u64::from(owed)) / self.rate.get());
        Ok(())
    }
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bucket")
    }
}

/// What a bucket of bytes holds at least, so that the longest body passes (`http::body`).
const BURST_BYTES_MIN: NonZeroU32 = NonZeroU32::new(32 << 20).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);

    fn tenant(number: u8) -> TenantUuid {
        TenantUuid::from_bytes([number; 16])
    }

    fn requests(count: u32) -> Load {
        Load::Requests(NonZeroU32::new(count).unwrap())
    }

    fn at_most(requests: u32) -> Buckets {
        let requests = NonZeroU32::new(requests);
        let rates = Rates {
            requests,
            bytes: None,
        };
        Buckets::after(None, rates)
    }

    fn take(buckets: &Buckets, count: u32, at: u64) -> Result<(), Duration> {
        buckets.take(requests(count), Timestamp(START.0 + at), || Ok(()))
    }

    #[test]
    fn a_bucket_holds_a_seconds_worth_and_fills_again() {
        let limits = Limits::default();
        let quota = Quota {
            requests_per_second: NonZeroU32::new(5),
            ..Quota::default()
        };
        let set = || limits.set(tenant(1), quota, Allowance::default());
        let take = |who, at| limits.take(tenant(who), requests(1), Timestamp(START.0 + at));
        set();
        for _ in 0..5 {
            assert_eq!(take(1, 0), Ok(()));
        }
        assert_eq!(take(1, 0), Err(Duration::from_millis(200)));
        assert_eq!(take(1, 200), Ok(()));
        set();
        assert!(take(1, 200).is_err(), "the same limit is the same bucket");
        assert_eq!(take(2, 200), Ok(()), "others are free");
    }

    #[test]
    fn what_is_more_than_a_bucket_holds_passes_when_it_is_full_and_is_waited_for() {
        let bucket = at_most(5);
        let take = |cells, at| take(&bucket, cells, at);
        assert_eq!(take(1, 0), Ok(()));
        assert_eq!(take(12, 0), Err(Duration::from_millis(200)));
        assert_eq!(take(12, 200), Ok(()));
        // Seven are owed: 1.4 seconds. Then one comes every 200 ms, as ever.
        assert_eq!(take(1, 200), Err(Duration::from_millis(1_600)));
        assert_eq!(take(1, 1_799), Err(Duration::from_millis(1)));
        assert_eq!(take(1, 1_800), Ok(()));
        assert_eq!(take(1, 1_800), Err(Duration::from_millis(200)));
        assert_eq!(take(12, 1_800), Err(Duration::from_secs(1)));
        assert_eq!(take(12, 2_800), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_stands_still_until_it_is_there_again() {
        let bucket = at_most(5);
        assert_eq!(take(&bucket, 4, 60_000), Ok(()));
        assert_eq!(take(&bucket, 1, 0), Ok(()), "what is there is there");
        assert_eq!(take(&bucket, 1, 0), Err(Duration::from_millis(60_200)));
        assert_eq!(take(&bucket, 1, 60_200), Ok(()));
    }

    #[test]
    fn what_one_bucket_refuses_takes_nothing_from_the_other() {
        let (own, shared) = (at_most(3), at_most(5));
        let take_both = |count, at| {
            let now = Timestamp(START.0 + at);
            own.take(requests(count), now, || {
                shared.take(requests(count), now, || Ok(()))
            })
        };
        assert_eq!(take(&shared, 4, 0), Ok(()));
        for _ in 0..10 {
            assert_eq!(take_both(3, 0), Err(Duration::from_millis(400)));
        }
        assert_eq!(take_both(3, 400), Ok(()));
        for _ in 0..10 {
            assert!(take_both(3, 1_000).is_err());
        }
        assert_eq!(take(&shared, 3, 1_000), Ok(()));
    }

    #[test]
    fn bytes_come_at_their_rate_and_the_longest_body_passes_at_once() {
        let rates = Rates {
            requests: None,
            bytes: NonZeroU32::new(1 << 20),
        };
        let buckets = Buckets::after(None, rates);
        let take = |bytes, at| {
            let load = Load::Bytes(NonZeroU32::new(bytes).unwrap());
            buckets.take(load, Timestamp(START.0 + at), || Ok(()))
        };
        assert_eq!(take(32 << 20, 0), Ok(()));
        let wait = take(1 << 20, 0).unwrap_err();
        assert!(wait > Duration::from_millis(900) && wait <= Duration::from_secs(1));
        assert_eq!(take(1 << 20, 1_001), Ok(()));
        assert!(take(1 << 20, 1_001).is_err());
    }
}
