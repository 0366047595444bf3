//! How much a tenant's partition is used, to tell which one to close: a count of its uses that fades.
//!
//! A use counts half after so many uses of all partitions together (LRFU, Lee et al. 2001). So a tenant
//! that asks more often than the others stays open, however many others are asked now and then, and
//! one that has stopped doesn't stay open for what it did once.
//!
//! What is kept is the logarithm to base 2 of the sum of `2^t` over the times of the uses, in half-lives.
//! It only grows with each use, and two of them can be compared at any time, since all fade alike.
//! Called by: `router`.

use std::sync::atomic::{AtomicU64, Ordering};

/// The uses of all partitions: a clock for how they fade.
#[derive(Debug)]
pub(super) struct UseClock {
    uses: AtomicU64,
    half_life: f64,
}

impl UseClock {
    /// For a node that keeps so many partitions open.
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
    pub(super) fn new(open_max: usize) -> Self {
        Self {
            uses: AtomicU64::new(0),
            half_life: (open_max.max(1) as f64) * USES_OF_EACH,
        }
    }

    /// The time of one more use, in half-lives.
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
    pub(super) fn tick(&self) -> f64 {
        self.uses.fetch_add(1, Ordering::Relaxed) as f64 / self.half_life
    }
}

/// One partition's uses.
#[derive(Debug, Default)]
pub(super) struct Uses(AtomicU64);

impl Uses {
    /// Counts one at this time, in half-lives.
    pub(super) fn count(&self, at: f64) {
        let add = |before: u64| {
            let before = f64::from_bits(before);
            let (less, more) = (before.min(at), before.max(at));
            Some((more + (less - more).exp2().ln_1p() / std::f64::consts::LN_2).to_bits())
        };
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// How much it was used of late: more is more.
    pub(super) fn rank(&self) -> u64 {
        // Floats that aren't negative are in the order of their bits.
        self.0.load(Ordering::Relaxed)
    }
}

/// Uses of each partition that is open until one use counts half.
const USES_OF_EACH: f64 = 64.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_used_more_often_is_ahead_whoever_was_used_last() {
        let clock = UseClock::new(8);
        let (often, seldom, never) = (Uses::default(), Uses::default(), Uses::default());
        for round in 0..3_000 {
            for use_of in 0..10 {
                let at = clock.tick();
                match use_of {
                    3 | 6 => often.count(at),
                    9 => seldom.count(at),
                    _ => {}
                }
            }
            if round > 100 {
                assert!(often.rank() > seldom.rank(), "in round {round}");
            }
        }
        assert!(seldom.rank() > never.rank());
    }

    #[test]
    fn who_has_stopped_falls_behind() {
        let clock = UseClock::new(8);
        let (before, since) = (Uses::default(), Uses::default());
        for _ in 0..100_000 {
            before.count(clock.tick());
        }
        for _ in 0..10 {
            for _ in 0..512 {
                clock.tick();
            }
            since.count(clock.tick());
        }
        assert!(since.rank() > before.rank());
    }

    #[test]
    fn a_count_keeps_its_order_after_a_billion_uses() {
        let clock = UseClock::new(1);
        clock.uses.store(1_000_000_000_000, Ordering::Relaxed);
        let (twice, once) = (Uses::default(), Uses::default());
        let at = clock.tick();
        twice.count(at);
        twice.count(at);
        once.count(at);
        assert!(twice.rank() > once.rank());
    }
}
