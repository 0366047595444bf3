//! Which tenants are swept now, and how long the next look can wait.
//!
//! Decides from what it is handed, the time included, and does nothing itself. A tenant whose sweep
//! fails is tried again later and later, so that one damaged tenant doesn't keep the others waiting.
//! Called by: `engine`.

use std::{collections::HashMap, time::Duration};

use crate::{clock::Timestamp, tenant::TenantUuid};

/// The sweeps that failed, and when each is tried again.
#[derive(Debug, Default)]
pub struct Rounds {
    failed: HashMap<TenantUuid, Failure>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    times: u32,
    again: Timestamp,
}

/// One look at what is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Round {
    /// To be swept, the longest due first.
    pub due: Vec<TenantUuid>,
    /// How long until the next look.
    pub wait: Duration,
}

impl Rounds {
    /// What is due of these tenants, each with the time of its next sweep.
    pub fn look(
        &mut self,
        noted: impl IntoIterator<Item = (TenantUuid, Timestamp)>,
        now: Timestamp,
    ) -> Round {
        let (mut due, mut next) = (Vec::new(), now.plus(WAIT_MAX));
        for (tenant, at) in noted {
            let again = self.failed.get(&tenant).map(|failure| failure.again);
            let from = again.map_or(at, |again| again.max(at));
            if from <= now {
                due.push((at, tenant));
            } else {
                next = next.min(from);
            }
        }
        due.sort_unstable();
        let wait = Duration::from_millis(next.0.saturating_sub(now.0)).max(WAIT_MIN);
        Round {
            due: due.into_iter().map(|(_, tenant)| tenant).collect(),
            wait,
        }
    }

    /// A tenant was swept.
    pub fn swept(&mut self, tenant: TenantUuid) {
        self.failed.remove(&tenant);
    }

    /// A tenant's sweep failed.
    pub fn failed(&mut self, tenant: TenantUuid, now: Timestamp) {
        let times = self.failed.get(&tenant).map_or(0, |failure| failure.times);
        let pause = RETRY_FIRST.saturating_mul(1 << times.min(DOUBLINGS_MAX));
        let failure = Failure {
            times: times + 1,
            again: now.plus(pause),
        };
        self.failed.insert(tenant, failure);
    }
}

/// Longest wait: the machine's clock may be set.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Shortest wait, so that what can't be done isn't tried without end.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// How long after its first failure a sweep is tried again; then twice as long, each time.
const RETRY_FIRST: Duration = Duration::from_secs(60);
/// ... up to half an hour or so.
const DOUBLINGS_MAX: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: u8) -> TenantUuid {
        TenantUuid::from_bytes([number; 16])
    }

    #[test]
    fn what_is_due_is_swept_the_longest_due_first_and_the_wait_is_for_the_next() {
        let noted = [(1, 300), (2, 100), (3, 200), (4, 10_201)];
        let noted = noted.map(|(number, at)| (tenant(number), Timestamp(at)));
        let mut rounds = Rounds::default();
        let round = |rounds: &mut Rounds, now| rounds.look(noted, Timestamp(now));
        assert_eq!(round(&mut rounds, 99).due, []);
        let at = round(&mut rounds, 201);
        assert_eq!((at.due, at.wait), (vec![tenant(2), tenant(3)], WAIT_MIN));
        let at = round(&mut rounds, 300);
        assert_eq!(at.due, [tenant(2), tenant(3), tenant(1)]);
        assert_eq!(at.wait, Duration::from_millis(9_901));
        assert_eq!(rounds.look([], Timestamp(0)).wait, WAIT_MAX);
    }

    #[test]
    fn a_sweep_that_fails_is_tried_again_later_and_later_and_holds_up_no_other() {
        let noted = [(tenant(1), Timestamp(0)), (tenant(2), Timestamp(5))];
        let mut rounds = Rounds::default();
        rounds.failed(tenant(1), Timestamp(10));
        assert_eq!(rounds.look(noted, Timestamp(60_009)).due, [tenant(2)]);
        assert_eq!(
            rounds.look(noted, Timestamp(60_010)).due,
            [tenant(1), tenant(2)]
        );
        rounds.failed(tenant(1), Timestamp(60_010));
        assert_eq!(rounds.look(noted, Timestamp(180_009)).due, [tenant(2)]);
        assert_eq!(rounds.look(noted, Timestamp(180_010)).due.len(), 2);
        for _ in 0..100 {
            rounds.failed(tenant(1), Timestamp(0));
        }
        assert_eq!(rounds.look(noted, Timestamp(32 * 60_000)).due.len(), 2);
        rounds.swept(tenant(1));
        assert_eq!(rounds.look(noted, Timestamp(10)).due.len(), 2);
    }
}
