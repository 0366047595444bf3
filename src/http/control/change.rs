//! What is to change of a tenant: a JSON merge patch. It is read whole before anything of it is done,
//! and merged where the tenant is changed, under its lock.

use std::num::NonZeroU32;

use serde::Deserialize;
use utoipa::ToSchema;

use super::tenants::{self, QuotaFields, WatchFields};
use crate::{
    access::Watch,
    engine::TenantSettings,
    http::{body::Object, merge::Merge, refusal::Refusal},
};

/// What isn't named stays, in `quota` and `watch` too. What is `null` is lifted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeTenant)]
pub(super) struct Change {
    /// `null` lifts every limit, `null` at one of them that.
    #[serde(default)]
    #[schema(value_type = Option<QuotaFields>)]
    quota: Merge<Object<QuotaChange>>,
    /// `null` lifts all of it, `null` at a field that.
    #[serde(default)]
    #[schema(value_type = Option<WatchFields>)]
    watch: Merge<Object<WatchChange>>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 64)]
    region: Merge<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct QuotaChange {
    points_max: Merge<u64>,
    requests_per_second: Merge<NonZeroU32>,
    bytes_per_second: Merge<NonZeroU32>,
    concurrent_requests: Merge<NonZeroU32>,
    disk_bytes_max: Merge<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WatchChange {
    distinct_points_per_day: Merge<NonZeroU32>,
    refuse_past_distinct_points: Merge<bool>,
    suspend_after_refusals: Merge<NonZeroU32>,
    suspend_after_networks: Merge<NonZeroU32>,
}

impl Change {
    /// One that can be done.
    pub(super) fn checked(mut self) -> Result<Self, Refusal> {
        if let Merge::With(region) = self.region {
            self.region = Merge::With(tenants::checked(region)?);
        }
        Ok(self)
    }

    pub(super) fn apply(self, to: &mut TenantSettings) {
        let mut quota = QuotaFields::joined(to.quota, to.allowance);
        self.quota
            .apply(&mut quota, |quota, Object(change)| change.apply(quota));
        (to.quota, to.allowance) = quota.split();
        self.watch
            .apply(&mut to.watch, |watch, Object(change)| change.apply(watch));
        self.region.set(&mut to.region);
    }
}

impl QuotaChange {
    fn apply(self, to: &mut QuotaFields) {
        self.points_max.set(&mut to.points_max);
        self.requests_per_second.set(&mut to.requests_per_second);
        self.bytes_per_second.set(&mut to.bytes_per_second);
        self.concurrent_requests.set(&mut to.concurrent_requests);
        self.disk_bytes_max.set(&mut to.disk_bytes_max);
    }
}

impl WatchChange {
    fn apply(self, to: &mut Watch) {
        self.distinct_points_per_day
            .set(&mut to.distinct_points_per_day);
        self.refuse_past_distinct_points
            .apply(&mut to.refuse_past_distinct_points, |refuse, value| {
                *refuse = value
            });
        self.suspend_after_refusals
            .set(&mut to.suspend_after_refusals);
        self.suspend_after_networks
            .set(&mut to.suspend_after_networks);
    }
}
