//! A credential that was refused: why, and whose it is if its secret was right.

use super::{api_key::Unauthenticated, principal::Principal};

/// A refused credential.
#[derive(Debug)]
pub struct Refused {
    why: Unauthenticated,
    /// Who it would have been. It is let in nowhere: it is handed out to be watched, and for nothing else.
    whose: Option<Box<Principal>>,
}

impl Refused {
    /// A right credential that isn't good: now, or from there.
    pub(super) fn known(why: Unauthenticated, whose: Principal) -> Self {
        Self {
            why,
            whose: Some(Box::new(whose)),
        }
    }

    /// Why.
    pub const fn why(&self) -> Unauthenticated {
        self.why
    }

    pub(super) fn whose(&self) -> Option<&Principal> {
        self.whose.as_deref()
    }

    /// Against whom it counts: a right secret in the wrong place may be a stolen one. One that is past its
    /// time or suspended is no danger any more.
    pub fn counts_against(&self) -> Option<&Principal> {
        match self.why {
            Unauthenticated::Network | Unauthenticated::Certificate => self.whose(),
            Unauthenticated::Unknown
            | Unauthenticated::Expired
            | Unauthenticated::Suspended
            | Unauthenticated::SubjectSuspended
            | Unauthenticated::Token
            | Unauthenticated::TokenExpired
            | Unauthenticated::Refresh
            | Unauthenticated::MessageHead
            | Unauthenticated::MessageTime
            | Unauthenticated::Message => None,
        }
    }
}

/// Of someone who isn't known.
impl From<Unauthenticated> for Refused {
    fn from(why: Unauthenticated) -> Self {
        Self { why, whose: None }
    }
}
