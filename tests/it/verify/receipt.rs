//! A receipt counts as it was signed, and in no other form.

use locule::{
    ops::{
        Hex, canonical,
        receipt::{Proofs, Receipt, ReceiptError, SignedReceipt},
        verify::{Traces, check},
    },
    seal::VerifyingKey,
    tenant::Generation,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Erased, FAMILY, TENANT, THREADS, canaries, facts, scope};

const GOLDEN: &[u8] = include_bytes!("../../golden/receipt.v2.json");
const GOLDEN_V1: &[u8] = include_bytes!("../../golden/receipt.v1.json");

#[test]
fn a_receipt_says_what_was_done_and_who_signed() {
    let erased = Erased::begin();
    let noted = erased
        .keyring
        .wrapped_sample(TENANT, Generation(3))
        .unwrap();
    let signed = erased.receipt(facts());
    let body = signed.body();
    let signer = erased.signer().verifying_key();
    assert_eq!(signed.signer(), signer);
    assert_eq!(body.node, Hex(signer.id().0));
    assert_eq!(body.family.dropped, Hex(FAMILY.0));
    assert_eq!(body.key.file, format!("{}.3.key", "07".repeat(16)));
    assert_eq!(body.key.wrapped_sample, noted.map(Hex));
    assert!(noted.is_some());
    assert_eq!(
        (body.generation.dropped, body.generation.successor),
        (3, Some(4))
    );
    assert_eq!(body.canaries, canaries());
    let text = String::from_utf8(signed.document().to_vec()).unwrap();
    assert!(!text.contains("ada@example.org"), "{text}");
    assert_eq!(SignedReceipt::parse(signed.document()).unwrap(), signed);
}

#[test]
fn the_golden_receipts_are_read_to_the_last_field() {
    golden(GOLDEN_V1, 1, None);
    let backups = format!("backups/{}", "07".repeat(16));
    let places = ["catalog", "keys", "shelves/000005", &backups];
    golden(GOLDEN, 2, Some(places.map(str::to_owned).to_vec()));
}

fn golden(file: &[u8], version: u8, places: Option<Vec<String>>) {
    let signed = SignedReceipt::parse(file).unwrap();
    assert_eq!([signed.document(), b"\n"].concat(), file);
    let (body, facts) = (signed.body(), facts());
    // The key of RFC 8032's first test signed it, by another implementation of both standards.
    let key: Hex<32> = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        .parse()
        .unwrap();
    assert_eq!(signed.signer(), VerifyingKey::from_bytes(&key.0).unwrap());
    assert_eq!(body.version, version);
    assert_eq!(body.id, facts.id);
    assert_eq!(body.tenant, facts.tenant);
    assert_eq!(body.tenant_uuid, Hex([7; 16]));
    assert_eq!(body.requested, facts.requested);
    assert_eq!(body.scope, facts.scope);
    assert_eq!(body.points, facts.points);
    assert_eq!(body.collections, facts.collections);
    assert_eq!(body.generation.dropped, 3);
    assert_eq!(body.generation.successor, Some(4));
    assert_eq!(body.family.dropped, Hex(FAMILY.0));
    assert_eq!(body.family.shelf, 5);
    assert_eq!(body.key.wrapped_sample, Some(Hex([0x5a; 24])));
    assert_eq!(body.canaries, canaries());
    assert_eq!(body.copies, facts.copies);
    assert_eq!((body.checked.files, body.checked.bytes), (120, 987_654_321));
    assert_eq!(body.checked.places, places);
    assert_eq!(body.steps, facts.steps);
    assert_eq!(body.audit, facts.audit);
    assert_eq!(body.previous, Some(Hex([0xef; 32])));
    assert!(signed.is_about(&scope()));
}

#[test]
fn a_receipt_of_which_any_byte_was_changed_is_refused() {
    for at in 0..GOLDEN.len() {
        for bit in 0..8 {
            let mut changed = GOLDEN.to_vec();
            changed[at] ^= 1 << bit;
            assert!(
                SignedReceipt::parse(&changed).is_err(),
                "byte {at}, bit {bit}"
            );
        }
        assert!(SignedReceipt::parse(&GOLDEN[..at]).is_err() || at == GOLDEN.len() - 1);
        let mut without = GOLDEN.to_vec();
        without.remove(at);
        assert!(SignedReceipt::parse(&without).is_err() || at == GOLDEN.len() - 1);
    }
}

#[test]
fn a_receipt_that_says_the_same_in_another_form_is_refused() {
    let value: Value = serde_json::from_slice(GOLDEN).unwrap();
    let mut more = value.clone();
    more["receipt"]["note"] = json!("a field that nobody knows");
    let mut beside = value.clone();
    beside["comment"] = json!(1);
    let mut less = value.clone();
    less["receipt"].as_object_mut().unwrap().remove("previous");
    let mut null = value.clone();
    null["receipt"]["steps"] = Value::Null;
    for form in [
        serde_json::to_vec_pretty(&value).unwrap(),
        [b" ", GOLDEN].concat(),
        [GOLDEN, b"\n"].concat(),
        [GOLDEN, GOLDEN].concat(),
        canonical::bytes(&more).unwrap(),
        canonical::bytes(&beside).unwrap(),
        canonical::bytes(&less).unwrap(),
        canonical::bytes(&null).unwrap(),
        canonical::bytes(&value["receipt"]).unwrap(),
    ] {
        let refused = SignedReceipt::parse(&form);
        assert!(refused.is_err(), "{}", String::from_utf8_lossy(&form));
    }
    let pretty = SignedReceipt::parse(&serde_json::to_vec_pretty(&value).unwrap()).unwrap_err();
    assert!(matches!(pretty, ReceiptError::NotCanonical), "{pretty}");
}

#[test]
fn another_key_cannot_take_a_receipt_over() {
    let (ours, theirs) = (Erased::begin(), Erased::begin());
    let document = |erased: &Erased| -> Value {
        serde_json::from_slice(erased.receipt(facts()).document()).unwrap()
    };
    let (ours, theirs) = (document(&ours), document(&theirs));
    for part in ["receipt", "signature"] {
        let mut mixed = ours.clone();
        mixed[part] = theirs[part].clone();
        let refused = SignedReceipt::parse(&canonical::bytes(&mixed).unwrap()).unwrap_err();
        assert!(matches!(refused, ReceiptError::Signer), "{refused}");
    }
    // The name of the other key as well: then the signature is what tells.
    let mut renamed = ours.clone();
    renamed["signature"] = theirs["signature"].clone();
    renamed["receipt"]["node"] = theirs["receipt"]["node"].clone();
    let refused = SignedReceipt::parse(&canonical::bytes(&renamed).unwrap()).unwrap_err();
    assert!(matches!(refused, ReceiptError::Signature(_)), "{refused}");
}

#[test]
fn receipts_of_a_tenant_form_a_chain() {
    let erased = Erased::begin();
    let first = erased.receipt(facts());
    let mut next = facts();
    next.previous = Some(first.hash());
    let second = Erased::begin().receipt(next);
    assert!(second.follows(&first));
    assert!(!first.follows(&second) && !first.follows(&first));
    assert!(!second.follows(&Erased::begin().receipt(facts())));
}

#[test]
fn a_receipt_is_about_the_scope_that_was_asked_and_no_other() {
    let signed = Erased::begin().receipt(facts());
    let reordered: Value = serde_json::from_str(
        r#"{ "subject": { "value": "ada@example.org", "field": "user.email" } }"#,
    )
    .unwrap();
    assert!(signed.is_about(&reordered));
    let other = json!({"subject": {"field": "user.email", "value": "adb@example.org"}});
    assert!(!signed.is_about(&other));
}

#[test]
fn a_receipt_is_not_given_for_a_check_of_something_else() {
    let (one, other) = (Erased::begin(), Erased::begin());
    std::fs::create_dir(one.path("empty")).unwrap();
    let (family, key) = one.acts();
    let (_, another_key) = other.acts();
    // The same names, but another key was in the file.
    let traces = Traces::new(&family, &another_key, canaries());
    let checked = check(&one.path(""), vec!["empty".to_owned()], traces, THREADS).unwrap();
    let refused = Proofs::new(family, key, checked).unwrap_err();
    assert!(matches!(refused, ReceiptError::AnotherCheck), "{refused}");
}

#[test]
fn a_receipt_with_a_number_that_json_cannot_hold_is_not_signed() {
    let erased = Erased::begin();
    std::fs::create_dir(erased.path("empty")).unwrap();
    let (family, key) = erased.acts();
    let traces = Traces::new(&family, &key, canaries());
    let checked = check(&erased.path(""), vec!["empty".to_owned()], traces, THREADS).unwrap();
    let mut facts = facts();
    facts.points = 1 << 53;
    let proofs = Proofs::new(family, key, checked).unwrap();
    let receipt = Receipt::new(facts, &proofs).unwrap();
    let refused = receipt.sign(&erased.signer()).unwrap_err();
    assert!(matches!(refused, ReceiptError::Canonical(_)), "{refused}");
}

#[test]
fn shredding_again_keeps_the_sample_that_was_noted() {
    let erased = Erased::begin();
    let noted = erased
        .keyring
        .wrapped_sample(TENANT, Generation(3))
        .unwrap();
    let file = erased.path(&format!("ring/{}.3.key", "07".repeat(16)));
    let length = std::fs::metadata(&file).unwrap().len();
    // A crash between overwriting and unlinking, and a key that was being written anew.
    std::fs::write(&file, vec![0; usize::try_from(length).unwrap()]).unwrap();
    let temporary = file.with_extension("tmp");
    std::fs::write(&temporary, b"a wrapped key").unwrap();
    let shredded = erased.keyring.shred(TENANT, Generation(3)).unwrap();
    assert_eq!(shredded.wrapped_sample(), None);
    assert_eq!(shredded.or_sample(noted).wrapped_sample(), noted);
    assert!(!file.exists() && !temporary.exists());
    let again = erased.keyring.shred(TENANT, Generation(3)).unwrap();
    assert_eq!(again.wrapped_sample(), None);
}

/// Small changes to JSON text, such as a fuzzer would make.
fn mutations() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 11] = [
        b"null",
        b"{}",
        b"[]",
        b"\"",
        b"1e9",
        b"-1",
        b"\\u0000",
        b"true",
        b",",
        b"99999999999999999999",
        b"\xff",
    ];
    let pieces = prop::sample::select(pieces.to_vec());
    let edits =
        proptest::collection::vec((any::<prop::sample::Index>(), 0..40_usize, pieces), 1..4);
    edits.prop_map(|edits| {
        let mut bytes = GOLDEN.to_vec();
        for (at, length, piece) in edits {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + length);
            bytes.splice(at..end, piece.iter().copied());
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_accept(bytes in mutations()) {
        prop_assume!(bytes != GOLDEN);
        prop_assert!(SignedReceipt::parse(&bytes).is_err());
    }

    #[test]
    fn nothing_that_is_not_a_receipt_is_taken_for_one(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(SignedReceipt::parse(&bytes).is_err());
    }
}
