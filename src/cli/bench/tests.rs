use std::time::Duration;

use super::tally::{Tally, percentile};

fn latencies(numbers: impl Iterator<Item = u64>) -> Vec<Duration> {
    numbers.map(Duration::from_micros).collect()
}

#[test]
fn percentiles_are_latencies_that_were_seen() {
    let hundred = latencies(1..=100);
    assert_eq!(percentile(&hundred, 50), Some(50));
    assert_eq!(percentile(&hundred, 99), Some(99));
    assert_eq!(percentile(&hundred[..1], 50), Some(1));
    assert_eq!(percentile(&hundred[..2], 99), Some(2));
    assert_eq!(percentile(&[], 99), None);
}

#[test]
fn the_report_adds_connections_up_and_knows_recall_only_of_known_answers() {
    let one = Tally {
        latencies: latencies((1..=3).rev()),
        known: 3,
        found: 2,
        ..Tally::default()
    };
    let two = Tally {
        latencies: latencies(4..=4),
        errors: 1,
        ..Tally::default()
    };
    let mut total = Tally::default();
    total.add(one);
    total.add(two);
    let report = total.report(Duration::from_secs(2), 2);
    assert_eq!(
        (report.queries, report.errors, report.p50_us, report.p99_us),
        (4, 1, Some(2), Some(4))
    );
    assert_eq!((report.qps, report.recall), (2.0, Some(0.6667)));
    assert_eq!(
        Tally::default().report(Duration::from_secs(1), 1).recall,
        None
    );
}
