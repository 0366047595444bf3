//! The priority of threads: those that work behind the back of whoever asks get out of the way.
//!
//! Linux keeps a priority for each thread. **Invariant:** threads that serve connections keep theirs.
//! Called by: `engine` (builds), `http` (work that takes long), `cli` (what that is shared out over).

/// What a thread does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Priority {
    /// What somebody waits for, and takes long: a third of the time that short work gets, if all want it.
    Long,
    /// What nobody waits for: a third of what long work gets.
    Background,
}

impl Priority {
    /// Gives it to the thread that calls. Where that can't be done the thread keeps its own.
    pub fn take(self) {
        let niceness = match self {
            Self::Long => 5,
            Self::Background => 10,
        };
        if let Err(error) = rustix::process::nice(niceness) {
            tracing::debug!(%error, "a thread in the background runs at the priority of requests");
        }
    }
}
