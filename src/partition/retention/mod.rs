//! Retention: how long a collection's points are kept, and by when what is gone from answers is gone
//! from the disk.
//!
//! A point's end is computed, never stored in it: from the time of its last write, which every row
//! carries, or from a field of its payload. So a retention that is set later, changed or taken back
//! holds for every point alike. Rows from before write times were kept count from the moment when
//! the collection's retention was first set. Any write of a point begins its days anew, one of its
//! payload too.
//!
//! ```text
//! mod.rs       what can be asked for, when a point ends, when a sweep begins
//! ends.rs      the ends of a snapshot's points, the earliest first
//! expire.rs    what has ended leaves the collection, before anyone is answered
//! set.rs       setting, seeing and removing a retention
//! untold.rs    how much has left that no sweep has told of
//! bound.rs     the tenant's own bound for what is deleted, where a collection has none
//! ```
//!
//! **Invariant:** no view that is answered from holds a point whose end has come by the grant's
//! time (`it/retention`). A view tells by its earliest end, so that costs one comparison; whoever
//! finds something takes it out by a commit like any other. If the writer is busy, or the disk
//! refuses, readers answer from a view of their own without it.
//! **Invariant:** before a row is durable that will have to go, the time of the sweep that it needs
//! is (`store/sweeps.rs`), so a tenant that turns cold is swept too.

mod bound;
mod ends;
mod expire;
mod set;
mod untold;

use std::time::Duration;

pub use self::set::CollectionRetention;
pub(super) use self::{
    ends::Ends,
    set::stored_retentions,
    untold::{put_untold, stored_untold},
};
use super::{PartitionError, format::Row, read::parsed};
use crate::{
    clock::Timestamp,
    payload::{
        Payload,
        path::{Path, PathError},
        time,
    },
};

/// How long points are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retention {
    end: Option<End>,
    purge_within_hours: Option<u32>,
}

/// When a point ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// So many days after it was last written.
    Days(u32),
    /// At the time in its payload. A point without one doesn't.
    Field {
        /// The field, as it was named.
        text: String,
        /// Where that is.
        path: Path,
    },
}

/// A retention as a collection has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Standing {
    pub(super) retention: Retention,
    /// The sequence number of the commit that set it: what was computed under another isn't valid.
    pub(super) revision: u64,
    /// When the collection was first given one.
    pub(super) since: Timestamp,
}

impl Retention {
    /// A retention of what was asked for.
    ///
    /// # Errors
    /// [`RetentionError`], which says what the limit is.
    pub fn new(
        ttl_days: Option<u64>,
        field: Option<&str>,
        purge_within_hours: Option<u64>,
    ) -> Result<Self, RetentionError> {
        let within = |value: u64, max: u32| {
            let value = u32::try_from(value).ok();
            value.filter(|value| (1..=max).contains(value))
        };
        let end = match (ttl_days, field) {
            (Some(_), Some(_)) => return Err(RetentionError::Both),
            (Some(days), None) => Some(End::Days(
                within(days, TTL_DAYS_MAX).ok_or(RetentionError::Days)?,
            )),
            (None, Some(text)) => Some(End::Field {
                path: Path::parse(text)?,
                text: text.to_owned(),
            }),
            (None, None) => None,
        };
        let purge_within_hours = match purge_within_hours {
            Some(hours) => Some(within(hours, PURGE_HOURS_MAX).ok_or(RetentionError::Hours)?),
            None => None,
        };
        if end.is_none() && purge_within_hours.is_none() {
            return Err(RetentionError::Nothing);
        }
        Ok(Self {
            end,
            purge_within_hours,
        })
    }

    /// When points end, if they do.
    pub const fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Within how many hours what is gone from answers is gone from the disk, if that was said.
    pub const fn purge_within_hours(&self) -> Option<u32> {
        self.purge_within_hours
    }
}

impl Standing {
    /// When a point ends, by the time of its last write and its payload.
    pub(super) fn end_of(
        &self,
        written: Option<Timestamp>,
        payload: &Payload,
    ) -> Option<Timestamp> {
        match self.retention.end()? {
            End::Days(days) => Some(self.days_after(*days, written)),
            End::Field { path, .. } => time::earliest(payload, path),
        }
    }

    /// When the point in a row ends.
    pub(super) fn end_of_row(&self, row: &Row) -> Result<Option<Timestamp>, PartitionError> {
        match self.retention.end() {
            None => Ok(None),
            Some(End::Days(days)) => Ok(Some(self.days_after(*days, row.written))),
            Some(End::Field { path, .. }) => Ok(time::earliest(&parsed(row)?, path)),
        }
    }

    /// Whether the point in a row has ended by now.
    pub(super) fn has_ended(&self, row: &Row, now: Timestamp) -> Result<bool, PartitionError> {
        let end = self.end_of_row(row)?;
        Ok(end.is_some_and(|end| end <= now))
    }

    fn days_after(&self, days: u32, written: Option<Timestamp>) -> Timestamp {
        written.unwrap_or(self.since).plus(DAY * days)
    }

    /// When the sweep begins that destroys what ends at this time.
    pub(super) fn sweep_of_ended(&self, end: Timestamp) -> Timestamp {
        let hours = self.retention.purge_within_hours;
        sweep(end, hours.unwrap_or(PURGE_HOURS_DEFAULT))
    }
}

/// A sweep begins when three quarters of the time have passed: the last one is for doing it.
fn sweep(gone: Timestamp, within_hours: u32) -> Timestamp {
    gone.plus(HOUR * within_hours * 3 / 4)
}

/// Why a retention isn't one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RetentionError {
    /// Two ends.
    #[error("give ttl_days or field, not both: a point has one end")]
    Both,
    /// Nothing at all.
    #[error("give ttl_days or field, or purge_within_hours alone as a bound for deleted points")]
    Nothing,
    /// Not so many days.
    #[error("ttl_days must be 1 to {TTL_DAYS_MAX}")]
    Days,
    /// Not so many hours.
    #[error("purge_within_hours must be 1 to {PURGE_HOURS_MAX}")]
    Hours,
    /// Not a field.
    #[error("field: {0}")]
    Field(#[from] PathError),
}

/// Longest time to live: a hundred years.
pub const TTL_DAYS_MAX: u32 = 36_500;
/// Longest time until what is gone from answers is gone from the disk: a year.
pub const PURGE_HOURS_MAX: u32 = 8_760;
/// That time for points that have ended, if it wasn't said.
pub const PURGE_HOURS_DEFAULT: u32 = 24;
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
