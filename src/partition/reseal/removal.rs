//! What an erasure removes from a generation whose partition isn't open: one commit, as it grows.
//!
//! It does what an open partition does (`partition/erase.rs`), so that both tell the same: what has
//! ended leaves a collection before anything is counted there, and is told of by the next sweep.

use std::{collections::HashMap, sync::Arc};

use crate::{
    clock::Timestamp,
    partition::{
        PartitionError, aliases,
        chamber::Chamber,
        erase::Erased,
        format::{Head, Row},
        retention::{Standing, put_untold, stored_retentions, stored_untold},
        segment,
    },
    store::{Batch, KeyRange, StorageKey},
    tenant::CollectionName,
};

/// What is removed in one commit.
pub(super) struct Removal<'c> {
    chamber: &'c Chamber,
    now: Timestamp,
    retentions: HashMap<u32, Arc<Standing>>,
    untold: HashMap<u32, u64>,
    next: Head,
    batch: Batch,
    erased: Erased,
}

impl<'c> Removal<'c> {
    pub(super) fn begin(
        chamber: &'c Chamber,
        head: &Head,
        now: Timestamp,
    ) -> Result<Self, PartitionError> {
        Ok(Self {
            chamber,
            now,
            retentions: stored_retentions(chamber)?,
            untold: stored_untold(chamber)?,
            next: Head {
                seq: head.seq + 1,
                ..head.clone()
            },
            batch: Batch::default(),
            erased: Erased::default(),
        })
    }

    /// Removes the points of a collection that are meant, and counts those that hadn't ended.
    pub(super) fn points(
        &mut self,
        (number, name): (u32, &CollectionName),
        meant: impl Fn(&Row) -> Result<bool, PartitionError> + Sync,
    ) -> Result<(), PartitionError> {
        let rows = self.rows(number, meant)?;
        self.erased.count_some(name, rows.living);
        if rows.ended > 0 {
            let untold = self.untold(number) + rows.ended;
            put_untold(self.chamber, &mut self.batch, number, untold)?;
        }
        Ok(())
    }

    /// Removes what has ended of a collection, and counts it with what had left before.
    pub(super) fn ended(
        &mut self,
        (number, name): (u32, &CollectionName),
    ) -> Result<(), PartitionError> {
        let rows = match self.ending(number) {
            Some(_) => self.rows(number, |_| Ok(false))?,
            None => Counted::default(),
        };
        let told = self.untold(number) + rows.ended;
        self.erased.count_some(name, told);
        put_untold(self.chamber, &mut self.batch, number, 0)
    }

    /// Removes a collection with all that belongs to it, and counts its points that hadn't ended.
    pub(super) fn collection(
        &mut self,
        (number, name): (u32, &CollectionName),
    ) -> Result<(), PartitionError> {
        let rows = KeyRange::rows_of(number);
        let family = &self.chamber.family;
        let first = family.first_keys(&rows, Erased::SAMPLES_MAX)?;
        self.erased.sample(self.chamber, &first)?;
        let points = match self.ending(number) {
            None => self.chamber.family.count(&rows)?,
            Some(standing) => {
                let mut counted = Counted::default();
                let ended = |_, row| standing.has_ended(&row, self.now);
                self.chamber
                    .scan_rows(&rows, ended, |ended| counted.count(ended))?;
                counted.living
            }
        };
        self.erased.count(name.clone(), points);
        self.batch.remove_collection(number);
        self.next.segments.remove(&number);
        self.aliases_of(number)
    }

    /// Makes it durable: the head from then on, and what was erased.
    pub(super) fn commit(mut self) -> Result<(Head, Erased), PartitionError> {
        self.next.messages = self.chamber.key.messages() + 1;
        let key = StorageKey::head();
        let head = self.chamber.seal(key, &self.next.encode())?;
        self.batch.put(key, head);
        self.chamber.family.commit(&self.batch)?;
        Ok((self.next, self.erased))
    }

    /// Removes the rows that are meant, and those whose points have ended. Those that a segment may
    /// know leave a tombstone.
    fn rows(
        &mut self,
        number: u32,
        meant: impl Fn(&Row) -> Result<bool, PartitionError> + Sync,
    ) -> Result<Counted, PartitionError> {
        let (standing, now) = (self.ending(number), self.now);
        let read = |key, row: Row| {
            let ended = match &standing {
                Some(standing) => standing.has_ended(&row, now)?,
                None => false,
            };
            Ok((key, meant(&row)?, ended))
        };
        let mut counted = Counted::default();
        let (mut found, mut others) = (Vec::new(), Vec::new());
        self.chamber
            .scan_rows(&KeyRange::rows_of(number), read, |(key, meant, ended)| {
                if meant {
                    found.push(key);
                } else if ended {
                    others.push(key);
                } else {
                    return;
                }
                counted.count(ended);
            })?;
        // What is meant is looked for first.
        found.append(&mut others);
        self.erased.sample(self.chamber, &found)?;
        self.tombstone(number, &found)?;
        for key in found {
            self.batch.remove(key);
        }
        Ok(counted)
    }

    fn tombstone(&mut self, number: u32, rows: &[StorageKey]) -> Result<(), PartitionError> {
        let Some(note) = self.next.segments.get_mut(&number) else {
            return Ok(());
        };
        // One that can't be read covers anything: then its rows will tell.
        let outline = segment::outline(self.chamber, number, *note);
        let bound = outline.map_or(u64::MAX, |outline| outline.bound());
        let rows = rows.iter().map(|key| key.number());
        let covered: Vec<u64> = rows.filter(|row| *row < bound).collect();
        if !covered.is_empty() {
            let key = StorageKey::tombstone(number, self.next.seq);
            let plain = segment::encode_tombstone(&covered);
            self.batch.put(key, self.chamber.seal(key, &plain)?);
            note.tombstones += 1;
        }
        Ok(())
    }

    /// A collection takes its aliases with it.
    fn aliases_of(&mut self, number: u32) -> Result<(), PartitionError> {
        let aliases = aliases::stored(self.chamber)?;
        let kept: Vec<_> = aliases
            .iter()
            .filter(|(_, of)| *of != number)
            .map(|(alias, of)| (alias, *of))
            .collect();
        aliases::put(self.chamber, &mut self.batch, &kept)
    }

    /// A collection's retention, if its points end by it.
    fn ending(&self, number: u32) -> Option<Arc<Standing>> {
        let standing = self.retentions.get(&number);
        let ending = standing.filter(|standing| standing.retention.end().is_some());
        ending.cloned()
    }

    fn untold(&self, number: u32) -> u64 {
        self.untold.get(&number).copied().unwrap_or(0)
    }
}

/// Points in rows: those that are there, and those that have ended.
#[derive(Default)]
struct Counted {
    living: u64,
    ended: u64,
}

impl Counted {
    const fn count(&mut self, ended: bool) {
        if ended {
            self.ended += 1;
        } else {
            self.living += 1;
        }
    }
}
