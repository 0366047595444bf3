//! Looks for secrets in files, in every spelling that a careless program would leave.

use std::{collections::HashMap, fs, path::Path};

use super::secrets::Secret;

pub struct Scanner {
    /// What is looked for, and its name.
    spellings: Vec<(String, Vec<u8>)>,
    /// The spellings that start with these eight bytes.
    starts: HashMap<u64, Vec<usize>>,
    /// Whether any spelling starts with these two bytes: rules out nearly every place at once.
    maybe: Vec<bool>,
}

impl Scanner {
    pub fn new(secrets: &[Secret]) -> Self {
        let spellings: Vec<_> = secrets.iter().flat_map(spellings).collect();
        let mut starts: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut maybe = vec![false; 1 << 16];
        for (at, (name, bytes)) in spellings.iter().enumerate() {
            let start = bytes
                .first_chunk()
                .unwrap_or_else(|| panic!("{name} is too short"));
            starts
                .entry(u64::from_ne_bytes(*start))
                .or_default()
                .push(at);
            maybe[usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]))] = true;
        }
        Self {
            spellings,
            starts,
            maybe,
        }
    }

    /// What is looked for: a name, and the bytes.
    pub fn spellings(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.spellings
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    #[track_caller]
    pub fn expect_nothing(&self, directory: &Path, when: &str) {
        let found = self.scan(directory);
        assert!(found.is_empty(), "{when}: {found:#?}");
    }

    /// Checks that of each secret one spelling is there at least.
    #[track_caller]
    pub fn expect_all(&self, directory: &Path, when: &str) {
        let found = self.scan(directory);
        for (name, _) in self.spellings().filter(|(name, _)| name.ends_with("raw")) {
            assert!(
                found.iter().any(|found| found.contains(name)),
                "{when}: no {name}"
            );
        }
    }

    #[track_caller]
    pub fn expect_nothing_in(&self, bytes: &[u8], what: &str) {
        let found = self.find(bytes);
        assert!(found.is_empty(), "{what}: {found:#?}");
    }

    /// What was found in which file, under a directory; names of files included.
    pub fn scan(&self, directory: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().as_encoded_bytes();
            let mut names = self.find(name);
            if path.is_dir() {
                found.extend(self.scan(&path));
            } else if let Ok(bytes) = fs::read(&path) {
                // A file that is gone by now is a log that the store has done with.
                names.extend(self.find(&bytes));
            }
            found.extend(
                names
                    .into_iter()
                    .map(|name| format!("{}: {name}", path.display())),
            );
        }
        found
    }

    fn find(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for at in 0..bytes.len() {
            let rest = &bytes[at..];
            let Some(start) = rest.first_chunk() else {
                break;
            };
            if !self.maybe[usize::from(u16::from_ne_bytes([start[0], start[1]]))] {
                continue;
            }
            for spelling in self
                .starts
                .get(&u64::from_ne_bytes(*start))
                .into_iter()
                .flatten()
            {
                let (name, bytes) = &self.spellings[*spelling];
                if rest.starts_with(bytes) {
                    found.push(format!("{name} at {at}"));
                }
            }
        }
        found
    }
}

/// A secret as it is, in hex, in base64 wherever it starts in what is encoded, and, if it is
/// text, in UTF-16 and escaped as in JSON and URLs.
fn spellings(secret: &Secret) -> Vec<(String, Vec<u8>)> {
    let bytes = &secret.bytes;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut spellings = vec![
        ("raw".to_owned(), bytes.clone()),
        ("hex".to_owned(), hex.clone().into_bytes()),
        ("HEX".to_owned(), hex.to_uppercase().into_bytes()),
    ];
    for skipped in 0..3 {
        for (name, alphabet) in [("base64", STANDARD), ("base64url", URL)] {
            let text = base64(&bytes[skipped..], alphabet);
            if text.len() >= 8 {
                spellings.push((format!("{name} without the first {skipped}"), text));
            }
        }
    }
    if secret.is_text {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let wide: Vec<u16> = text.encode_utf16().collect();
        let both = |of: fn(u16) -> [u8; 2]| wide.iter().flat_map(|unit| of(*unit)).collect();
        spellings.push(("UTF-16LE".to_owned(), both(u16::to_le_bytes)));
        spellings.push(("UTF-16BE".to_owned(), both(u16::to_be_bytes)));
        let escaped = |of: fn(char) -> String| text.chars().map(of).collect::<String>();
        let json = escaped(|c| {
            let code = u32::from(c);
            if c.is_ascii() {
                c.to_string()
            } else {
                format!("\\u{code:04x}")
            }
        });
        let url = escaped(|c| {
            let bytes = c.to_string().into_bytes();
            let percent = || bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
            if c.is_ascii() {
                c.to_string()
            } else {
                percent()
            }
        });
        let rust = text.escape_default().to_string();
        for (name, text) in [("in JSON", json), ("in a URL", url), ("in Rust", rust)] {
            spellings.push((name.to_owned(), text.into_bytes()));
        }
    }
    spellings
        .into_iter()
        .map(|(form, bytes)| (format!("{}, {form}", secret.name), bytes))
        .collect()
}

/// The base64 text of as many whole groups of three bytes as there are.
fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<u8> {
    let groups = bytes.as_chunks::<3>().0;
    let digits = |[a, b, c]: &[u8; 3]| {
        let [a, b, c] = [*a, *b, *c].map(usize::from);
        [
            a >> 2,
            (a & 3) << 4 | b >> 4,
            (b & 15) << 2 | c >> 6,
            c & 63,
        ]
    };
    groups
        .iter()
        .flat_map(digits)
        .map(|digit| alphabet[digit])
        .collect()
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
