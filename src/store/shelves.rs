//! Which shelves are open. Each is opened once however many ask for it at the same time.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use parking_lot::{Condvar, Mutex};

use super::{
    InUse, StoreError,
    options::{Shared, StoreOptions},
    shelf::Shelf,
};

/// All shelves of a node.
pub struct Shelves {
    directory: PathBuf,
    shared: Shared,
    in_use: Arc<InUse>,
    slots: Mutex<HashMap<u32, Arc<Slot>>>,
    /// The shelves used last, kept open for a while.
    warm: Mutex<VecDeque<Arc<Shelf>>>,
    warm_max: usize,
}

impl Shelves {
    /// The shelves in a directory. Opens none of them. `in_use` is the node's lock on its
    /// directory: it is held until the last shelf is closed, whoever closes it.
    pub fn new(directory: &Path, options: &StoreOptions, in_use: Arc<InUse>) -> Self {
        Self {
            directory: directory.to_owned(),
            shared: Shared::new(options),
            in_use,
            slots: Mutex::default(),
            warm: Mutex::default(),
            warm_max: options.warm_shelves_max,
        }
    }

    /// A shelf, opened if it isn't.
    ///
    /// # Errors
    /// [`StoreError::Engine`] when the shelf can't be opened: that concerns its tenants alone.
    pub fn shelf(&self, number: u32) -> Result<Arc<Shelf>, StoreError> {
        let slot = Arc::clone(self.slots.lock().entry(number).or_default());
        let shelf = {
            let mut place = slot.place.lock();
            if let Some(shelf) = place.shelf.upgrade() {
                shelf
            } else {
                // Its last user may still be closing it; RocksDB holds a lock until then.
                while place.open {
                    slot.left.wait(&mut place);
                }
                let directory = self.directory.join(format!("{number:06}"));
                let shelf = Arc::new(Shelf::open(
                    number,
                    &directory,
                    &self.shared,
                    Arc::clone(&slot),
                    Arc::clone(&self.in_use),
                )?);
                place.open = true;
                place.shelf = Arc::downgrade(&shelf);
                shelf
            }
        };
        self.keep_warm(&shelf);
        Ok(shelf)
    }

    /// How many shelves are open.
    pub fn open_count(&self) -> usize {
        self.slots
            .lock()
            .values()
            .filter(|slot| slot.place.lock().open)
            .count()
    }

    fn keep_warm(&self, shelf: &Arc<Shelf>) {
        let mut warm = self.warm.lock();
        if warm.back().is_some_and(|last| Arc::ptr_eq(last, shelf)) {
            return;
        }
        warm.retain(|other| !Arc::ptr_eq(other, shelf));
        warm.push_back(Arc::clone(shelf));
        let cold = (warm.len() > self.warm_max).then(|| warm.pop_front());
        drop(warm);
        // Closing a shelf takes time, which no request should wait for.
        if let Some(cold) = cold.flatten() {
            std::thread::spawn(move || drop(cold));
        }
    }
}

impl fmt::Debug for Shelves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelves({})", self.directory.display())
    }
}

/// Where one shelf is, or will be, open.
#[derive(Debug, Default)]
pub(super) struct Slot {
    place: Mutex<Place>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Place {
    shelf: Weak<Shelf>,
    open: bool,
}

impl Slot {
    /// The shelf's database is closed: the next one may open it. Also called when opening
    /// failed half way, which is harmless.
    pub(super) fn closed(&self) {
        self.place.lock().open = false;
        self.left.notify_all();
    }
}
