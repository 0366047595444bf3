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

    /// Takes one request from the bucket, or tells how long to wait for one.
    pub(super) fn take(&self, tenant: TenantUuid, now: Timestamp) -> Result<(), Duration> {
        let own = self.of(tenant);
        let bucket = own.as_ref().and_then(|own| own.requests.as_ref());
        bucket.map_or(Ok(()), |bucket| bucket.take(now))
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
        NonZeroU32::new(bytes).map_or(Ok(()), |bytes| bucket.take_many(bytes, now))
    }

    fn of(&self, tenant: TenantUuid) -> Option<Arc<Buckets>> {
        self.buckets.read().get(&tenant).cloned()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// Holds as many requests as a second may see.
pub(super) struct Bucket {
    limiter: Limiter,
    burst: NonZeroU32,
    /// Shows the time that callers bring: the limiter asks for no other.
    clock: FakeRelativeClock,
    shown: Mutex<Option<Timestamp>>,
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
            burst,
            clock,
            shown: Mutex::new(None),
        }
    }

    pub(super) fn take(&self, now: Timestamp) -> Result<(), Duration> {
        self.take_many(NonZeroU32::MIN, now)
    }

    fn take_many(&self, cells: NonZeroU32, now: Timestamp) -> Result<(), Duration> {
        let mut shown = self.shown.lock();
        if let Some(before) = shown.replace(now) {
            self.clock
                .advance(Duration::from_millis(now.0.saturating_sub(before.0)));
            // A clock that was set back stands still until it has caught up.
            *shown = Some(now.max(before));
        }
        // More than the bucket holds would never pass: it takes all that there is.
        match self.limiter.check_n(cells.min(self.burst)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(not_until
                .earliest_possible()
                .duration_since(self.clock.now())
                .into()),
            Err(_) => Err(Duration::from_secs(1)),
        }
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
        let take = |at: u64| limits.take(tenant(1), Timestamp(START.0 + at));
        for _ in 0..5 {
            assert_eq!(take(0), Ok(()));
        }
        assert_eq!(take(0), Err(Duration::from_millis(200)));
        assert_eq!(take(200), Ok(()));
        assert!(take(200).is_err());
        assert_eq!(limits.take(tenant(2), START), Ok(()), "others are free");
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
