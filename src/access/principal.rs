//! Who is asking. Made in this folder alone, from a verified credential.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{api_key::ApiKeyRecord, role::Role};
use crate::tenant::{TenantId, TenantUuid};

/// Someone with a verified credential.
#[derive(Clone, Debug)]
pub struct Principal {
    record: Arc<ApiKeyRecord>,
    ip: Option<IpAddr>,
    request: u64,
}

/// What a principal belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Scope {
    /// One tenant, and no other.
    Tenant(TenantUuid, TenantId),
    /// The node: no tenant's data at all.
    Node,
}

impl Principal {
    pub(in crate::access) const fn new(
        record: Arc<ApiKeyRecord>,
        ip: Option<IpAddr>,
        request: u64,
    ) -> Self {
        Self {
            record,
            ip,
            request,
        }
    }

    /// What it belongs to.
    pub fn scope(&self) -> &Scope {
        &self.record.scope
    }

    /// Its tenant's number, if it has a tenant.
    pub fn tenant(&self) -> Option<TenantUuid> {
        match &self.record.scope {
            Scope::Tenant(uuid, _) => Some(*uuid),
            Scope::Node => None,
        }
    }

    /// Its role.
    pub fn role(&self) -> Role {
        self.record.role
    }

    /// The record of its key: never the key.
    pub fn key(&self) -> &ApiKeyRecord {
        &self.record
    }

    /// Where it asks from.
    pub const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The request's number.
    pub const fn request(&self) -> u64 {
        self.request
    }
}
