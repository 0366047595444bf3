//! Lines of the log, and entries by themselves, read back and checked. [`line`](super::line) is the spec.

use std::ops::Range;

use super::line::{
    ENTRY_FIELD, HASH_FIELD, KEY_FIELD, Link, PREV_FIELD, WHO_FIELD, digest_of, unhex,
};
use crate::seal;

/// A line, or an entry by itself, whose own hashes are right.
#[derive(Clone, Debug)]
pub(super) struct Read<'a> {
    /// The link that it makes.
    pub(super) own: Linked,
    /// The entry within a line of the whole log.
    pub(super) entry: Option<(&'a str, Linked)>,
    text: &'a str,
}

/// A link, if what comes before it is right.
#[derive(Clone, Debug)]
pub(super) struct Linked {
    pub(super) link: Link,
    /// What it says comes before it.
    pub(super) prev: [u8; 32],
    /// Where who it was stands in its text. None in versions that don't set that apart.
    pub(super) who: Option<Who>,
}

/// Who asked, as it stands in an entry.
#[derive(Clone, Debug)]
pub(super) enum Who {
    /// It is told there, and this is its digest.
    Told(Range<usize>, [u8; 32]),
    /// The digest alone is.
    Reduced,
}

/// Why a line isn't one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// It isn't in the form of an entry.
    Form,
    /// Its hash isn't that of what it says.
    Hash,
}

impl<'a> Read<'a> {
    /// Reads a line, or an entry, of any version.
    pub(super) fn of(text: &'a str) -> Result<Self, Unread> {
        let object = Object::of(text)?;
        let Some(inside) = object.entry.clone() else {
            let own = object.linked_as_entry()?;
            let entry = None;
            return Ok(Self { own, entry, text });
        };
        let inner = Object::of(text.get(inside.clone()).ok_or(Unread::Form)?)?;
        if inner.entry.is_some() {
            return Err(Unread::Form);
        }
        let entry = inner.linked_as_entry()?;
        let hash = match object.version {
            Version::Whole => seal::digest(&[object.body.as_bytes()]),
            Version::Parts => object.digest_with(&inside, ("\"", &entry.link.hash)),
        };
        Ok(Self {
            own: object.linked(hash, None)?,
            entry: Some((inner.text, entry)),
            text,
        })
    }

    /// The entry, and its link in its tenant's own chain; of a line of before there were any, the line's.
    pub(super) fn entry(&self) -> (&'a str, &Linked) {
        match &self.entry {
            Some((text, linked)) => (text, linked),
            None => (self.text, &self.own),
        }
    }

    /// The entry in a line of the whole log, unchecked.
    pub(super) fn entry_in(text: &'a str) -> Option<&'a str> {
        let (_, entry) = text.split_once(ENTRY_FIELD)?;
        entry.rsplit_once(PREV_FIELD).map(|(entry, _)| entry)
    }
}

/// What a line and an entry have in common.
struct Object<'a> {
    text: &'a str,
    version: Version,
    /// What stands before the hash.
    body: &'a str,
    link: Link,
    prev: [u8; 32],
    /// Where its fields are, but for the version, the number and `prev`.
    fields: Range<usize>,
    /// Where the entry is, if it is a line around one.
    entry: Option<Range<usize>>,
}

/// What a hash is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    /// All that stands before it, as it stands.
    Whole,
    /// The same, with digests in the place of parts.
    Parts,
}

impl<'a> Object<'a> {
    fn of(text: &'a str) -> Result<Self, Unread> {
        Self::parse(text).ok_or(Unread::Form)
    }

    fn parse(text: &'a str) -> Option<Self> {
        let (body, tail) = text.rsplit_once(HASH_FIELD)?;
        let hash = tail.strip_suffix("\"}").and_then(unhex)?;
        let (start, prev) = body.rsplit_once(PREV_FIELD)?;
        let prev = prev.strip_suffix('"').and_then(unhex)?;
        let (version, numbered) = start.strip_prefix("{\"v\":")?.split_once(",\"seq\":")?;
        let version = match version {
            "1" | "2" => Version::Whole,
            "3" => Version::Parts,
            _ => return None,
        };
        let (seq, fields) = numbered.split_once(',')?;
        let seq = seq.parse().ok()?;
        let from = start.len() - fields.len();
        let entry = fields.starts_with(ENTRY_FIELD);
        Some(Self {
            text,
            version,
            body,
            link: Link { seq, hash },
            prev,
            fields: from..start.len(),
            entry: entry.then(|| from + ENTRY_FIELD.len()..start.len()),
        })
    }

    fn linked_as_entry(&self) -> Result<Linked, Unread> {
        match self.version {
            Version::Whole => self.linked(seal::digest(&[self.body.as_bytes()]), None),
            Version::Parts => {
                let (inside, who, digest) = self.who().ok_or(Unread::Form)?;
                let hash = self.digest_with(&inside, (WHO_FIELD, &digest));
                self.linked(hash, Some(who))
            }
        }
    }

    fn linked(&self, hash: [u8; 32], who: Option<Who>) -> Result<Linked, Unread> {
        if hash != self.link.hash {
            return Err(Unread::Hash);
        }
        Ok(Linked {
            link: self.link,
            prev: self.prev,
            who,
        })
    }

    /// Where who it was stands, or stood, and the digest of that.
    fn who(&self) -> Option<(Range<usize>, Who, [u8; 32])> {
        let fields = self.text.get(self.fields.clone())?;
        // A quote within a text is escaped, so no text has one of these in it.
        let told = format!(",{KEY_FIELD}");
        if let Some(at) = fields.find(&told) {
            let inside = self.fields.start + at + 1..self.fields.end;
            let digest = seal::digest(&[self.text.get(inside.clone())?.as_bytes()]);
            return Some((inside.clone(), Who::Told(inside, digest), digest));
        }
        let (_, reduced) = fields.split_once(&format!(",{WHO_FIELD}"))?;
        let (digest, spaces) = reduced.split_once('"')?;
        let inside = self.fields.end - WHO_FIELD.len() - reduced.len()..self.fields.end;
        let blank = spaces.bytes().all(|byte| byte == b' ');
        blank.then_some((inside, Who::Reduced, unhex(digest)?))
    }

    fn digest_with(&self, inside: &Range<usize>, (name, digest): (&str, &[u8; 32])) -> [u8; 32] {
        let body = self.body.as_bytes();
        let before = body.get(..inside.start).unwrap_or_default();
        let after = body.get(inside.end..).unwrap_or_default();
        digest_of(before, (name.as_bytes(), digest), after)
    }
}

/// What stands in the lines of a tenant, or the node's own, and in no others.
pub(super) fn mark_of(tenant: Option<&str>) -> String {
    // No entry has these characters in another field: a quote within a text is escaped.
    tenant.map_or_else(
        || ",\"tenant\":null,".to_owned(),
        |tenant| format!(",\"tenant\":\"{tenant}\","),
    )
}

/// A field of an entry that is a text; none if it is null, or not there.
pub(super) fn field<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    // No text of an entry has a quote in it that isn't escaped.
    let (_, rest) = entry.split_once(&format!(",\"{name}\":\""))?;
    rest.split_once('"').map(|(text, _)| text)
}

/// A field of an entry that is a number.
pub(super) fn number(entry: &str, name: &str) -> Option<u64> {
    let (_, rest) = entry.split_once(&format!(",\"{name}\":"))?;
    rest.split_once(',')?.0.parse().ok()
}
