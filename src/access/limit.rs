//! Request limits: one bucket a tenant (GCRA, by the governor crate). The time is an argument.

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

/// The buckets of all tenants that have a limit.
#[derive(Debug, Default)]
pub struct Limits {
    buckets: RwLock<HashMap<TenantUuid, Arc<Buckets>>>,
}

/// A tenant's buckets.
#[derive(Debug)]
struct Buckets {
    requests: Option<Bucket>,
    bytes: Option<Bucket>,
}

impl Limits {
    /// Sets a tenant's limits, or lifts them.
    pub fn set(&self, tenant: TenantUuid, quota: Quota, allowance: Allowance) {
        let own = Buckets {
            requests: quota.requests_per_second.map(Bucket::new),
            bytes: allowance
                .bytes_per_second
                .map(|rate| Bucket::with_burst(rate, rate.max(BURST_BYTES_MIN))),
        };
        let mut buckets = self.buckets.write();
        if own.requests.is_some() || own.bytes.is_some() {
            buckets.insert(tenant, Arc::new(own));
        } else {
            buckets.remove(&tenant);
        }
    }

    /// Takes so many requests from the bucket, or tells how long to wait for them.
    pub(super) fn take(
        &self,
        tenant: TenantUuid,
        cost: NonZeroU32,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let own = self.of(tenant);
        let bucket = own.as_ref().and_then(|own| own.requests.as_ref());
        bucket.map_or(Ok(()), |bucket| bucket.take(cost, now))
    }

    /// Takes a body's bytes from a tenant's bucket, or tells how long to wait for them.
    pub(super) fn take_bytes(
        &self,
        tenant: TenantUuid,
        bytes: u64,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let own = self.of(tenant);
        let Some(bucket) = own.as_ref().and_then(|own| own.bytes.as_ref()) else {
            return Ok(());
        };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        NonZeroU32::new(bytes).map_or(Ok(()), |bytes| bucket.take(bytes, now))
    }

    fn of(&self, tenant: TenantUuid) -> Option<Arc<Buckets>> {
        self.buckets.read().get(&tenant).cloned()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// Holds as many requests as a second may see.
pub(super) struct Bucket {
    limiter: Limiter,
    rate: NonZeroU32,
    burst: NonZeroU32,
    /// Shows the time that callers bring: the limiter asks for no other.
    clock: FakeRelativeClock,
    /// Up to when the clock was set, since 1970. It goes on from there once the time has come to it.
    shown: Mutex<Option<Duration>>,
}

impl Bucket {
    pub(super) fn new(rate: NonZeroU32) -> Self {
        Self::with_burst(rate, rate)
    }

    fn with_burst(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        let clock = FakeRelativeClock::default();
        let quota = governor::Quota::per_second(rate).allow_burst(burst);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            rate,
            burst,
            clock,
            shown: Mutex::new(None),
        }
    }

    /// Takes so many, or tells how long to wait for them. More than the bucket holds would never be there:
    /// they pass when it is full, and it stands still for the rest of them.
    pub(super) fn take(&self, cells: NonZeroU32, now: Timestamp) -> Result<(), Duration> {
        let now = Duration::from_millis(now.0);
        let mut shown = self.shown.lock();
        if let Some(before) = *shown {
            self.clock.advance(now.saturating_sub(before));
        }
        // A clock that was set back stands still, too, until it has caught up.
        let mut until = shown.map_or(now, |before| before.max(now));
        let taken = match self.limiter.check_n(cells.min(self.burst)) {
            Ok(Ok(())) => {
                let owed = cells.get().saturating_sub(self.burst.get());
                until += Duration::from_secs(u64::from(owed)) / self.rate.get();
                Ok(())
            }
            Ok(Err(not_until)) => {
                let wait = not_until.earliest_possible();
                let wait = Duration::from(wait.duration_since(self.clock.now()));
                Err(wait + until.saturating_sub(now))
            }
            Err(_) => Err(Duration::from_secs(1)),
        };
        *shown = Some(until);
        taken
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

    #[test]
    fn a_bucket_holds_a_seconds_worth_and_fills_again() {
        let limits = Limits::default();
        let quota = Quota {
            requests_per_second: NonZeroU32::new(5),
            ..Quota::default()
        };
        limits.set(tenant(1), quota, Allowance::default());
        let take = |at: u64| limits.take(tenant(1), NonZeroU32::MIN, Timestamp(START.0 + at));
        for _ in 0..5 {
            assert_eq!(take(0), Ok(()));
        }
        assert_eq!(take(0), Err(Duration::from_millis(200)));
        assert_eq!(take(200), Ok(()));
        assert!(take(200).is_err());
        assert_eq!(
            limits.take(tenant(2), NonZeroU32::MIN, START),
            Ok(()),
            "others are free"
        );
    }

    #[test]
    fn what_is_more_than_a_bucket_holds_passes_when_it_is_full_and_is_waited_for() {
        let bucket = Bucket::new(NonZeroU32::new(5).unwrap());
        let take =
            |cells, at| bucket.take(NonZeroU32::new(cells).unwrap(), Timestamp(START.0 + at));
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
    fn bytes_come_at_their_rate_and_the_longest_body_passes_at_once() {
        let limits = Limits::default();
        let allowance = Allowance {
            bytes_per_second: NonZeroU32::new(1 << 20),
            ..Allowance::default()
        };
        limits.set(tenant(1), Quota::default(), allowance);
        let take = |bytes, at| limits.take_bytes(tenant(1), bytes, Timestamp(START.0 + at));
        assert_eq!(take(32 << 20, 0), Ok(()));
        let wait = take(1 << 20, 0).unwrap_err();
        assert!(wait > Duration::from_millis(900) && wait <= Duration::from_secs(1));
        assert_eq!(take(1 << 20, 1_001), Ok(()));
        assert!(take(1 << 20, 1_001).is_err());
    }
}
