// No key can be handed to an encoder, nor come out of a decoder.

use locule::{
    seal::{DataKey, GenerationKey, RootKey},
    store::{Catalog, CatalogKind},
};

const KIND: CatalogKind = CatalogKind::Tenant;

pub fn keep(catalog: &Catalog, root: &RootKey, generation: &GenerationKey, data: &DataKey) {
    let _ = catalog.put(KIND, [0; 16], root); //~ E0277 RootKey: serde::Serialize` is not satisfied
    let _ = catalog.put(KIND, [0; 16], generation); //~ E0277 GenerationKey: serde::Serialize` is not satisfied
    let _ = catalog.put(KIND, [0; 16], data); //~ E0277 DataKey: serde::Serialize` is not satisfied
    let _ = catalog.load::<RootKey>(KIND); //~ E0277 RootKey: serde::de::DeserializeOwned` is not satisfied
    let _ = catalog.load::<GenerationKey>(KIND); //~ E0277 GenerationKey: serde::de::DeserializeOwned` is not satisfied
    let _ = catalog.load::<DataKey>(KIND); //~ E0277 DataKey: serde::de::DeserializeOwned` is not satisfied
    let _ = catalog.put(KIND, [0; 16], &1_u8);
    let _ = (root, generation, data);
}
