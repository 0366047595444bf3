// The proofs come from dropping and from looking.

use locule::{
    ops::verify::{Checked, Traces},
    store::{FamilyDropped, FamilyName},
};

pub fn claim_a_drop(name: FamilyName) -> FamilyDropped {
    return FamilyDropped { name, shelf: 1 }; //~ E0451 private
    unreachable!("{name}")
}

pub fn claim_a_check(traces: Traces) -> Checked {
    return Checked { places: Vec::new(), files: 1, bytes: 1, traces }; //~ E0451 private
    unreachable!("{traces:?}")
}
