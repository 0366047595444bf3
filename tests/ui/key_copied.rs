// A key is asked to do work: it can't be copied, nor made up.

use locule::seal::{DataKey, GenerationKey, HashKey, RootKey};

fn is_clone<T: Clone>() {}
fn is_default<T: Default>() {}

pub fn copy() {
    is_clone::<RootKey>(); //~ E0277 RootKey: Clone` is not satisfied
    is_clone::<GenerationKey>(); //~ E0277 GenerationKey: Clone` is not satisfied
    is_clone::<DataKey>(); //~ E0277 DataKey: Clone` is not satisfied
    is_clone::<HashKey>(); //~ E0277 HashKey: Clone` is not satisfied
    is_default::<RootKey>(); //~ E0277 RootKey: Default` is not satisfied
    is_default::<GenerationKey>(); //~ E0277 GenerationKey: Default` is not satisfied
    is_default::<DataKey>(); //~ E0277 DataKey: Default` is not satisfied
    is_clone::<u8>();
    is_default::<u8>();
}
