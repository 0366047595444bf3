//! The table of roles and actions, as checked-in text.

use std::fmt::Write;

use locule::access::{Action, Role};

#[test]
fn the_table_of_roles_is_the_checked_in_one() {
    let mut table = format!("{:<20}", "action");
    for role in Role::ALL {
        write!(table, " {:<9}", role.name()).unwrap();
    }
    table = format!("{}\n", table.trim_end());
    for action in Action::ALL {
        let mut line = format!("{:<20}", action.name());
        for role in Role::ALL {
            write!(line, " {:<9}", if role.may(action) { "yes" } else { "-" }).unwrap();
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    let path = crate::harness::checkout("tests/golden/roles.txt");
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        table, golden,
        "to accept the new table, write it to tests/golden/roles.txt"
    );
}

#[test]
fn no_role_that_reaches_data_runs_the_node_and_the_operator_reaches_none() {
    for action in Action::ALL {
        assert_eq!(
            Role::Operator.may(action),
            NODE_S_OWN.contains(&action) || ANYONE_S.contains(&action),
            "{}",
            action.name()
        );
    }
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Operator) {
        for action in NODE_S_OWN {
            assert!(!role.may(action), "{} {}", role.name(), action.name());
        }
    }
    assert!(
        Role::Inference.neighbours_max() <= 100,
        "inference can't copy a corpus"
    );
}

/// What takes a credential and no more.
const ANYONE_S: [Action; 2] = [Action::TakeToken, Action::ReadSelf];
/// What is done to the node, and to no tenant's data.
const NODE_S_OWN: [Action; 4] = [
    Action::ManageTenants,
    Action::MakeRecoveryKey,
    Action::ReadNodeAudit,
    Action::RotateRoot,
];
