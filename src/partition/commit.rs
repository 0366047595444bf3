//! Group commit: writers that come at the same time share one fsync.
//!
//! The first to come leads: it takes whatever has queued up, commits it in one batch, and answers
//! everyone. What queued up meanwhile is led by its own first. Nobody's answer waits for work that
//! came after it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;

/// A queue of jobs of type `J`, each answered with an `A`.
pub(super) struct CommitQueue<J, A> {
    state: Mutex<State<J, A>>,
}

struct State<J, A> {
    waiting: Vec<Waiting<J, A>>,
    led: bool,
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
        Self {
            state: Mutex::new(State {
                waiting: Vec::new(),
                led: false,
            }),
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
                self.lead(jobs, senders, run)
            }
        }
    }

    fn join(&self, job: J) -> Joined<J, A> {
        let mut state = self.state.lock();
        if state.led {
            let (sender, receiver) = sync_channel(1);
            state.waiting.push((job, sender));
            Joined::Waits(receiver)
        } else {
            state.led = true;
            Joined::Leads(job)
        }
    }

    /// Runs the jobs, of which the first is the caller's own, and answers the others.
    fn lead(
        &self,
        jobs: Vec<J>,
        senders: Vec<SyncSender<Turn<J, A>>>,
        run: impl FnOnce(Vec<J>) -> Vec<A>,
    ) -> Option<A> {
        // Passes the lead on even if `run` panics, so that no one waits for ever.
        let baton = Baton(self);
        let mut answers = run(jobs).into_iter();
        let own = answers.next();
        drop(baton);
        for (sender, answer) in senders.into_iter().skip(1).zip(answers) {
            // A receiver that went away doesn't want its answer.
            drop(sender.send(Turn::Done(answer)));
        }
        own
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
