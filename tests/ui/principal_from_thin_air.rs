// A principal comes from a verified credential and from nothing else.

use std::sync::Arc;

use locule::{
    access::{ApiKeyRecord, KeyTable, KnownKey, Origin, Presented, Principal},
    clock::Timestamp,
    store::{Catalog, CatalogKind},
};

pub fn forge(key: Arc<KnownKey>, keys: &KeyTable, presented: &Presented, catalog: &Catalog) {
    let _ = Principal::new(key.clone(), Origin::default(), 0); //~ E0624 associated function `new` is private
    let _ = keys.recognise(presented); //~ E0624 method `recognise` is private
    let _ = catalog.load::<Principal>(CatalogKind::ApiKey); //~ E0277 Principal: serde::de::DeserializeOwned` is not satisfied
    let _ = (key, keys, presented, catalog.load::<ApiKeyRecord>(CatalogKind::ApiKey), Timestamp(0));
}
