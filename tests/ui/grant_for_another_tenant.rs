// A grant that was given can't be turned into one for someone else.

use locule::{
    access::{Grant, Read},
    tenant::TenantUuid,
};

pub fn redirect(mut grant: Grant<Read>, other: TenantUuid) -> Grant<Read> {
    grant.tenant = other; //~ E0616 field `tenant`
    let _ = (&mut grant, other);
    grant
}
