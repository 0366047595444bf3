// Nor does it come out of a decoder, or can its bytes be changed.

use locule::{
    seal::Sealed,
    store::{Catalog, CatalogKind},
};

pub fn decode(catalog: &Catalog, mut sealed: Sealed) {
    let _ = catalog.load::<Sealed>(CatalogKind::Tenant); //~ E0277 Sealed: serde::de::DeserializeOwned` is not satisfied
    let _ = Sealed::default(); //~ E0599 named `default` found for struct `Sealed`
    sealed.0.clear(); //~ E0616 field `0`
    let _ = (catalog, CatalogKind::Tenant, &mut sealed);
}
