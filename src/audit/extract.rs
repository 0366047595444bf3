//! Extracts: the entries of one tenant, or the node's own, read back from the files.

use super::{
    AuditError, AuditLog, Checkpoint, Link,
    files::{lines, numbers, path},
    read::{self, Read, field, mark_of},
};
use crate::clock::Timestamp;

/// Some entries of one chain, in order.
#[derive(Clone, Debug)]
pub struct Extract {
    /// The entries, a line each, as they were hashed.
    pub entries: Vec<String>,
    /// Where the chain ends, signed, if the entries reach that far.
    pub checkpoint: Option<String>,
}

/// An entry, as it is read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Act<'a> {
    /// When, in RFC 3339.
    pub time: &'a str,
    /// Whose key asked.
    pub key_id: Option<&'a str>,
    /// For what.
    pub action: &'a str,
    /// What came of it.
    pub outcome: &'a str,
    /// From where.
    pub ip: Option<&'a str>,
    /// How many such acts it stands for.
    pub count: u64,
}

impl AuditLog {
    /// The entries of a tenant's own chain, or of the node's, with numbers above `after`.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn extract(
        &self,
        now: Timestamp,
        tenant: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Extract, AuditError> {
        let mut entries = Vec::new();
        let mut reached = after;
        let before = |checkpoint: &Checkpoint| checkpoint.chain(tenant).seq <= after;
        let end = self.walk(tenant, before, |entry| {
            if let Ok(Read { own, .. }) = Read::of(entry)
                && own.link.seq > reached
                && entries.len() < limit
            {
                entries.push(entry.to_owned());
                reached = own.link.seq;
            }
            entries.len() < limit
        })?;
        let checkpoint = if reached >= end.seq && end.seq > 0 {
            Some(Checkpoint::of_chain(now, tenant, end).signed(&self.key)?)
        } else {
            None
        };
        Ok(Extract {
            entries,
            checkpoint,
        })
    }

    /// Shows the acts of a tenant since a time, in order.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn acts_since(
        &self,
        tenant: &str,
        since: Timestamp,
        mut each: impl FnMut(Act<'_>),
    ) -> Result<(), AuditError> {
        // All times are written alike, so they compare as texts do.
        let since = since.to_string();
        let before = |checkpoint: &Checkpoint| checkpoint.at < since;
        self.walk(Some(tenant), before, |entry| {
            let text = |name| field(entry, name);
            let time = text("time").unwrap_or_default();
            if time >= since.as_str() {
                each(Act {
                    time,
                    key_id: text("key_id"),
                    action: text("action").unwrap_or_default(),
                    outcome: text("outcome").unwrap_or_default(),
                    ip: text("ip"),
                    count: read::number(entry, "count").unwrap_or(1),
                });
            }
            true
        })?;
        Ok(())
    }

    /// Shows the entries of a chain, in order, up to the end that it has now, which is told. Files of
    /// which `before` says that they end before anything that counts are passed over.
    fn walk(
        &self,
        tenant: Option<&str>,
        before: impl Fn(&Checkpoint) -> bool,
        mut each: impl FnMut(&str) -> bool,
    ) -> Result<Link, AuditError> {
        let (directory, (current, bytes), end) = {
            let state = self.state.lock();
            let directory = state.files.directory().to_owned();
            let end = state.chains.end_of(tenant);
            (directory, state.files.position(), end)
        };
        let public = self.key.verifying_key();
        let own = mark_of(tenant);
        let mut on = true;
        for number in numbers(&directory, "jsonl")? {
            if !on || number > current {
                break;
            }
            if number < current
                && let Some(checkpoint) = Checkpoint::load(&directory, number, &public)?
                && before(&checkpoint)
            {
                continue;
            }
            let to = if number == current { bytes } else { u64::MAX };
            lines(&path(&directory, number, "jsonl"), (0, to), |text, _| {
                if text.contains(&own)
                    && let Some(entry) = Read::entry_in(text)
                {
                    on = each(entry);
                }
                on
            })?;
        }
        Ok(end)
    }
}
