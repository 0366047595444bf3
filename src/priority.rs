//! The priority of threads: those that work behind the back of whoever asks get out of the way.
//!
//! Linux keeps a priority for each thread. **Invariant:** threads that serve connections keep theirs.
//! Called by: `engine` (builds), `http` (work that takes long), `cli` (what both share).

/// Lowers the priority of the thread that calls. Where that can't be done it stays as it is.
pub fn lower() {
    if let Err(error) = rustix::process::nice(BEHIND) {
        tracing::debug!(%error, "a thread in the background runs at the priority of requests");
    }
}

/// A ninth of the time that others get, if all want it.
const BEHIND: i32 = 10;
