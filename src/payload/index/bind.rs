//! A filter under a collection's indexes: its text conditions mean words as the index of their
//! field cuts them.

use std::borrow::Cow;

use super::Indexes;
use crate::payload::{
    filter::{Condition, Filter, Test},
    path::Path,
};

impl Indexes {
    /// What a filter means under these indexes. Every use of a filter starts here, so scans and
    /// plans mean the same.
    pub fn bind<'a>(&self, filter: &'a Filter) -> Cow<'a, Filter> {
        let cuts = |field: &super::FieldIndex| field.definition().tokenizer().is_some();
        if self.fields().any(cuts) {
            Cow::Owned(self.bound(filter, None))
        } else {
            Cow::Borrowed(filter)
        }
    }

    /// `within` is the path to the objects that a nested filter is about.
    fn bound(&self, filter: &Filter, within: Option<&Path>) -> Filter {
        let full = |path: &Path| within.map_or_else(|| path.clone(), |within| within.join(path));
        filter.map(&|condition| match condition {
            Condition::Field(path, Test::Text(query)) => {
                let field = self.get(&full(path));
                let tokenizer = field.and_then(|field| field.definition().tokenizer());
                let query = tokenizer.map_or_else(|| query.clone(), |own| query.under(*own));
                Condition::Field(path.clone(), Test::Text(query))
            }
            Condition::Nested(path, filter) => {
                let inner = self.bound(filter, Some(&full(path)));
                Condition::Nested(path.clone(), Box::new(inner))
            }
            Condition::Filter(filter) => Condition::Filter(Box::new(self.bound(filter, within))),
            Condition::Field(..)
            | Condition::ValuesCount(..)
            | Condition::IsEmpty(_)
            | Condition::IsNull(_)
            | Condition::HasId(_)
            | Condition::HasVector(_)
            | Condition::Slice(_) => condition.clone(),
        })
    }
}
