//! *How long to wait before a request is tried again.* Pure: attempt in, delay out.

use std::time::Duration;

/// The delay before the next attempt, after `failed` attempts; none if it's time to give up. What
/// the server asked for counts, up to a limit; otherwise the delay doubles each time.
pub(crate) fn delay(failed: u32, asked_for: Option<Duration>) -> Option<Duration> {
    if failed >= ATTEMPTS_MAX {
        return None;
    }
    let doubled = DELAY_FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16));
    let delay = doubled.min(DELAY_MAX);
    Some(asked_for.map_or(delay, |asked_for| {
        asked_for.clamp(DELAY_FIRST, ASKED_FOR_MAX)
    }))
}

/// With the delays below this rides out some 40 seconds: a restart of the server, not a lasting
/// failure.
pub(super) const ATTEMPTS_MAX: u32 = 10;

pub(super) const DELAY_FIRST: Duration = Duration::from_millis(100);

pub(super) const DELAY_MAX: Duration = Duration::from_secs(10);

/// Longer than any quota's window; past this a wrong clock or a wrong header is more likely than a
/// real wish.
pub(super) const ASKED_FOR_MAX: Duration = Duration::from_mins(5);
