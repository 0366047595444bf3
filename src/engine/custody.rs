//! Copies of generation keys that someone outside keeps, and the way back into a keyring that has
//! lost its own; the node's root key.

use std::sync::Arc;

use super::{Engine, EngineOptions, Error, ErrorKind, StartError, start::Unlocked};
use crate::{
    access::{Grant, ManageCustody, Principal, RotateRoot},
    ops::custody::CustodyRecord,
    router::{Router, RouterError},
    seal::{self, CustodyError, Keeper, Opener, Returned, Rotated},
    store::{CatalogError, Shelves, Sweeps},
    telemetry::Metrics,
};

/// A key that was exported.
#[derive(Debug)]
pub struct Exported {
    /// What is remembered of it.
    pub record: CustodyRecord,
    /// The age file: kept nowhere here.
    pub file: Vec<u8>,
}

/// A key that was put back.
#[derive(Debug)]
pub struct PutBack {
    /// Its tenant's public name.
    pub tenant: String,
    /// Its generation.
    pub generation: u32,
}

impl Engine {
    /// Seals the key of the tenant's present generation for a keeper. Recorded before the key is
    /// touched.
    ///
    /// # Errors
    /// [`Error`].
    pub fn export_key(
        &self,
        principal: &Principal,
        keeper: &Keeper,
        reason: String,
    ) -> Result<Exported, Error> {
        let grant: Grant<ManageCustody> = self.check(principal, None)?;
        let id = seal::random_bytes().map_err(RouterError::from)?;
        let mut kept = None;
        let file = self.router.export_key(&grant, keeper, |generation| {
            let record = CustodyRecord {
                id,
                tenant: grant.tenant(),
                generation,
                at: self.clock.now(),
                to: keeper.name(),
                reason,
                by: principal.actor().into_owned(),
            };
            self.record_act(principal, "export_key")?;
            self.custody.keep(record.clone())?;
            kept = Some(record);
            Ok::<_, Error>(())
        })?;
        let record = kept.ok_or_else(|| Error::new(ErrorKind::Internal, "nothing was exported"))?;
        Ok(Exported { record, file })
    }

    /// The exports of the principal's tenant's keys, the oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn exports(&self, principal: &Principal) -> Result<Vec<CustodyRecord>, Error> {
        let grant: Grant<ManageCustody> = self.check(principal, None)?;
        Ok(self.custody.list(grant.tenant()))
    }

    /// Puts the next root key in place of the current one: wraps every key file anew.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when nothing says what the next one is.
    pub fn rotate_root(&self, principal: &Principal) -> Result<Rotated, Error> {
        let grant: Grant<RotateRoot> = self.check(principal, None)?;
        self.record_act(principal, "rotate_root_key")?;
        let rotated = self.router.rotate_root(&grant, &self.root_keys)?;
        tracing::info!(from = %rotated.from, to = %rotated.to, files = rotated.files, "the root key was replaced");
        Ok(rotated)
    }

    /// Puts a key that was exported back into the keyring of a node that doesn't run. Only the key
    /// of the tenant's present generation, and only where that has none.
    ///
    /// # Errors
    /// [`PutBackError`].
    pub fn put_back_key(
        options: EngineOptions,
        file: &[u8],
        opener: &Opener,
    ) -> Result<PutBack, PutBackError> {
        let returned = Returned::open(file, opener)?;
        let unlocked = Unlocked::open(&options)?;
        let shelves = Shelves::new(
            &options.directory.join("shelves"),
            &options.store,
            Arc::clone(&unlocked.in_use),
        );
        let (sweeps, _) = Sweeps::load(Arc::clone(&unlocked.catalog)).map_err(RouterError::from)?;
        let router = Router::new(
            shelves,
            unlocked.keyring,
            unlocked.catalog,
            Arc::new(sweeps),
            1,
            Arc::new(Metrics::default()),
        )?;
        let record = router.put_back_key(&returned)?;
        Ok(PutBack {
            tenant: record.id.as_str().to_owned(),
            generation: returned.generation().0,
        })
    }
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        RouterError::from(error).into()
    }
}

/// Why a key wasn't put back.
#[derive(Debug, thiserror::Error)]
pub enum PutBackError {
    /// The file doesn't open.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// The data directory doesn't open.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The key isn't one that is missing.
    #[error(transparent)]
    Router(#[from] RouterError),
}
