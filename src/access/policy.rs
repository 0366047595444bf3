//! What a tenant may use beyond its [`Quota`](super::Quota), and what happens when one of its keys
//! behaves oddly. Set by the operator, stored beside the tenant's record.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// What a tenant may use at a time. Nothing set means no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Allowance {
    /// Bytes of request bodies a second, sustained; one body of any allowed length always may come.
    pub bytes_per_second: Option<NonZeroU32>,
    /// Requests of a kind (searches, small writes, long work) in flight at a time.
    pub concurrent_requests: Option<NonZeroU32>,
    /// Bytes on disk.
    pub disk_bytes_max: Option<u64>,
}

/// What is done about a key that behaves oddly. Nothing set means that it is only counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// Different points that a key of the role `inference` may be answered in a day.
    pub distinct_points_per_day: Option<NonZeroU32>,
    /// Whether queries past that are refused, and not only counted.
    pub refuse_past_distinct_points: bool,
    /// A key is suspended after so many refusals in a minute.
    pub suspend_after_refusals: Option<NonZeroU32>,
    /// A key is suspended when it comes from more than so many networks (/24, /48) in an hour.
    pub suspend_after_networks: Option<NonZeroU32>,
}

/// A tenant's policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Policy {
    /// What it may use.
    pub allowance: Allowance,
    /// What is done about a key that behaves oddly.
    pub watch: Watch,
}

/// A policy as it is stored: its version first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PolicyRecord {
    /// The first version.
    V1(Policy),
}
