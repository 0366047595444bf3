//! What an index is for: a field, and a kind of values.

use std::fmt;

use crate::payload::{
    path::{Path, PathError},
    text::{Tokenizer, TokenizerError},
};

/// What an index holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IndexKind {
    /// Strings, as they are.
    Keyword,
    /// Integers of 64 bits.
    Integer,
    /// Numbers.
    Float,
    /// Truth values.
    Bool,
    /// Strings that are times.
    Datetime,
    /// Strings that are UUIDs in their usual spelling.
    Uuid,
    /// Places on the globe.
    Geo,
    /// The words of strings.
    Text,
}

impl IndexKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Keyword,
        Self::Integer,
        Self::Float,
        Self::Bool,
        Self::Datetime,
        Self::Uuid,
        Self::Geo,
        Self::Text,
    ];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Datetime => "datetime",
            Self::Uuid => "uuid",
            Self::Geo => "geo",
            Self::Text => "text",
        }
    }
}

/// What an index is for.
#[derive(Clone, PartialEq, Eq)]
pub struct Definition {
    field: String,
    path: Path,
    kind: IndexKind,
    settings: String,
    tokenizer: Tokenizer,
}

impl Definition {
    /// An index of a field. `settings` is what else its creator said about it, as JSON: given
    /// back as it came. Those of a text index tell how texts are cut into words.
    ///
    /// # Errors
    /// [`DefinitionError`] when the field isn't a path into a payload, or the settings of a text
    /// index don't say how to cut.
    pub fn new(field: &str, kind: IndexKind, settings: String) -> Result<Self, DefinitionError> {
        let tokenizer = match kind {
            IndexKind::Text => Tokenizer::from_settings(&settings)?,
            IndexKind::Keyword
            | IndexKind::Integer
            | IndexKind::Float
            | IndexKind::Bool
            | IndexKind::Datetime
            | IndexKind::Uuid
            | IndexKind::Geo => Tokenizer::default(),
        };
        Ok(Self {
            field: field.to_owned(),
            path: Path::parse(field)?,
            kind,
            settings,
            tokenizer,
        })
    }

    /// The field, as its creator spelled it.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The path that the field is.
    pub const fn path(&self) -> &Path {
        &self.path
    }

    /// What the index holds.
    pub const fn kind(&self) -> IndexKind {
        self.kind
    }

    /// What else its creator said.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// What cuts the field's texts into words, where it's a text index that does.
    pub(super) fn tokenizer(&self) -> Option<&Tokenizer> {
        (self.kind == IndexKind::Text).then_some(&self.tokenizer)
    }
}

impl fmt::Debug for Definition {
    /// Without the field: that is the tenant's own word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Definition({})", self.kind.name())
    }
}

/// Not an index that can be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DefinitionError {
    /// The field isn't a path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Its texts can't be cut so.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}
