// No grant, no data: a tenant's number isn't enough.

use locule::{
    access::{Grant, Read},
    partition::Partition,
    router::Router,
    tenant::{CollectionName, TenantUuid},
};

pub fn read(
    router: &Router,
    partition: &Partition,
    tenant: TenantUuid,
    name: &CollectionName,
    grant: &Grant<Read>,
) {
    let _ = router.partition(tenant); //~ E0308 mismatched types
    let _ = partition.retrieve(tenant, name, &[]); //~ E0308 mismatched types
    let _ = (router.partition(grant), partition.retrieve(grant, name, &[]));
    let _ = tenant;
}
