// One act, one set of proofs.

use locule::{ops::receipt::Proofs, ops::verify::Checked, seal::KeyShredded, store::FamilyDropped};

pub fn twice(family: FamilyDropped, key: KeyShredded, checked: Checked) {
    let _ = Proofs::new(family, key, checked);
    let _ = Proofs::new(family, key, checked); //~ E0382 use of moved value
}
