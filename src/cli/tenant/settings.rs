//! *What an operator sets of a tenant*: the options, and the part of a body that says them.

use std::convert::Infallible;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::cli::client::said;

/// Options of a tenant that is made or changed. `none` lifts what is set.
#[derive(clap::Args)]
pub(crate) struct Settings {
    /// Most points the tenant may keep, over all collections.
    #[arg(long, value_name = "N|none", value_parser = amount, alias = "quota-points")]
    points_max: Option<Value>,
    /// Most requests a second the tenant may make.
    #[arg(long, value_name = "N|none", value_parser = at_least_one, alias = "quota-requests")]
    requests_per_second: Option<Value>,
    /// Most bytes of request bodies a second.
    #[arg(long, value_name = "N|none", value_parser = at_least_one)]
    bytes_per_second: Option<Value>,
    /// Most requests of a kind (searches, small writes, long work) at a time.
    #[arg(long, value_name = "N|none", value_parser = at_least_one)]
    concurrent_requests: Option<Value>,
    /// Most bytes on disk. What is there already stays.
    #[arg(long, value_name = "N|none", value_parser = amount)]
    disk_bytes_max: Option<Value>,
    /// Where you want the tenant. A word for yourself: the node does nothing about it.
    #[arg(long, value_name = "NAME|none", value_parser = named)]
    region: Option<Value>,
    /// Different points that a key of the role `inference` may be answered in a day. Past that it is
    /// told.
    #[arg(long, value_name = "N|none", value_parser = at_least_one, help_heading = WATCH)]
    distinct_points_per_day: Option<Value>,
    /// Refuse queries past those points, too.
    #[arg(long, value_name = "true|false", help_heading = WATCH)]
    refuse_past_distinct_points: Option<bool>,
    /// Suspend a key after so many refusals in a minute.
    #[arg(long, value_name = "N|none", value_parser = at_least_one, help_heading = WATCH)]
    suspend_after_refusals: Option<Value>,
    /// Suspend a key that comes from more than so many networks (/24, /48) in an hour.
    #[arg(long, value_name = "N|none", value_parser = at_least_one, help_heading = WATCH)]
    suspend_after_networks: Option<Value>,
}

impl Settings {
    /// What was said, as the body of a request says it; none if nothing was.
    pub(super) fn said(self) -> Option<Map<String, Value>> {
        let quota = [
            ("points_max", self.points_max),
            ("requests_per_second", self.requests_per_second),
            ("bytes_per_second", self.bytes_per_second),
            ("concurrent_requests", self.concurrent_requests),
            ("disk_bytes_max", self.disk_bytes_max),
        ];
        let refuse = self.refuse_past_distinct_points.map(Value::from);
        let watch = [
            ("distinct_points_per_day", self.distinct_points_per_day),
            ("refuse_past_distinct_points", refuse),
            ("suspend_after_refusals", self.suspend_after_refusals),
            ("suspend_after_networks", self.suspend_after_networks),
        ];
        let quota = said(quota).map(Value::Object);
        let watch = said(watch).map(Value::Object);
        said([("quota", quota), ("watch", watch), ("region", self.region)])
    }
}

fn amount(text: &str) -> Result<Value, &'static str> {
    limit(text, 0..=u64::MAX).ok_or("write a whole number, or none")
}

fn at_least_one(text: &str) -> Result<Value, &'static str> {
    limit(text, 1..=u32::MAX.into()).ok_or("write a whole number from 1 to 4294967295, or none")
}

fn limit(text: &str, within: RangeInclusive<u64>) -> Option<Value> {
    if text == "none" {
        return Some(Value::Null);
    }
    let number = text.parse().ok();
    number
        .filter(|number| within.contains(number))
        .map(Value::from)
}

fn named(text: &str) -> Result<Value, Infallible> {
    Ok(match text {
        "none" => Value::Null,
        _ => text.into(),
    })
}

const WATCH: &str = "Keys that behave oddly";
