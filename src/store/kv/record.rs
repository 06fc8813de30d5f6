//! What stands under a key: the record of a version, the index of a module, and the keys themselves.
//!
//! A record is some lines of text, an empty line, and the bytes of the `.info` and of the go.mod, so
//! that a hit reads one value and copies what it answers with:
//!
//! ```text
//! goproxy-edge record
//! key example.com/m/@v/v1.0.0
//! state published since 1700000000
//! info 50 <sha256>
//! mod 42 <sha256>
//! zip 3000000 <sha256> <id of its chunks> 262016
//! hash h1:…
//! ```
//!
//! `since` says when the record was written, as long as a slow writer may still replace the index that
//! names it. Of a zip in an object store the line ends `<id of its object> object`.
//!
//! (Lines and not JSON: they are read on every hit, and typed JSON costs the component 60 KB.) Keys are the
//! escaped URL paths, made portable ([`crate::store::key`]).

use std::fmt::Write;

use memchr::memchr;
use sha2::{Digest, Sha256};

use crate::hex;
use crate::module::{ModulePath, ModuleVersion};
use crate::store::{Error, File, Index};

const RECORD_HEAD: &str = "goproxy-edge record";
const INDEX_HEAD: &str = "goproxy-edge index ";

/// The state of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Zip, go.mod and info are there.
    Published,
    /// Only its go.mod is served.
    Withdrawn,
    /// Only a go.mod was ever there.
    ModOnly,
}

impl State {
    const NAMES: [(State, &str); 3] = [
        (State::Published, "published"),
        (State::Withdrawn, "withdrawn"),
        (State::ModOnly, "mod-only"),
    ];
}

/// Some bytes, and where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// All bytes.
    pub size: u64,
    /// Their SHA-256, in hex.
    pub sha256: String,
    /// Where they lie.
    pub at: At,
}

/// Where bytes lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// In the record itself.
    Record,
    /// In chunks under an id, of `bytes` each but the last.
    Chunks {
        /// The id of the chunks.
        id: String,
        /// At least one.
        bytes: u64,
    },
    /// In an object with this id.
    Object {
        /// The id of the object.
        id: String,
    },
}

impl At {
    /// Reads what stands behind a hash.
    fn parse(words: &str) -> Option<Self> {
        let (id, bytes) = cut(words)?;
        let id = id.to_owned();
        if bytes == OBJECT {
            return Some(At::Object { id });
        }
        let bytes = bytes.parse().ok().filter(|bytes| *bytes > 0)?;
        Some(At::Chunks { id, bytes })
    }
}

/// What stands in place of the bytes of a chunk where there is an object.
const OBJECT: &str = "object";

impl Place {
    /// Bytes that stand in the record.
    pub fn inline(bytes: &[u8]) -> Self {
        Place {
            size: bytes.len() as u64,
            sha256: sha256_hex(bytes),
            at: At::Record,
        }
    }

    fn parse(words: &str) -> Option<Self> {
        let (size, rest) = cut(words)?;
        let (sha256, at) = match cut(rest) {
            None => (rest, At::Record),
            Some((sha256, at)) => (sha256, At::parse(at)?),
        };
        Some(Place {
            size: size.parse().ok()?,
            sha256: sha256.to_owned(),
            at,
        })
    }

    fn write(&self, name: &str, text: &mut String) {
        // Writing to a String can't fail.
        let _ = write!(text, "{name} {} {}", self.size, self.sha256);
        let _ = match &self.at {
            At::Record => Ok(()),
            At::Chunks { id, bytes } => write!(text, " {id} {bytes}"),
            At::Object { id } => write!(text, " {id} {OBJECT}"),
        };
        text.push('\n');
    }

    /// The id of the bytes outside the record.
    pub fn id(&self) -> Option<&str> {
        match &self.at {
            At::Record => None,
            At::Chunks { id, .. } | At::Object { id } => Some(id),
        }
    }
}

/// The record of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The key before it was made portable: a hashed one could not be read back.
    pub key: String,
    /// The state.
    pub state: State,
    /// When this state was written, in Unix seconds, until the index is known to name it for good.
    pub unsettled_since: Option<i64>,
    /// SHA-256 of the info, in hex.
    pub info_sha256: String,
    /// The go.mod.
    pub go_mod: Option<Place>,
    /// The zip.
    pub zip: Option<Place>,
    /// The zip's `h1:` hash.
    pub zip_hash: String,
    /// The `.info`.
    pub info: Vec<u8>,
    /// The go.mod, where it is short enough to stand here.
    pub inline_mod: Option<Vec<u8>>,
}

impl Record {
    /// A record of a go.mod alone.
    pub fn mod_only(version: &ModuleVersion, go_mod: Place, inline_mod: Option<Vec<u8>>) -> Self {
        Record {
            key: record_key(version),
            state: State::ModOnly,
            unsettled_since: None,
            info_sha256: String::new(),
            go_mod: Some(go_mod),
            zip: None,
            zip_hash: String::new(),
            info: Vec::new(),
            inline_mod,
        }
    }

    /// The same with an info and a zip.
    pub fn published(self, now: i64, info: Vec<u8>, zip: Place, zip_hash: String) -> Self {
        Record {
            state: State::Published,
            unsettled_since: Some(now),
            info_sha256: sha256_hex(&info),
            zip: Some(zip),
            zip_hash,
            info,
            ..self
        }
    }

    /// The same, withdrawn: of the info and the zip nothing is left, its hash stays for the operator.
    pub fn withdrawn(self, now: i64) -> Self {
        Record {
            state: State::Withdrawn,
            unsettled_since: Some(now),
            info_sha256: String::new(),
            zip: None,
            info: Vec::new(),
            ..self
        }
    }

    /// Reads a record that stands under `key`.
    pub fn parse(key: &str, value: Vec<u8>) -> Result<Self, Error> {
        let record = Record::read(value).ok_or_else(|| corrupt(key, "it can't be read"))?;
        if record.key != key {
            return Err(anothers(key, &record.key));
        }
        Ok(record)
    }

    /// Reads a record, whatever its key. `None` when it is damaged.
    pub fn read(mut value: Vec<u8>) -> Option<Self> {
        let head = Head::read(&value)?;
        let place = |words: &str| match words {
            "" => Some(None),
            words => Place::parse(words).map(Some),
        };
        let info = place(head.info)?;
        let info_size = info.as_ref().map_or(0, |place| place.size);
        let (state, unsettled_since) = head.state()?;
        let mut record = Record {
            key: head.key.to_owned(),
            state,
            unsettled_since,
            info_sha256: info.map_or_else(String::new, |place| place.sha256),
            go_mod: place(head.go_mod)?,
            zip: place(head.zip)?,
            zip_hash: head.hash.to_owned(),
            info: Vec::new(),
            inline_mod: None,
        };
        let mut bytes = value.split_off(head.end);
        let info_size = usize::try_from(info_size).ok()?;
        if bytes.len() < info_size {
            return None;
        }
        let inline_mod = bytes.split_off(info_size);
        record.info = bytes;
        if let Some(place) = record
            .go_mod
            .as_ref()
            .filter(|place| place.at == At::Record)
        {
            record.inline_mod = Some(inline_mod).filter(|it| it.len() as u64 == place.size);
            record.inline_mod.as_ref()?;
        }
        Some(record)
    }

    /// The value to store.
    pub fn to_value(&self) -> Vec<u8> {
        let name = State::NAMES.iter().find(|(state, _)| *state == self.state);
        let name = name.map_or("", |(_, name)| name);
        let key = &self.key;
        let mut text = format!("{RECORD_HEAD}\nkey {key}\nstate {name}");
        if let Some(seconds) = self.unsettled_since {
            let _ = write!(text, " since {seconds}");
        }
        text.push('\n');
        if !self.info.is_empty() {
            let _ = writeln!(text, "info {} {}", self.info.len(), self.info_sha256);
        }
        for (name, place) in [("mod", &self.go_mod), ("zip", &self.zip)] {
            if let Some(place) = place {
                place.write(name, &mut text);
            }
        }
        if !self.zip_hash.is_empty() {
            let _ = writeln!(text, "hash {}", self.zip_hash);
        }
        text.push('\n');
        let mut value = text.into_bytes();
        value.extend_from_slice(&self.info);
        value.extend_from_slice(self.inline_mod.as_deref().unwrap_or_default());
        value
    }
}

/// What the lines of a record say, each in its place: a hit wants one or two of them.
#[derive(Default)]
struct Head<'a> {
    key: &'a str,
    state: &'a str,
    info: &'a str,
    go_mod: &'a str,
    zip: &'a str,
    hash: &'a str,
    /// Where the bytes begin.
    end: usize,
}

impl<'a> Head<'a> {
    fn read(value: &'a [u8]) -> Option<Self> {
        let mut head = Head::default();
        loop {
            let rest = value.get(head.end..)?;
            let line = rest.get(..memchr(b'\n', rest)?)?;
            let is_first = head.end == 0;
            head.end += line.len() + 1;
            let line = std::str::from_utf8(line).ok()?;
            if is_first {
                (line == RECORD_HEAD).then_some(())?;
                continue;
            }
            if line.is_empty() {
                return Some(head);
            }
            match cut(line)? {
                ("key", key) => head.key = key,
                ("state", state) => head.state = state,
                ("info", place) => head.info = place,
                ("mod", place) => head.go_mod = place,
                ("zip", place) => head.zip = place,
                ("hash", hash) => head.hash = hash,
                _ => {}
            }
        }
    }

    /// The state, and since when it is unsettled.
    fn state(&self) -> Option<(State, Option<i64>)> {
        let (name, rest) = cut(self.state).unwrap_or((self.state, ""));
        let since = match cut(rest) {
            Some(("since", seconds)) => Some(seconds.parse().ok()?),
            _ => None,
        };
        let (state, _) = State::NAMES.iter().find(|(_, known)| *known == name)?;
        Some((*state, since))
    }
}

/// A file of a version, as its record has it.
pub(super) enum Part {
    /// Its bytes, and their SHA-256 in hex.
    Here(Vec<u8>, String),
    /// Where they lie.
    Elsewhere(Place),
}

impl Part {
    /// Finds a file in the record that stands under `key`, and tells whether the record is settled. It
    /// reads what concerns this file: a whole [`Record`] took a hit a tenth longer.
    pub fn of(key: &str, mut value: Vec<u8>, file: File) -> Result<(Self, bool), Error> {
        let unreadable = || corrupt(key, "it can't be read");
        let head = Head::read(&value).ok_or_else(unreadable)?;
        if head.key != key {
            return Err(anothers(key, head.key));
        }
        let (state, since) = head.state().ok_or_else(unreadable)?;
        let words = match (file, state) {
            (File::Mod, _) => head.go_mod,
            (_, State::Withdrawn) => return Err(Error::Withdrawn),
            (_, State::ModOnly) => return Err(Error::NotFound),
            (File::Info, State::Published) => head.info,
            (File::Zip, State::Published) => head.zip,
        };
        if words.is_empty() && file != File::Info {
            return Err(Error::NotFound);
        }
        let place = Place::parse(words).ok_or_else(unreadable)?;
        let is_settled = since.is_none();
        if place.at != At::Record {
            return Ok((Part::Elsewhere(place), is_settled));
        }
        let info_size = match (file, head.info) {
            (File::Info, _) => Some(place.size),
            (_, "") => Some(0),
            (_, info) => Place::parse(info).map(|info| info.size),
        };
        let info_end = info_size.and_then(|size| Some(head.end + usize::try_from(size).ok()?));
        let info_end = info_end.ok_or_else(unreadable)?;
        let start = match file {
            File::Info => head.end,
            _ => info_end,
        };
        if file == File::Info {
            value.truncate(info_end);
        }
        value.drain(..start.min(value.len()));
        if value.len() as u64 != place.size {
            return Err(unreadable());
        }
        Ok((Part::Here(value, place.sha256), is_settled))
    }
}

/// What stands before and behind the first space.
fn cut(text: &str) -> Option<(&str, &str)> {
    let at = memchr(b' ', text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

#[cold]
fn anothers(key: &str, own: &str) -> Error {
    corrupt(key, &format!("it is the record of {own}"))
}

#[cold]
fn corrupt(key: &str, what: &str) -> Error {
    Error::Corrupt(format!("what stands under {key}: {what}"))
}

/// The key of a version's record.
pub(super) fn record_key(version: &ModuleVersion) -> String {
    let (path, version) = (version.path().escaped(), version.version().escaped());
    [&*path, &*version].join("/@v/")
}

/// The key of a module's index.
pub(super) fn index_key(module: &ModulePath) -> String {
    [&*module.escaped(), "list"].join("/@v/")
}

/// The value of an index.
pub(super) fn index_value(key: &str, index: &Index) -> Vec<u8> {
    format!("{INDEX_HEAD}{key}\n{}", index.as_text()).into_bytes()
}

/// Reads an index that stands under `key`.
pub(super) fn parse_index(key: &str, value: Vec<u8>) -> Result<Index, Error> {
    let mut text = String::from_utf8(value).map_err(|_| corrupt(key, "it is no text"))?;
    let head = text.find('\n').map_or(text.len(), |end| end + 1);
    let lines = text.split_off(head);
    match text.trim_end().strip_prefix(INDEX_HEAD) {
        Some(own) if own == key => Ok(Index::from_text(lines)),
        _ => Err(corrupt(key, "it is no index, or another's")),
    }
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}
