//! What a node answers is what a map and a naive scan would, whatever was done to it before.

mod asked;
mod changes;
mod filter;
mod filters_at_size;
mod graph;
mod indexes;
mod oracle;
mod random;
mod retention;
mod segments;
mod step;
mod subject;

use std::thread;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use self::{step::Step, subject::Subject};

#[test]
fn a_node_answers_as_a_map_and_a_naive_scan_would() {
    let config = Config {
        cases: CASES / WORKERS,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..Config::default()
    };
    // Most of the time goes by waiting for the disk: that can be done side by side.
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            let config = config.clone();
            scope.spawn(|| TestRunner::new(config).run(&steps(), check).unwrap());
        }
    });
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step::any_step(), 30..60)
}

fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut subject = Subject::start();
    for step in steps {
        subject.take(step);
    }
    // Whatever was left unread is read at last, from memory and from disk.
    subject.check_everything();
    subject.take(Step::Reopen);
    subject.check_everything();
    subject.check_all_is_told();
    Ok(())
}

const CASES: u32 = 128;
const WORKERS: u32 = 4;
