//! The name of every metric, the unit in it. The registry adds `locule_` before, and `_total`
//! behind counters.

/// Requests answered, by route pattern and status.
pub const REQUESTS: &str = "requests";
/// Seconds from the last byte in to the first byte out, by route pattern.
pub const REQUEST_SECONDS: &str = "request_seconds";
/// Sealed values, keys or files that didn't open.
pub const CORRUPT: &str = "corrupt";
/// Credentials that weren't believed.
pub const AUTHENTICATION_FAILURES: &str = "authentication_failures";
/// A key was used from a network (/24, /48) that it wasn't seen on before; its first isn't counted.
pub const UNUSUAL_ACCESS_PATTERNS: &str = "unusual_access_patterns";
/// An `inference` key was answered as many different points in a day as its tenant's budget has.
pub const DATA_ACCESS_ANOMALIES: &str = "data_access_anomalies";
/// A key was refused 60 times within a minute, or as often as its tenant's policy bears.
pub const API_ABUSE_DETECTION: &str = "api_abuse_detection";
/// Acts that a role or a key's collections didn't allow.
pub const PRIVILEGE_ESCALATION_ATTEMPTS: &str = "privilege_escalation_attempts";
/// Acts that the gate didn't allow.
pub const DENIALS: &str = "denials";
/// Partitions that are open.
pub const PARTITIONS_OPEN: &str = "partitions_open";
/// Partitions opened since the start.
pub const PARTITION_OPENS: &str = "partition_opens";
/// Tenants that aren't deleted.
pub const TENANTS: &str = "tenants";
/// Points written.
pub const POINTS_WRITTEN: &str = "points_written";
/// Queries answered.
pub const QUERIES: &str = "queries";
/// Seconds that requests spent, by stage.
pub const STAGE_SECONDS: &str = "stage_seconds";
/// Stored indexes that were read back when their tenant was opened.
pub const SEGMENTS_READ: &str = "segments_read";
/// Stored indexes that couldn't be used, and were rebuilt from their rows.
pub const SEGMENTS_REBUILT: &str = "segments_rebuilt";
/// Indexes that were stored.
pub const SEGMENTS_WRITTEN: &str = "segments_written";
/// Refresh tokens that were used twice.
pub const REFRESH_REUSES: &str = "refresh_token_reuses";
/// API keys that end within two weeks.
pub const KEYS_EXPIRING: &str = "keys_expiring";
/// Tenants whose erasures failed and are to be tried again.
pub const ERASURES_FAILING: &str = "erasures_failing";
/// Quotas of points and of bytes on disk that are nearly used up.
pub const QUOTAS_NEAR: &str = "quotas_near";
/// Messages that webhooks took.
pub const WEBHOOKS_DELIVERED: &str = "webhooks_delivered";
/// Attempts to send a message to a webhook that failed.
pub const WEBHOOK_FAILURES: &str = "webhook_failures";
/// Messages to webhooks that were given up.
pub const WEBHOOKS_DEAD: &str = "webhooks_dead";
