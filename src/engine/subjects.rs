//! Subjects of issuers that behaved oddly: not believed by their tenant, from any token of theirs, until
//! its owner resumes them.

use super::{Engine, Error, ErrorKind};
use crate::{
    access::{
        Bounds, Grant, ManageKeys, Principal, StoredSuspension, SubjectId, SuspendedSubject,
        WatchedId,
    },
    audit::Durability,
    router::TenantState,
    store::CatalogKind,
    tenant::TenantUuid,
};

impl Engine {
    /// The subjects that the principal's tenant doesn't believe, by their names.
    ///
    /// # Errors
    /// [`Error`].
    pub fn suspended_subjects(
        &self,
        principal: &Principal,
    ) -> Result<Vec<SuspendedSubject>, Error> {
        let grant: Grant<ManageKeys> = self.check(principal, None)?;
        Ok(self.tokens()?.suspensions().of_tenant(grant.tenant()))
    }

    /// Believes a subject of that name again. Its whole budget is there again, too.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's.
    pub fn resume_subject(
        &self,
        principal: &Principal,
        actor: &str,
    ) -> Result<SuspendedSubject, Error> {
        let grant: Grant<ManageKeys> = self.check(principal, None)?;
        // A subject is bound to nothing.
        self.may_hand_over(principal, &Bounds::default())?;
        self.record_act(principal, "resume_subject")?;
        let _changing = self.changing_keys.lock();
        let suspensions = self.tokens()?.suspensions();
        let mut subjects = suspensions.of_tenant(grant.tenant());
        subjects.retain(|subject| subject.actor == actor);
        let subject = subjects
            .pop()
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such suspended subject"))?;
        self.drop_suspensions(&[subject.id()])?;
        self.forget_behaviour(WatchedId::Subject(subject.id()))?;
        Ok(subject)
    }

    /// A subject isn't believed, from now on and after a restart.
    pub(super) fn suspend_subject(&self, principal: &Principal, id: SubjectId) {
        let (Some(tenant), Ok(tokens)) = (principal.tenant(), self.tokens()) else {
            return;
        };
        let _changing = self.changing_keys.lock();
        if tokens.suspensions().has(id) {
            return;
        }
        self.record_oddity(principal, "suspend_subject", Durability::Synced);
        let subject = SuspendedSubject {
            tenant,
            actor: principal.actor().into_owned(),
            since: self.clock.now(),
        };
        let stored = StoredSuspension::V1(subject.clone());
        // In memory in any case, as with keys.
        if let Err(error) =
            self.router
                .keep(CatalogKind::SuspendedSubject, id.catalog_id(), &stored)
        {
            let error = Error::from(error).chain();
            tracing::error!(
                error,
                "a subject's suspension couldn't be written down; it lasts until the node stops"
            );
        }
        tokens.suspensions().add(subject);
    }

    /// Forgets a tenant's, with the tenant.
    pub(super) fn forget_subjects_of(&self, tenant: TenantUuid) -> Result<(), Error> {
        let _changing = self.changing_keys.lock();
        let subjects = self.tokens()?.suspensions().of_tenant(tenant);
        let ids: Vec<_> = subjects.iter().map(SuspendedSubject::id).collect();
        self.drop_suspensions(&ids)
    }

    /// Forgets what the end of a tenant left behind.
    pub(super) fn forget_subjects_of_the_deleted(&self) -> Result<(), Error> {
        for tenant in self.tokens()?.suspensions().tenants() {
            let record = self.router.own_record(tenant);
            if record.is_none_or(|record| record.state == TenantState::Deleted) {
                self.forget_subjects_of(tenant)?;
            }
        }
        Ok(())
    }

    fn drop_suspensions(&self, ids: &[SubjectId]) -> Result<(), Error> {
        let stored: Vec<_> = ids.iter().map(|id| id.catalog_id()).collect();
        self.router
            .drop_kept(CatalogKind::SuspendedSubject, &stored)?;
        self.tokens()?.suspensions().remove(ids);
        Ok(())
    }
}
