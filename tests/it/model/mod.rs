//! What a node answers is what a map and a naive scan would, whatever was done to it before.

mod filter;
mod graph;
mod oracle;
mod random;
mod step;
mod subject;

use proptest::{prelude::*, test_runner::Config};

use self::{step::Step, subject::Subject};

proptest! {
    #![proptest_config(Config {
        cases: 72,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn a_node_answers_as_a_map_and_a_naive_scan_would(
        steps in prop::collection::vec(step::any_step(), 30..60)
    ) {
        let mut subject = Subject::start();
        for step in steps {
            subject.take(step);
        }
        // Whatever was left unread is read at last, from memory and from disk.
        subject.check_everything();
        subject.take(Step::Reopen);
        subject.check_everything();
    }
}
