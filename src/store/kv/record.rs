//! What stands under a key: the record of a version, the index of a module, and the keys themselves.
//!
//! A record is a line of JSON and behind it the bytes of the `.info` and of the go.mod, so that a hit
//! reads one value and copies what it answers with. Keys are the escaped URL paths in the alphabet
//! that every host takes: NATS knows `[-/_=.a-zA-Z0-9]`, wasmCloud's file store no `/`, so every other
//! byte becomes `=` and two hex digits, and a key over 240 bytes `h=` and its SHA-256.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex;
use crate::module::{ModulePath, ModuleVersion};
use crate::store::{Error, Index};

/// Below the 255 bytes of a file name, with room for what a host puts around it.
const LONGEST_KEY: usize = 240;
const INDEX_HEAD: &str = "goproxy-edge index ";

/// The state of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// Zip, go.mod and info are there.
    Published,
    /// Only its go.mod is served.
    Withdrawn,
    /// Only a go.mod was ever there.
    ModOnly,
}

/// Where bytes lie: in chunks under an id, or, without one, in the record itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// All bytes.
    pub size: u64,
    /// Their SHA-256, in hex.
    pub sha256: String,
    /// The id of the chunks; empty for bytes in the record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub chunks: String,
    /// The bytes of each chunk but the last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub chunk_bytes: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Place {
    /// Bytes that stand in the record.
    pub fn inline(bytes: &[u8]) -> Self {
        Place {
            size: bytes.len() as u64,
            sha256: sha256_hex(bytes),
            chunks: String::new(),
            chunk_bytes: 0,
        }
    }

    /// How many chunks there are.
    pub fn count(&self) -> u64 {
        if self.chunk_bytes == 0 {
            return 0;
        }
        self.size.div_ceil(self.chunk_bytes)
    }
}

/// The record of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The key before it was made portable: a hashed one could not be read back.
    pub key: String,
    /// The state.
    pub state: State,
    /// Whether the index is known to name the version.
    #[serde(default)]
    pub indexed: bool,
    #[serde(default)]
    info_size: usize,
    /// SHA-256 of the info, in hex.
    #[serde(default)]
    pub info_sha256: String,
    /// The go.mod.
    #[serde(rename = "mod")]
    pub go_mod: Option<Place>,
    /// The zip.
    pub zip: Option<Place>,
    /// The zip's `h1:` hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zip_hash: String,
    /// The `.info`.
    #[serde(skip)]
    pub info: Vec<u8>,
    /// The go.mod, where it is short enough to stand here.
    #[serde(skip)]
    pub inline_mod: Option<Vec<u8>>,
}

impl Record {
    /// A record of a go.mod alone.
    pub fn mod_only(version: &ModuleVersion, go_mod: Place, inline_mod: Option<Vec<u8>>) -> Self {
        Record {
            key: record_key(version),
            state: State::ModOnly,
            indexed: false,
            info_size: 0,
            info_sha256: String::new(),
            go_mod: Some(go_mod),
            zip: None,
            zip_hash: String::new(),
            info: Vec::new(),
            inline_mod,
        }
    }

    /// The same with an info and a zip.
    pub fn published(self, info: Vec<u8>, zip: Place, zip_hash: String) -> Self {
        Record {
            state: State::Published,
            info_size: info.len(),
            info_sha256: sha256_hex(&info),
            zip: Some(zip),
            zip_hash,
            info,
            ..self
        }
    }

    /// The same, withdrawn: of the info and the zip nothing is left, its hash stays for the operator.
    pub fn withdrawn(self) -> Self {
        Record {
            state: State::Withdrawn,
            indexed: false,
            info_size: 0,
            info_sha256: String::new(),
            zip: None,
            info: Vec::new(),
            ..self
        }
    }

    /// Reads a record that stands under `key`.
    pub fn parse(key: &str, mut value: Vec<u8>) -> Result<Self, Error> {
        let corrupt = |what: &str| Error::Corrupt(format!("the record {key}: {what}"));
        let line = value.iter().position(|byte| *byte == b'\n');
        let line = line.ok_or_else(|| corrupt("no head"))?;
        let mut record: Record = serde_json::from_slice(value.get(..line).unwrap_or_default())
            .map_err(|error| corrupt(&error.to_string()))?;
        if record.key != key {
            return Err(corrupt(&format!("it is the record of {}", record.key)));
        }
        let mut rest = value.split_off(line + 1);
        if rest.len() < record.info_size {
            return Err(corrupt("cut short"));
        }
        let inline_mod = rest.split_off(record.info_size);
        record.info = rest;
        if let Some(place) = record
            .go_mod
            .as_ref()
            .filter(|place| place.chunk_bytes == 0)
        {
            if inline_mod.len() as u64 != place.size {
                return Err(corrupt("cut short"));
            }
            record.inline_mod = Some(inline_mod);
        }
        Ok(record)
    }

    /// The value to store.
    pub fn to_value(&self) -> Vec<u8> {
        // Strings, numbers and booleans always serialise.
        let mut value = serde_json::to_vec(self).unwrap_or_default();
        value.push(b'\n');
        value.extend_from_slice(&self.info);
        value.extend_from_slice(self.inline_mod.as_deref().unwrap_or_default());
        value
    }
}

/// The key of a version's record.
pub(super) fn record_key(version: &ModuleVersion) -> String {
    let path = version.path().escaped();
    format!("{path}/@v/{}", version.version().escaped())
}

/// The key of a module's index.
pub(super) fn index_key(module: &ModulePath) -> String {
    format!("{}/@v/list", module.escaped())
}

/// The value of an index.
pub(super) fn index_value(key: &str, index: &Index) -> Vec<u8> {
    format!("{INDEX_HEAD}{key}\n{}", index.as_text()).into_bytes()
}

/// Reads an index that stands under `key`.
pub(super) fn parse_index(key: &str, value: Vec<u8>) -> Result<Index, Error> {
    let corrupt = |what: &str| Error::Corrupt(format!("the index {key}: {what}"));
    let mut text = String::from_utf8(value).map_err(|_| corrupt("no text"))?;
    let head = text.find('\n').ok_or_else(|| corrupt("no head"))? + 1;
    let lines = text.split_off(head);
    match text.trim_end().strip_prefix(INDEX_HEAD) {
        Some(own) if own == key => Ok(Index::from_text(lines)),
        _ => Err(corrupt("it is another's")),
    }
}

/// The key in the alphabet and length that every host takes.
pub(super) fn portable_key(key: &str) -> String {
    let mut portable = String::with_capacity(key.len() + 16);
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                portable.push(byte as char);
            }
            _ => {
                portable.push('=');
                hex::push(&mut portable, byte);
            }
        }
    }
    if portable.len() > LONGEST_KEY {
        portable = format!("h={}", sha256_hex(key.as_bytes()));
    }
    portable
}

/// Undoes [`portable_key`] where it can: not for a hashed key, nor for one that is not ours.
pub(super) fn original_key(portable: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(portable.len());
    let mut rest = portable.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(hex::byte(digits)?);
        } else {
            bytes.push(byte);
        }
    }
    let key = String::from_utf8(bytes).ok()?;
    (portable_key(&key) == portable).then_some(key)
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}
