//! Where a copy of a tenant comes from.

use std::{fmt, sync::Arc};

use crate::{
    access::{Grant, ManageBackups},
    partition::{CopiedOut, Partition, PartitionError},
    seal::{GenerationKey, ManifestKey},
    store::{Family, StorageKey},
    tenant::Generation,
};

/// A tenant's family and key, for copying it out.
pub struct Source {
    pub(super) family: Arc<Family>,
    pub(super) key: GenerationKey,
}

impl Source {
    /// Which generation it is.
    pub const fn generation(&self) -> Generation {
        self.key.generation()
    }

    /// The key that vouches for manifests of this generation.
    pub fn manifest_key(&self) -> ManifestKey {
        self.key.derive_manifest_key()
    }

    /// Hands out every sealed value that a copy needs, as of one moment.
    ///
    /// # Errors
    /// What `take` fails with; [`PartitionError::Corrupt`] when something doesn't open.
    pub fn copy_out<E: From<PartitionError>>(
        &self,
        grant: &Grant<ManageBackups>,
        take: impl FnMut(StorageKey, &[u8]) -> Result<(), E>,
    ) -> Result<CopiedOut, E> {
        Partition::copy_out(grant, &self.family, &self.key, take)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", self.family)
    }
}
