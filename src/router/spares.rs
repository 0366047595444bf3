//! Spare families: empty, made ahead, so that a new tenant doesn't wait for one.
//!
//! Making a family is five waits for the disk or so, most of what making a tenant would take. A
//! spare that a shutdown leaves behind is found again: it stands on its shelf, empty, and no
//! record names it.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use super::{Router, RouterError};
use crate::{
    seal,
    store::{Family, FamilyName, Shelf, StoreError},
};

/// A family that is no one's yet.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) shelf: u32,
    pub(super) name: FamilyName,
    pub(super) family: Arc<Family>,
}

/// The spares at hand.
#[derive(Debug, Default)]
pub(super) struct Spares {
    at_hand: Mutex<VecDeque<Spare>>,
    /// Families that were given out, are at hand, or weren't empty when they were found.
    known: Mutex<HashSet<FamilyName>>,
    restocking: AtomicBool,
}

impl Router {
    /// A spare, or a family made now. Has more made in the background.
    pub(super) fn take_spare(self: &Arc<Self>) -> Result<Spare, RouterError> {
        let spare = self.spares.at_hand.lock().pop_front();
        let spare = match spare {
            Some(spare) => spare,
            None => self.make_spare()?,
        };
        if !self.spares.restocking.swap(true, Ordering::AcqRel) {
            let router = Arc::downgrade(self);
            std::thread::spawn(move || {
                // Asks anew each time, so that a node that stops isn't held.
                while let Some(router) = router.upgrade() {
                    if !router.restock() {
                        router.spares.restocking.store(false, Ordering::Release);
                        break;
                    }
                }
            });
        }
        Ok(spare)
    }

    /// Makes one more spare, if one is wanted.
    fn restock(&self) -> bool {
        if self.spares.at_hand.lock().len() >= SPARES {
            return false;
        }
        match self.make_spare() {
            Ok(spare) => {
                self.spares.at_hand.lock().push_back(spare);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a spare family couldn't be made");
                false
            }
        }
    }

    /// Finds an empty family that is no one's on the shelf that is next, or makes one there.
    fn make_spare(&self) -> Result<Spare, RouterError> {
        loop {
            let number = self.placement.lock().take();
            let shelf = self.shelves.shelf(number)?;
            if let Some((name, family)) = self.spares.left_behind(&shelf)? {
                return Ok(Spare {
                    shelf: number,
                    name,
                    family,
                });
            }
            let name = FamilyName(seal::random_bytes()?);
            // Known before it is there, or another thread might take it for left behind.
            self.spares.known.lock().insert(name);
            match shelf.create(name) {
                Ok(family) => {
                    return Ok(Spare {
                        shelf: number,
                        name,
                        family,
                    });
                }
                Err(StoreError::Full) => self.placement.lock().full(number),
                Err(error) => {
                    self.placement.lock().left(number);
                    return Err(error.into());
                }
            }
        }
    }
}

impl Spares {
    /// No spares yet; these families are someone's.
    pub(super) fn new(known: impl IntoIterator<Item = FamilyName>) -> Self {
        Self {
            known: Mutex::new(known.into_iter().collect()),
            ..Self::default()
        }
    }

    fn left_behind(
        &self,
        shelf: &Arc<Shelf>,
    ) -> Result<Option<(FamilyName, Arc<Family>)>, StoreError> {
        let mut known = self.known.lock();
        for name in shelf.names() {
            if known.insert(name) {
                let family = shelf.family(name)?;
                // One that isn't empty may be someone's whose record was lost: it is let be.
                if family.is_empty()? {
                    return Ok(Some((name, family)));
                }
            }
        }
        Ok(None)
    }
}

/// How many spares are kept.
const SPARES: usize = 4;
