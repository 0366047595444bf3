// A principal's fields are its own: none can be written down from outside.

use locule::access::{Origin, Principal};

pub fn forge(origin: Origin) -> Principal {
    return Principal { identity: unreachable!(), origin, request: 0, cost: unreachable!() }; //~ E0451 private field
    unreachable!("{origin:?}")
}
