// A receipt is built from proofs, and nothing else is signed as one.

use locule::{
    ops::receipt::{Body, Facts, Proofs, Receipt, SignedReceipt},
    seal::SigningKey,
};

pub fn claim(facts: Facts) {
    let _ = Receipt::new(facts, ()); //~ E0308 mismatched types
}

pub fn claim_proofs() {
    let _ = Proofs::new((), (), ()); //~ E0308 arguments to this function are incorrect
}

pub fn sign_what_one_likes(body: Body, signer: &SigningKey) {
    let _ = SignedReceipt::sign(body, signer); //~ E0624 private
    let _ = signer;
}
