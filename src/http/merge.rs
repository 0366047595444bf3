//! What a field of a JSON merge patch says (RFC 7396).

use serde::{Deserialize, Deserializer};

/// What becomes of a field. Structs of these are read with `#[serde(default)]`: only so is a field
/// that isn't there told from one that is null.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Merge<T> {
    /// It isn't named: it stays.
    #[default]
    Keep,
    /// It is null: it is what it would be if nobody had ever set it.
    Lift,
    /// It is set, or, where it is an object, merged.
    With(T),
}

impl<T> Merge<T> {
    /// Does so, `with` to what is named.
    pub(super) fn apply<F: Default>(self, field: &mut F, with: impl FnOnce(&mut F, T)) {
        match self {
            Self::Keep => {}
            Self::Lift => *field = F::default(),
            Self::With(value) => with(field, value),
        }
    }

    /// Does so to a field that may be unset.
    pub(super) fn set(self, field: &mut Option<T>) {
        self.apply(field, |field, value| *field = Some(value));
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Merge<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Lift, Self::With))
    }
}
