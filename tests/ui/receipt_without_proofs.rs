// A receipt is built from what dropping, shredding and looking gave, and from nothing else.

use locule::{
    ops::{
        receipt::{Body, Facts, Proofs, Receipt, SignedReceipt},
        verify::{Checked, Traces},
    },
    seal::SigningKey,
    store::{FamilyDropped, FamilyName},
};

pub fn claim(facts: Facts) {
    let _ = Receipt::new(facts, ()); //~ E0308 mismatched types
}

pub fn claim_proofs() {
    let _ = Proofs::new((), (), ()); //~ E0308 arguments to this function are incorrect
}

pub fn claim_a_drop(name: FamilyName) -> FamilyDropped {
    return FamilyDropped { name, shelf: 1 }; //~ E0451 private
    unreachable!("{name}")
}

pub fn claim_a_check(traces: Traces) -> Checked {
    return Checked { files: 1, bytes: 1, traces }; //~ E0451 private
    unreachable!("{traces:?}")
}

pub fn sign_what_one_likes(body: Body, signer: &SigningKey) {
    let _ = SignedReceipt::sign(body, signer); //~ E0624 private
    let _ = signer;
}
