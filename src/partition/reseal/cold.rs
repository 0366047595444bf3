//! Resealing, and erasing from, a generation whose partition isn't open: its rows are read, its
//! index isn't loaded.
//!
//! A segment that knows no dead slot is copied as it is, chunk by chunk. Any other holds vectors of
//! points that are gone, so it stays behind, and the collection's index comes from its rows the next
//! time that it is asked for.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    sync::Arc,
};

use super::{Copy, Retired, last_records};
use crate::{
    access::{Erase, Grant},
    clock::Timestamp,
    partition::{
        PartitionError,
        chamber::Chamber,
        erase::{Erased, Erasing},
        format::{self, Head, Row},
        planned::accepts,
        retention::{Standing, stored_retentions},
        segment,
    },
    payload::index::Indexes,
    seal::GenerationKey,
    store::{Batch, Family, KeyRange, StorageKey},
    tenant::{CollectionName, TenantUuid},
};

/// A generation that isn't open. Nobody else may use its family meanwhile: the router sees to that.
pub struct Cold {
    pub(in crate::partition) chamber: Arc<Chamber>,
    head: Head,
    /// With their payload indexes, empty: they tell what a text condition means.
    collections: BTreeMap<u32, (CollectionName, Indexes)>,
}

impl Cold {
    /// Reads what there is to know of a generation without opening it: its head, and its
    /// collections' schemas.
    ///
    /// # Errors
    /// [`PartitionError::Corrupt`] when one of them doesn't open.
    pub fn open(family: Arc<Family>, key: &GenerationKey) -> Result<Self, PartitionError> {
        let (chamber, head) = Chamber::of(family, key)?;
        let mut stored = Vec::new();
        chamber
            .family
            .scan(&KeyRange::collections(), |key, sealed| {
                stored.push((key, sealed));
                ControlFlow::Continue(())
            })?;
        let mut collections = BTreeMap::new();
        for (key, sealed) in stored {
            let (name, _, indexes) = format::decode_collection(&chamber.open(key, &sealed)?)?;
            collections.insert(key.collection_number(), (name, Indexes::new(indexes)));
        }
        Ok(Self {
            chamber: Arc::new(chamber),
            head,
            collections,
        })
    }

    /// Whose generation it is.
    pub fn tenant(&self) -> TenantUuid {
        self.chamber.key.tenant()
    }

    fn recognise(&self, grant: &Grant<Erase>) -> Result<(), PartitionError> {
        if grant.tenant() == self.tenant() {
            Ok(())
        } else {
            Err(PartitionError::WrongPartition)
        }
    }

    /// Removes what is meant, in one commit: nothing of it is answered once this returns.
    ///
    /// # Errors
    /// [`PartitionError::NoCollection`] when it isn't there; then nothing was removed.
    pub fn erase(
        &mut self,
        grant: &Grant<Erase>,
        what: &Erasing,
    ) -> Result<Erased, PartitionError> {
        self.recognise(grant)?;
        let mut removal = self.removal(grant.now())?;
        match what {
            Erasing::Points { collection, ids } => {
                let number = self.number(grant, collection)?;
                self.remove_points(number, |row| Ok(ids.contains(&row.id)), &mut removal)?;
            }
            Erasing::Matching { collection, filter } => {
                let numbers = match collection {
                    Some(name) => vec![self.number(grant, name)?],
                    None => self.collections.keys().copied().collect(),
                };
                for number in numbers {
                    let Some((_, indexes)) = self.collections.get(&number) else {
                        continue;
                    };
                    let filter = indexes.bind(filter);
                    self.remove_points(number, |row| accepts(&filter, row), &mut removal)?;
                }
            }
            Erasing::Ended => {
                for (number, (name, _)) in &self.collections {
                    let Some(standing) = removal.ending(*number) else {
                        continue;
                    };
                    let meant = |row: &Row| standing.has_ended(row, grant.now());
                    let rows = self.remove_rows(*number, meant, &mut removal)?;
                    removal.erased.count_some(name, rows.ended);
                }
            }
            Erasing::Collection(name) => {
                let number = self.number(grant, name)?;
                let first = KeyRange::rows_of(number);
                let first = self
                    .chamber
                    .family
                    .first_keys(&first, Erased::SAMPLES_MAX)?;
                self.sample(&first, &mut removal.erased)?;
                let points = self.count_points(number, &removal)?;
                removal.erased.count(name.clone(), points);
                removal.batch.remove_collection(number);
                removal.next.segments.remove(&number);
                self.remove_aliases(number, &mut removal.batch)?;
            }
        }
        let Removal {
            mut next,
            mut batch,
            erased,
            ..
        } = removal;
        next.messages = self.chamber.key.messages() + 1;
        let key = StorageKey::head();
        batch.put(key, self.chamber.seal(key, &next.encode())?);
        self.chamber.family.commit(&batch)?;
        self.head = next;
        Ok(erased)
    }

    /// Moves the survivors to the next generation, as [`crate::partition::Partition::reseal`] does.
    /// Stops when `go_on` says no: someone wants the partition.
    ///
    /// # Errors
    /// [`PartitionError::Interrupted`] when it was stopped, other [`PartitionError`]s, and those of
    /// `switch`.
    pub fn reseal<E: From<PartitionError>>(
        self,
        grant: &Grant<Erase>,
        family: Arc<Family>,
        key: &GenerationKey,
        go_on: &dyn Fn() -> bool,
        switch: impl FnOnce() -> Result<(), E>,
    ) -> Result<Retired, E> {
        self.recognise(grant)?;
        let to = Chamber::new(family, key);
        let copy = Copy {
            from: &self.chamber,
            to: &to,
        };
        let mut copied = copy.in_bulk(&KeyRange::rows(), |_| true, go_on)?;
        let mut segments = BTreeMap::new();
        for (number, note) in &self.head.segments {
            let outline = segment::outline(&self.chamber, *number, *note);
            let Some(chunks) = outline.and_then(|outline| outline.copyable(&self.chamber)) else {
                continue;
            };
            copied = copied.and(copy.in_bulk(&chunks, |_| true, go_on)?);
            copied = copied.and(copy.in_bulk(&KeyRange::segment_of(*number), |_| true, go_on)?);
            segments.insert(*number, *note);
        }
        last_records(copy, &self.head, segments)?;
        switch()?;
        Ok(Retired {
            chamber: self.chamber,
            copied,
        })
    }

    fn number(&self, grant: &Grant<Erase>, name: &CollectionName) -> Result<u32, PartitionError> {
        let mut collections = self.collections.iter();
        collections
            .find(|(_, (own, _))| own == name && grant.covers(own))
            .map(|(number, _)| *number)
            .ok_or_else(|| PartitionError::NoCollection { name: name.clone() })
    }

    fn removal(&self, now: Timestamp) -> Result<Removal, PartitionError> {
        Ok(Removal {
            now,
            retentions: stored_retentions(&self.chamber)?,
            next: Head {
                seq: self.head.seq + 1,
                ..self.head.clone()
            },
            batch: Batch::default(),
            erased: Erased::default(),
        })
    }

    /// Removes the points of a collection that are meant. Those that have ended aren't counted: they
    /// were in no answer any more.
    fn remove_points(
        &self,
        number: u32,
        meant: impl Fn(&Row) -> Result<bool, PartitionError> + Sync,
        removal: &mut Removal,
    ) -> Result<(), PartitionError> {
        let rows = self.remove_rows(number, meant, removal)?;
        if let Some((name, _)) = self.collections.get(&number) {
            removal.erased.count_some(name, rows.living);
        }
        Ok(())
    }

    /// Removes the rows that are meant, and counts them. Those that a segment may know leave a
    /// tombstone.
    fn remove_rows(
        &self,
        number: u32,
        meant: impl Fn(&Row) -> Result<bool, PartitionError> + Sync,
        removal: &mut Removal,
    ) -> Result<Counted, PartitionError> {
        let (standing, now) = (removal.ending(number), removal.now);
        let mut found = Vec::new();
        let mut counted = Counted::default();
        self.chamber.scan_rows(
            &KeyRange::rows_of(number),
            |key, row| {
                if !meant(&row)? {
                    return Ok(None);
                }
                let ended = match &standing {
                    Some(standing) => standing.has_ended(&row, now)?,
                    None => false,
                };
                Ok(Some((key, ended)))
            },
            |row| {
                if let Some((key, ended)) = row {
                    found.push(key);
                    counted.count(ended);
                }
            },
        )?;
        self.sample(&found, &mut removal.erased)?;
        if let Some(note) = removal.next.segments.get_mut(&number) {
            // One that can't be read covers anything: then its rows will tell.
            let outline = segment::outline(&self.chamber, number, *note);
            let bound = outline.map_or(u64::MAX, |outline| outline.bound());
            let rows = found.iter().map(|key| key.number());
            let covered: Vec<u64> = rows.filter(|row| *row < bound).collect();
            if !covered.is_empty() {
                let key = StorageKey::tombstone(number, removal.next.seq);
                let plain = segment::encode_tombstone(&covered);
                removal.batch.put(key, self.chamber.seal(key, &plain)?);
                note.tombstones += 1;
            }
        }
        for key in found {
            removal.batch.remove(key);
        }
        Ok(counted)
    }

    /// How many points a collection has, without those that have ended.
    fn count_points(&self, number: u32, removal: &Removal) -> Result<u64, PartitionError> {
        let rows = KeyRange::rows_of(number);
        let Some(standing) = removal.ending(number) else {
            return Ok(self.chamber.family.count(&rows)?);
        };
        let mut counted = Counted::default();
        self.chamber.scan_rows(
            &rows,
            |_, row| standing.has_ended(&row, removal.now),
            |ended| counted.count(ended),
        )?;
        Ok(counted.living)
    }

    fn sample(&self, keys: &[StorageKey], erased: &mut Erased) -> Result<(), PartitionError> {
        for key in keys.iter().take(erased.samples_wanted()) {
            erased.samples.extend(self.chamber.sample(*key)?);
        }
        Ok(())
    }

    /// A collection takes its aliases with it.
    fn remove_aliases(&self, number: u32, batch: &mut Batch) -> Result<(), PartitionError> {
        let key = StorageKey::aliases();
        let Some(sealed) = self.chamber.family.find(key)? else {
            return Ok(());
        };
        let aliases = format::decode_aliases(&self.chamber.open(key, &sealed)?)?;
        let kept: Vec<_> = aliases
            .iter()
            .filter(|(_, of)| *of != number)
            .map(|(alias, of)| (alias, *of))
            .collect();
        if kept.is_empty() {
            batch.remove(key);
        } else {
            let record = format::encode_aliases(&kept);
            batch.put(key, self.chamber.seal(key, &record)?);
        }
        Ok(())
    }
}

/// What an erasure removes, in one commit.
struct Removal {
    now: Timestamp,
    retentions: HashMap<u32, Arc<Standing>>,
    next: Head,
    batch: Batch,
    erased: Erased,
}

impl Removal {
    /// A collection's retention, if its points end by it.
    fn ending(&self, number: u32) -> Option<Arc<Standing>> {
        let standing = self.retentions.get(&number);
        let ending = standing.filter(|standing| standing.retention.end().is_some());
        ending.cloned()
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
