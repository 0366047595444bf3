//! Group commit: writers that come at the same time share one fsync.
//!
//! The first to come leads: it takes whatever has queued up, commits it in one batch, and answers
//! everyone. What queued up meanwhile is led by its own first. Nobody's answer waits for work that
//! came after it.
//!
//! A leader gives the writers that were there a moment ago the chance to come again before it
//! starts: they were answered only just now, and if they missed this commit, every second one
//! would be half empty. A writer that is alone never waits.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use crate::clock::Stopwatch;

/// A queue of jobs of type `J`, each answered with an `A`.
pub(super) struct CommitQueue<J, A> {
    state: Mutex<State<J, A>>,
    /// Told when as many writers have come as are expected.
    complete: Condvar,
}

struct State<J, A> {
    waiting: Vec<Waiting<J, A>>,
    led: bool,
    /// How many writers were there when the last commit ended: in it, or waiting behind it.
    expected: usize,
    /// How long the last commit took.
    took: Duration,
}

/// What a waiting writer is told.
enum Turn<J, A> {
    /// Its job was done.
    Done(A),
    /// It leads: these jobs are to be done, its own first.
    Lead(Vec<Waiting<J, A>>),
}

type Waiting<J, A> = (J, SyncSender<Turn<J, A>>);

impl<J, A> CommitQueue<J, A> {
    pub(super) const fn new() -> Self {
        let state = State {
            waiting: Vec::new(),
            led: false,
            expected: 1,
            took: Duration::ZERO,
        };
        Self {
            state: Mutex::new(state),
            complete: Condvar::new(),
        }
    }

    /// Has a job done, together with whatever else is waiting. `run` answers jobs in order.
    ///
    /// Returns nothing if the writer that led panicked: the job may or may not have been done.
    pub(super) fn submit(&self, job: J, run: impl FnOnce(Vec<J>) -> Vec<A>) -> Option<A> {
        let receiver = match self.join(job) {
            Joined::Leads(job) => return self.lead(vec![job], Vec::new(), run),
            Joined::Waits(receiver) => receiver,
        };
        match receiver.recv().ok()? {
            Turn::Done(answer) => Some(answer),
            Turn::Lead(jobs) => {
                let (jobs, senders): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
                self.lead(jobs, senders.into_iter().skip(1).collect(), run)
            }
        }
    }

    fn join(&self, job: J) -> Joined<J, A> {
        let mut state = self.state.lock();
        if state.led {
            let (sender, receiver) = sync_channel(1);
            state.waiting.push((job, sender));
            if state.waiting.len() >= state.expected {
                self.complete.notify_one();
            }
            Joined::Waits(receiver)
        } else {
            state.led = true;
            Joined::Leads(job)
        }
    }

    /// Runs the jobs, of which the first is the caller's own, and answers the others, whose
    /// senders these are.
    fn lead(
        &self,
        mut jobs: Vec<J>,
        mut senders: Vec<SyncSender<Turn<J, A>>>,
        run: impl FnOnce(Vec<J>) -> Vec<A>,
    ) -> Option<A> {
        // Passes the lead on even if `run` panics, so that no one waits for ever.
        let baton = Baton(self);
        for (job, sender) in self.gather(jobs.len()) {
            jobs.push(job);
            senders.push(sender);
        }
        let (count, watch) = (jobs.len(), Stopwatch::start());
        let mut answers = run(jobs).into_iter();
        {
            let mut state = self.state.lock();
            state.took = watch.elapsed();
            state.expected = count + state.waiting.len();
        }
        drop(baton);
        let own = answers.next();
        for (sender, answer) in senders.into_iter().zip(answers) {
            // A receiver that went away doesn't want its answer.
            drop(sender.send(Turn::Done(answer)));
        }
        own
    }

    /// Waits for the writers that are expected beside the leader's `own` ones, for at most half
    /// of what the last commit took, and takes those that came.
    fn gather(&self, own: usize) -> Vec<Waiting<J, A>> {
        let mut state = self.state.lock();
        // From here on, only those that aren't with the leader yet.
        state.expected = state.expected.saturating_sub(own);
        if state.waiting.len() < state.expected {
            let most = state.took / 2;
            self.complete.wait_while_for(
                &mut state,
                |state| state.waiting.len() < state.expected,
                most,
            );
        }
        std::mem::take(&mut state.waiting)
    }
}

enum Joined<J, A> {
    Leads(J),
    Waits(Receiver<Turn<J, A>>),
}

struct Baton<'a, J, A>(&'a CommitQueue<J, A>);

impl<J, A> Drop for Baton<'_, J, A> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        let jobs = std::mem::take(&mut state.waiting);
        let Some((_, first)) = jobs.first() else {
            state.led = false;
            return;
        };
        let first = first.clone();
        drop(state);
        // The first in line waits for exactly this message.
        drop(first.send(Turn::Lead(jobs)));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn every_job_is_done_once_and_answered_with_its_own_answer() {
        let queue = CommitQueue::new();
        let (batches, done) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for writer in 0..8_u64 {
                let (queue, batches, done) = (&queue, &batches, &done);
                scope.spawn(move || {
                    for round in 0..500 {
                        let job = writer * 1_000 + round;
                        let answer = queue.submit(job, |jobs| {
                            batches.fetch_add(1, Ordering::Relaxed);
                            done.fetch_add(jobs.len() as u64, Ordering::Relaxed);
                            jobs.into_iter().map(|job| job * 2).collect()
                        });
                        assert_eq!(answer, Some(job * 2));
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 4_000);
        assert!(batches.into_inner() <= 4_000);
    }

    #[test]
    fn a_leader_that_panics_leaves_no_one_waiting() {
        let queue: CommitQueue<u8, u8> = CommitQueue::new();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            queue.submit(1, |_| panic!("the disk caught fire"));
        }));
        assert!(panicked.is_err());
        assert_eq!(queue.submit(2, |jobs| jobs), Some(2));
    }
}
