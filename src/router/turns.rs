//! Whose turn it is: what copies, replaces or destroys a tenant's data as a whole is done one at a
//! time for a tenant. Reads and writes of points don't ask here.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use crate::tenant::TenantUuid;

/// The turns that are taken.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: HashSet<TenantUuid>,
    /// To whom a turn goes once it is given back.
    promised: HashMap<TenantUuid, Sender<Turn>>,
}

/// A tenant's turn. Given back when it is dropped.
#[must_use]
#[derive(Debug)]
pub struct Turn {
    shared: Arc<Shared>,
    tenant: TenantUuid,
}

impl Turns {
    /// The tenant's turn, if nobody has it or it is given back within `patience`: what is done is seen
    /// to be done a moment before.
    pub fn take_within(&self, tenant: TenantUuid, patience: Duration) -> Option<Turn> {
        let mut state = self.0.state.lock();
        let others = |state: &mut State| state.taken.contains(&tenant);
        self.0
            .given_back
            .wait_while_for(&mut state, others, patience);
        let free = state.taken.insert(tenant);
        drop(state);
        free.then(|| self.turn(tenant))
    }

    /// The tenant's turn, once nobody has it.
    pub fn take(&self, tenant: TenantUuid) -> Turn {
        let mut state = self.0.state.lock();
        let others = |state: &mut State| state.taken.contains(&tenant);
        self.0.given_back.wait_while(&mut state, others);
        state.taken.insert(tenant);
        drop(state);
        self.turn(tenant)
    }

    /// Sends the tenant's turn once nobody has it, and before anyone else gets it: whoever is sent
    /// many tenants' turns waits for none of them. Asked for again before it comes, it comes once.
    pub fn send(&self, tenant: TenantUuid, to: &Sender<Turn>) {
        let mut state = self.0.state.lock();
        if state.taken.insert(tenant) {
            drop(state);
            pass(self.turn(tenant), to);
        } else {
            state.promised.insert(tenant, to.clone());
        }
    }

    fn turn(&self, tenant: TenantUuid) -> Turn {
        Turn {
            shared: Arc::clone(&self.0),
            tenant,
        }
    }
}

impl Turn {
    /// Whose turn it is.
    pub const fn tenant(&self) -> TenantUuid {
        self.tenant
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if let Some(to) = state.promised.remove(&self.tenant) {
            // It stays taken meanwhile.
            drop(state);
            let turn = Self {
                shared: Arc::clone(&self.shared),
                tenant: self.tenant,
            };
            pass(turn, &to);
        } else {
            state.taken.remove(&self.tenant);
            drop(state);
            self.shared.given_back.notify_all();
        }
    }
}

/// If nobody takes it any more, it is given back.
fn pass(turn: Turn, to: &Sender<Turn>) {
    drop(to.send(turn));
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_turn_is_one_tenant_s_and_is_given_back() {
        let turns = Turns::default();
        let (one, other) = (
            TenantUuid::from_bytes([1; 16]),
            TenantUuid::from_bytes([2; 16]),
        );
        let turn = turns.take_within(one, Duration::ZERO).unwrap();
        assert!(turns.take_within(one, Duration::ZERO).is_none());
        assert!(turns.take_within(other, Duration::ZERO).is_some());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| turns.take(one).tenant());
            drop(turn);
            assert_eq!(waits.join().unwrap(), one);
        });
        assert!(turns.take_within(one, Duration::ZERO).is_some());
    }

    #[test]
    fn a_turn_that_was_promised_is_sent_once_and_holds_up_no_other_tenant_s() {
        let turns = Turns::default();
        let (one, other) = (
            TenantUuid::from_bytes([1; 16]),
            TenantUuid::from_bytes([2; 16]),
        );
        let (to, sent) = channel();
        let turn = turns.take_within(one, Duration::ZERO).unwrap();
        turns.send(one, &to);
        turns.send(one, &to);
        turns.send(other, &to);
        assert_eq!(sent.try_recv().unwrap().tenant(), other);
        assert!(sent.try_recv().is_err());
        drop(turn);
        // It is on its way: nobody gets in between.
        assert!(turns.take_within(one, Duration::ZERO).is_none());
        let turn = sent.try_recv().unwrap();
        assert_eq!(turn.tenant(), one);
        turns.send(one, &to);
        drop(turn);
        // What was sent to someone who is gone is given back.
        drop(sent);
        assert!(turns.take_within(one, Duration::ZERO).is_some());
    }
}
