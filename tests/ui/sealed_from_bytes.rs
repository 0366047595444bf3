// What is sealed comes from sealing: bytes that claim to be sealed are still bytes.

use locule::seal::Sealed;

pub fn claim(plain: Vec<u8>) {
    let _ = Sealed(plain); //~ E0423 cannot initialize a tuple struct which contains private fields
    let _: Option<Sealed> = None;
    drop(plain);
}
