//! Tokens in place of keys: given, renewed, published.

use super::{Engine, Error, ErrorKind, Event};
use crate::{
    access::{
        ApiKeyId, Family, FamilyId, Grant, Origin, Presented, Principal, PublicKey, Renewed, Role,
        TOKEN_LASTS_MAX, TakeToken, Tokens, Unauthenticated,
    },
    router::RouterError,
    seal::{self, SealError},
};

/// A token, and what gets the next one: to be shown once.
#[derive(Debug)]
pub struct TokenPair {
    /// The access token.
    pub access: String,
    /// How long it is good, in seconds.
    pub seconds: u32,
    /// The refresh token.
    pub refresh: String,
}

impl Engine {
    /// Gives the holder of a key a token, for its role or a lesser one.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] for the holder of a token, and for a role that may do more.
    pub fn token(
        &self,
        principal: &Principal,
        seconds: Option<u32>,
        role: Option<Role>,
    ) -> Result<TokenPair, Error> {
        let _grant: Grant<TakeToken> = self.check(principal, None)?;
        let key = principal.known().filter(|_| principal.has_key());
        // A token that got tokens would never end.
        let key = key.ok_or_else(|| {
            Error::new(
                ErrorKind::Denied,
                "a token can't get tokens; ask with the API key, or refresh it",
            )
        })?;
        let seconds_max = u32::try_from(TOKEN_LASTS_MAX.as_secs()).unwrap_or(u32::MAX);
        let seconds = seconds.unwrap_or(seconds_max);
        if !(1..=seconds_max).contains(&seconds) {
            return Err(Error::invalid(format!(
                "ttl_seconds must be 1 to {seconds_max}"
            )));
        }
        let own = key.record().role;
        let role = role.unwrap_or(own);
        if !own.may_give(role) {
            return Err(Error::new(
                ErrorKind::Denied,
                format!(
                    "a key of the role `{}` can't get tokens of the role `{}`",
                    own.name(),
                    role.name()
                ),
            ));
        }
        let tokens = self.tokens()?;
        let crowded = tokens.families().crowded_out(key.record().id);
        self.forget(tokens, &crowded)?;
        let id = FamilyId(seal::random_bytes().map_err(RouterError::from)?);
        let family = Family::begin(key.record().id, role, seconds, self.clock.now());
        self.give(tokens, id, family)
    }

    /// Gives a token for a refresh token, and the next refresh token. One that was used before ends
    /// its family.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`].
    pub fn refresh_token(
        &self,
        presented: &Presented,
        origin: Origin,
        request: u64,
    ) -> Result<TokenPair, Error> {
        let tokens = self.tokens()?;
        // One at a time: of two that come with the same token, one is late.
        let _renewing = self.renewing.lock();
        let now = self.clock.now();
        let renewed = self.gate.renew(presented, origin, request, now);
        let renewed = renewed.map_err(|refused| self.unauthenticated(&refused))?;
        match renewed {
            Renewed::Good(principal, id, family) => {
                let _grant: Grant<TakeToken> = self.check(&principal, None)?;
                self.give(tokens, id, family.renewed(now))
            }
            Renewed::Reused(id, family) => {
                self.metrics.authentication_failures.inc();
                self.metrics.refresh_reuses.inc();
                let ended = family.ended(now);
                self.router.keep_family(id, ended)?;
                tokens.families().put(id, ended);
                tracing::warn!(key_id = %family.key, "a refresh token was used twice; its family is revoked");
                self.tell_of_reuse(family.key);
                Err(Unauthenticated::Refresh.into())
            }
        }
    }

    fn tell_of_reuse(&self, id: ApiKeyId) {
        let key = self.gate.keys().find(id);
        if let Some(tenant) = key.and_then(|key| key.record().scope.tenant()) {
            let event = Event::SecuritySuspicious {
                what: "refresh_token_reused",
                key: Some(id),
                actor: id.to_string(),
            };
            self.notify(tenant, &event);
        }
    }

    /// Stores a family, then gives out what it is good for.
    fn give(&self, tokens: &Tokens, id: FamilyId, family: Family) -> Result<TokenPair, Error> {
        let now = self.clock.now();
        if let Some(due) = tokens.key_due(now) {
            let _making = self.making_token_key.lock();
            // Another thread may have made it meanwhile.
            if let Some(due) = tokens.key_due(now) {
                self.router.keep_token_key(due)?;
                tokens.add_key(due);
            } else {
                tracing::debug!(
                    number = due.number,
                    "the token key was made by another request"
                );
            }
        }
        self.router.keep_family(id, family)?;
        tokens.families().put(id, family);
        let gone = || Error::from(Unauthenticated::Refresh);
        // Revoked between the gate and here: then nothing of it may stay behind.
        let Some(key) = self.gate.keys().find(family.key) else {
            self.forget(tokens, &[id])?;
            return Err(gone());
        };
        let issued = tokens.issue(&key, (id, &family), now);
        let access = issued
            .map_err(RouterError::from)?
            .ok_or_else(|| Error::from(RouterError::from(SealError::Random)))?;
        Ok(TokenPair {
            access,
            seconds: family.token_seconds,
            refresh: tokens.families().token(id, &family),
        })
    }

    /// Ends what came of keys that are revoked: they are gone from the table by now, so no access
    /// token of theirs is believed.
    pub(super) fn forget_families_of(&self, keys: &[ApiKeyId]) -> Result<(), Error> {
        let tokens = self.tokens()?;
        let of_key = |key: &ApiKeyId| tokens.families().of_key(*key);
        let ids: Vec<_> = keys.iter().flat_map(of_key).collect();
        self.forget(tokens, &ids)
    }

    pub(super) fn forget(&self, tokens: &Tokens, ids: &[FamilyId]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        self.router.drop_families(ids)?;
        tokens.families().remove(ids);
        Ok(())
    }

    /// The keys that access tokens are signed with.
    pub fn published_keys(&self) -> Vec<PublicKey> {
        let tokens = self.gate.tokens();
        tokens.map(Tokens::published).unwrap_or_default()
    }

    /// What tokens are judged by.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a node without tokens.
    pub fn tokens(&self) -> Result<&Tokens, Error> {
        let missing = || Error::new(ErrorKind::NotFound, "this node gives no tokens");
        self.gate.tokens().ok_or_else(missing)
    }
}
