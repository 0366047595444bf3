// A grant's fields are its own: none can be written down from outside.

use std::marker::PhantomData;

use locule::{
    access::{Grant, Read, Role},
    clock::Timestamp,
    tenant::TenantUuid,
};

pub fn forge(tenant: TenantUuid) -> Grant<Read> {
    return Grant { tenant, role: Role::Owner, collections: None, now: Timestamp(0), op: PhantomData }; //~ E0451 private field
    let _: PhantomData<Read> = PhantomData;
    unreachable!("{tenant:?} {:?}", Role::Owner)
}
