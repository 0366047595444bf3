//! Which shelf a new tenant goes on: the first with room.

use std::collections::BTreeMap;

use super::record::{TenantRecord, TenantState};

/// How many families each shelf has.
#[derive(Debug, Default)]
pub(super) struct Placement {
    families: BTreeMap<u32, usize>,
}

impl Placement {
    pub(super) fn new(records: &[TenantRecord]) -> Self {
        let mut placement = Self::default();
        for record in records {
            if record.state != TenantState::Deleted {
                placement.took(record.shelf);
            }
        }
        placement
    }

    /// A place on a shelf with room; on a new one if none has any.
    pub(super) fn take(&mut self) -> u32 {
        let shelf = self.choose();
        self.took(shelf);
        shelf
    }

    fn choose(&self) -> u32 {
        let roomy = self
            .families
            .iter()
            .find(|(_, families)| **families < FAMILIES_MAX);
        match (roomy, self.families.last_key_value()) {
            (Some((shelf, _)), _) => *shelf,
            (None, Some((last, _))) => last + 1,
            (None, None) => 0,
        }
    }

    fn took(&mut self, shelf: u32) {
        *self.families.entry(shelf).or_default() += 1;
    }

    pub(super) fn left(&mut self, shelf: u32) {
        if let Some(families) = self.families.get_mut(&shelf) {
            *families = families.saturating_sub(1);
        }
    }

    /// The shelf itself says that it is full: a crash left a family that no record has.
    pub(super) fn full(&mut self, shelf: u32) {
        self.families.insert(shelf, FAMILIES_MAX);
    }
}

/// One less than a shelf takes, since a family that is being dropped may still count.
const FAMILIES_MAX: usize = 63;
