// One act, one receipt.

use locule::{
    ops::{
        receipt::{Facts, Receipt},
        verify::Checked,
    },
    seal::KeyShredded,
    store::FamilyDropped,
};

pub fn twice(facts: Facts, family: FamilyDropped, key: KeyShredded, checked: Checked) {
    let _ = Receipt::new(facts.clone(), family, key, checked);
    let _ = Receipt::new(facts, family, key, checked); //~ E0382 use of moved value
}
