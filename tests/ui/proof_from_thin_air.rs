// The proof that a key was shredded comes from shredding it.

use locule::{
    seal::KeyShredded,
    tenant::{Generation, TenantUuid},
};

pub fn claim(tenant: TenantUuid, generation: Generation) -> KeyShredded {
    return KeyShredded { tenant, generation, wrapped_sample: None }; //~ E0451 private field
    unreachable!("{tenant:?} {generation:?}")
}
