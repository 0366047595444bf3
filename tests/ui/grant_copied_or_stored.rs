// An act that is granted once happens once: a grant can be neither copied nor written down.

use locule::{
    access::{Grant, Read},
    store::{Catalog, CatalogKind},
};

fn is_clone<T: Clone>() {}

pub fn keep(catalog: &Catalog, grant: &Grant<Read>) {
    is_clone::<Grant<Read>>(); //~ E0277 Read>: Clone` is not satisfied
    let _ = catalog.put(CatalogKind::ApiKey, [0; 16], grant); //~ E0277 Read>: serde::Serialize` is not satisfied
    let _ = catalog.load::<Grant<Read>>(CatalogKind::ApiKey); //~ E0277 Read>: serde::de::DeserializeOwned` is not satisfied
    let _ = (catalog.load::<u8>(CatalogKind::ApiKey), grant);
    is_clone::<u8>();
}
