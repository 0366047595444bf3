//! Quotas that are nearly used up: counted, and told to the tenant's webhooks.

use super::{Engine, Event};

impl Engine {
    /// Looks at what open tenants use of their quotas, and tells their webhooks of each that is nearly
    /// used up: once, until less of it has been used again, and once a start.
    ///
    /// Now and then, and not at each write: what a family takes on disk is asked of `RocksDB`, and a
    /// minute is soon enough for someone who is to act on it. A tenant that isn't open doesn't grow.
    pub(super) fn tell_of_near_quotas(&self) {
        let mut told = self.told_of_quotas.lock();
        told.retain(|(tenant, quota)| {
            let quotas = self.router.quotas(*tenant);
            quotas.iter().any(|(own, _)| own == quota)
        });
        for (tenant, quota, used, limit) in self.router.used() {
            if is_past(used, limit, NEAR_PERCENT) {
                if told.insert((tenant, quota)) {
                    let quota = quota.name();
                    self.notify(tenant, &Event::QuotaNear { quota, used, limit });
                }
            } else if !is_past(used, limit, PAST_PERCENT) {
                told.remove(&(tenant, quota));
            }
        }
        let near = i64::try_from(told.len());
        self.metrics.quotas_near.set(near.unwrap_or(i64::MAX));
    }
}

fn is_past(used: u64, limit: u64, percent: u128) -> bool {
    u128::from(used) * 100 >= u128::from(limit) * percent
}

/// From which share of a quota on it is nearly used up.
const NEAR_PERCENT: u128 = 80;
/// Below which share it isn't any more. Lower: what is on the disk goes up and down as it is written anew.
const PAST_PERCENT: u128 = 75;
