//! The compliance report: how a tenant is kept, from what is so now.

use std::sync::Arc;

use super::{Engine, Error, ErrorKind};
use crate::{
    access::{Grant, KnownKey, ManageTenants, Policy, Principal, ReadAudit, ReadUsage},
    audit::{AuditOptions, Checkpoint, Forged},
    clock::Timestamp,
    ops::{
        backup::{BackupRecord, BackupState},
        erase::Erasure,
    },
    partition::CollectionRetention,
    router::TenantRecord,
    seal,
    tenant::{TenantId, TenantUuid},
};

/// How a tenant is kept.
#[derive(Debug)]
pub struct ComplianceReport {
    /// When this was so.
    pub made: Timestamp,
    /// The tenant.
    pub tenant: Arc<TenantRecord>,
    /// Its policy.
    pub policy: Policy,
    /// Its keys.
    pub keys: Vec<Arc<KnownKey>>,
    /// What it has stored, and how that is kept: for the tenant's own eyes.
    pub own: Option<Own>,
    /// Whether values are encrypted. Only a build for benches doesn't, and that doesn't serve.
    pub encrypts: bool,
    /// The audit log's part of it.
    pub audit: AuditCoverage,
}

/// What a tenant has stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// Its collections.
    pub collections: usize,
    /// Its points.
    pub points: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
}

/// What a tenant's own people are told beyond what its operator is.
#[derive(Debug)]
pub struct Own {
    /// What it has stored.
    pub stored: Stored,
    /// Its collections that have a retention.
    pub retentions: Vec<CollectionRetention>,
    /// How many of its backups can be restored.
    pub backups: usize,
    /// The last of those.
    pub last_backup: Option<BackupRecord>,
    /// Its erasures, the last first.
    pub erasures: Vec<Erasure>,
}

/// What of a tenant's acts is recorded, and until when.
#[derive(Debug)]
pub struct AuditCoverage {
    /// How the log is kept.
    pub options: AuditOptions,
    /// Entries in the tenant's own chain.
    pub entries: u64,
    /// Where that chain ends, signed.
    pub checkpoint: String,
}

impl AuditCoverage {
    /// The id of the key that signed the checkpoint.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn signer(&self) -> Result<String, Forged> {
        let (_, signer) = Checkpoint::read(&self.checkpoint, None)?;
        Ok(signer.id().to_string())
    }
}

impl Engine {
    /// How the principal's own tenant is kept.
    ///
    /// # Errors
    /// [`Error`].
    pub fn report(&self, principal: &Principal) -> Result<ComplianceReport, Error> {
        let grant: Grant<ReadAudit> = self.check(principal, None)?;
        let own = self.router.own_record(grant.tenant());
        let record = own.ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no tenant"))?;
        let usage: Grant<ReadUsage> = self.check(principal, None)?;
        let partition = self.partition(principal, &usage)?;
        let (collections, points, disk_bytes, _) = partition.usage(&usage)?;
        let mut backups = self.backups.list(record.uuid);
        backups.retain(|backup| backup.state == BackupState::Done);
        let mut erasures = self.erasures.of_tenant(record.uuid);
        erasures.reverse();
        let own = Own {
            stored: Stored {
                collections,
                points,
                disk_bytes,
            },
            retentions: partition.retentions_reported(&grant)?,
            backups: backups.len(),
            last_backup: backups.into_iter().max_by_key(|backup| backup.made),
            erasures,
        };
        self.report_of(record, Some(own))
    }

    /// How a tenant is kept, for its operator: without what it has stored.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn report_about(
        &self,
        principal: &Principal,
        id: &TenantId,
    ) -> Result<ComplianceReport, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        let record = self.router.record(&grant, id)?;
        self.report_of(record, None)
    }

    fn report_of(
        &self,
        tenant: Arc<TenantRecord>,
        own: Option<Own>,
    ) -> Result<ComplianceReport, Error> {
        let made = self.clock.now();
        let (end, checkpoint) = self.audit.signed_end_of(made, Some(tenant.id.as_str()))?;
        let uuid: TenantUuid = tenant.uuid;
        Ok(ComplianceReport {
            made,
            policy: self.router.policy(uuid),
            keys: self.gate.keys().of_tenant(uuid),
            own,
            encrypts: seal::ENCRYPTS,
            audit: AuditCoverage {
                options: self.audit.options(),
                entries: end.seq,
                checkpoint,
            },
            tenant,
        })
    }
}
