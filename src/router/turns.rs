//! Whose turn it is: what copies, replaces or destroys a tenant's data as a whole is done one at a
//! time for a tenant. Reads and writes of points don't ask here.

use std::{collections::HashSet, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};

use crate::tenant::TenantUuid;

/// The turns that are taken.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    taken: Mutex<HashSet<TenantUuid>>,
    given_back: Condvar,
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
        let mut taken = self.0.taken.lock();
        let others = |taken: &mut HashSet<TenantUuid>| taken.contains(&tenant);
        self.0
            .given_back
            .wait_while_for(&mut taken, others, patience);
        let free = taken.insert(tenant);
        drop(taken);
        free.then(|| self.turn(tenant))
    }

    /// The tenant's turn, once nobody has it.
    pub fn take(&self, tenant: TenantUuid) -> Turn {
        let mut taken = self.0.taken.lock();
        self.0
            .given_back
            .wait_while(&mut taken, |taken| taken.contains(&tenant));
        taken.insert(tenant);
        drop(taken);
        self.turn(tenant)
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
        self.shared.taken.lock().remove(&self.tenant);
        self.shared.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
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
}
