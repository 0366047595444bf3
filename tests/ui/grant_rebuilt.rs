// Nor can one be rebuilt around another tenant.

use locule::{
    access::{Grant, Read},
    tenant::TenantUuid,
};

pub fn redirect(mut grant: Grant<Read>, other: TenantUuid) -> Grant<Read> {
    grant = Grant { tenant: other, ..grant }; //~ E0451 private field
    let _ = (&mut grant, other);
    grant
}
