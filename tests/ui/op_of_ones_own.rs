// The kinds of acts are those that the table of roles knows.

use locule::access::{Action, Op};

pub enum ReadEverything {}

impl Op for ReadEverything { const ACTION: Action = Action::Search; } //~ E0277 ReadEverything: access::grant::sealed::Sealed` is not satisfied

pub fn action<O: Op>() -> Action {
    O::ACTION
}
