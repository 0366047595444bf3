//! Fail points: named places at which a test has the process end, as a crash would.
//!
//! `LOCULE_FAILPOINT=NAME` aborts where [`hit`] is called with that name the first time,
//! `LOCULE_FAILPOINT=NAME@N` the `N`th time. For tests alone. Where the variable isn't set, a hit is
//! one load of a value that was read once.
//! Called by: whatever takes several steps that a crash may fall between.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// Ends the process here, if that was asked for by this name.
pub fn hit(name: &str) {
    if let Some(set) = SET.get_or_init(read)
        && set.name == name
        && set.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}

struct Set {
    name: String,
    left: AtomicU64,
}

fn read() -> Option<Set> {
    let text = std::env::var("LOCULE_FAILPOINT").ok()?;
    let (name, left) = match text.split_once('@') {
        Some((name, left)) => (name, left.parse().ok()?),
        None => (text.as_str(), 1),
    };
    Some(Set {
        name: name.to_owned(),
        left: AtomicU64::new(left),
    })
}

static SET: OnceLock<Option<Set>> = OnceLock::new();
