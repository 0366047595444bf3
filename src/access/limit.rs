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
    buckets: RwLock<HashMap<TenantUuid, Arc<Bucket>>>,
}

impl Limits {
    /// Sets a tenant's limit, or lifts it.
    pub fn set(&self, tenant: TenantUuid, quota: Quota) {
        let mut buckets = self.buckets.write();
        match quota.requests_per_second {
            Some(rate) => {
                buckets.insert(tenant, Arc::new(Bucket::new(rate)));
            }
            None => {
                buckets.remove(&tenant);
            }
        }
    }

    /// Takes one request from the bucket, or tells how long to wait for one.
    pub(super) fn take(&self, tenant: TenantUuid, now: Timestamp) -> Result<(), Duration> {
        let bucket = self.buckets.read().get(&tenant).cloned();
        bucket.map_or(Ok(()), |bucket| bucket.take(now))
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// Holds as many requests as a second may see.
pub(super) struct Bucket {
    limiter: Limiter,
    /// Shows the time that callers bring: the limiter asks for no other.
    clock: FakeRelativeClock,
    shown: Mutex<Option<Timestamp>>,
}

impl Bucket {
    pub(super) fn new(rate: NonZeroU32) -> Self {
        let clock = FakeRelativeClock::default();
        let quota = governor::Quota::per_second(rate);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            shown: Mutex::new(None),
        }
    }

    pub(super) fn take(&self, now: Timestamp) -> Result<(), Duration> {
        let mut shown = self.shown.lock();
        if let Some(before) = shown.replace(now) {
            self.clock
                .advance(Duration::from_millis(now.0.saturating_sub(before.0)));
            // A clock that was set back stands still until it has caught up.
            *shown = Some(now.max(before));
        }
        self.limiter.check().map_err(|not_until| {
            let wait: Duration = not_until
                .earliest_possible()
                .duration_since(self.clock.now())
                .into();
            wait
        })
    }
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bucket")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_a_seconds_worth_and_fills_again() {
        let limits = Limits::default();
        let tenant = TenantUuid::from_bytes([1; 16]);
        let quota = Quota {
            requests_per_second: NonZeroU32::new(5),
            ..Quota::default()
        };
        limits.set(tenant, quota);
        let start = Timestamp(1_000_000);
        for _ in 0..5 {
            assert_eq!(limits.take(tenant, start), Ok(()));
        }
        assert_eq!(limits.take(tenant, start), Err(Duration::from_millis(200)));
        assert_eq!(limits.take(tenant, Timestamp(1_000_200)), Ok(()));
        assert!(limits.take(tenant, Timestamp(1_000_200)).is_err());
        assert_eq!(
            limits.take(TenantUuid::from_bytes([2; 16]), start),
            Ok(()),
            "others are free"
        );
    }
}
