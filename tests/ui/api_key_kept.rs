// An API key is shown once; what may be kept is its hash.

use locule::{
    access::{ApiKey, ApiKeyRecord, Presented},
    store::{Catalog, CatalogKind},
};

const KIND: CatalogKind = CatalogKind::ApiKey;

fn is_clone<T: Clone>() {}

pub fn keep(catalog: &Catalog, key: &ApiKey, presented: &Presented, record: &ApiKeyRecord) {
    let _ = catalog.put(KIND, [0; 16], key); //~ E0277 ApiKey: serde::Serialize` is not satisfied
    let _ = catalog.put(KIND, [0; 16], presented); //~ E0277 Presented: serde::Serialize` is not satisfied
    is_clone::<ApiKey>(); //~ E0277 ApiKey: Clone` is not satisfied
    let _ = &key.text; //~ E0616 field `text`
    let _ = &presented.0; //~ E0616 field `0`
    let _ = format!("{key}"); //~ E0277 ApiKey` doesn't implement `std::fmt::Display`
    is_clone::<u8>();
    let _ = (catalog.put(KIND, [0; 16], record), key, presented);
}
