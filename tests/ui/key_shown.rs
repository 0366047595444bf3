// No bytes of a key can be had: not printed, not borrowed, not read from a field.

use locule::seal::{DataKey, GenerationKey, HashKey, RootKey};

fn is_display<T: std::fmt::Display>() {}
fn is_hex<T: std::fmt::LowerHex>() {}
fn is_bytes<T: AsRef<[u8]>>() {}

pub fn show(root: &RootKey, generation: &GenerationKey, data: &DataKey, hash: &HashKey) {
    is_display::<RootKey>(); //~ E0277 RootKey` doesn't implement `std::fmt::Display`
    is_display::<GenerationKey>(); //~ E0277 GenerationKey` doesn't implement `std::fmt::Display`
    is_display::<DataKey>(); //~ E0277 DataKey` doesn't implement `std::fmt::Display`
    is_hex::<DataKey>(); //~ E0277 DataKey: LowerHex` is not satisfied
    is_bytes::<RootKey>(); //~ E0277 RootKey: AsRef<[u8]>` is not satisfied
    is_bytes::<GenerationKey>(); //~ E0277 GenerationKey: AsRef<[u8]>` is not satisfied
    is_bytes::<DataKey>(); //~ E0277 DataKey: AsRef<[u8]>` is not satisfied
    let _ = &root.cipher; //~ E0616 field `cipher`
    let _ = &generation.secret; //~ E0616 field `secret`
    let _ = &data.cipher; //~ E0616 field `cipher`
    let _ = &hash.0; //~ E0616 field `0`
    is_display::<u8>();
    is_hex::<u8>();
    is_bytes::<[u8; 1]>();
    let _ = (root, generation, data, hash);
}
