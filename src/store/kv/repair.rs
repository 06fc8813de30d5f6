//! Care of the store: every record's version into its index, and what crashes left behind removed.
//!
//! The port gives all keys at once or none, so a page lists them all, goes through them in order from
//! its cursor, and stops when its time is up. The order brings a module's records together, so that
//! its index is written once, and a chunk's id names its record, so that no page needs another's
//! findings.

use std::collections::BTreeMap;

use super::Kv;
use super::chunks::{CHUNKS, ChunkId, chunk_key, owner};
use super::record::{Record, State, original_key, portable_key};
use super::write::entry_of;
use crate::module::{ModulePath, ModuleVersion, Version};
use crate::store::{Entry, Error, Repaired};

/// Chunks younger than this may belong to an upload under way.
const LEFT_OVER_AFTER: i64 = 24 * 60 * 60;

impl Kv {
    /// One page: see [`crate::store::Store::repair`].
    pub(super) fn repair_page(
        &self,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Repaired, Error> {
        let keys = Keys::sort(self.port.keys()?);
        let mut page = Repaired::default();
        let mut first = true;
        for (group, records) in &keys.modules {
            if cursor.is_some_and(|cursor| group.as_str() < cursor) {
                continue;
            }
            if !first && !go_on() {
                page.cursor = Some(group.clone());
                return Ok(page);
            }
            first = false;
            self.repair_module(records, &mut page)?;
        }
        for (id, numbers) in &keys.chunks {
            let place = format!("{}{id}", Keys::CHUNKS_LAST);
            if cursor.is_some_and(|cursor| place.as_str() < cursor) {
                continue;
            }
            if !first && !go_on() {
                page.cursor = Some(place);
                return Ok(page);
            }
            first = false;
            self.repair_chunks(id, numbers, &keys, &mut page)?;
        }
        Ok(page)
    }

    /// Brings the index of one module up to its records.
    fn repair_module(&self, records: &[String], page: &mut Repaired) -> Result<(), Error> {
        let mut module = None;
        let mut entries: Vec<Entry> = Vec::new();
        let mut lagging = Vec::new();
        for portable in records {
            let Some((version, record)) = self.look_at(portable, page)? else {
                continue;
            };
            page.versions += 1;
            if let Some(entry) = entry_of(&record, &version) {
                entries.push(entry);
                if !record.indexed {
                    lagging.push((version.clone(), record));
                }
            }
            module = Some(version.path().clone());
        }
        let Some(module) = module else {
            return Ok(());
        };
        page.modules += 1;
        page.indexed += self.write_index(&module, &entries)?;
        for (version, record) in lagging {
            self.note_indexed(&version, &record)?;
        }
        Ok(())
    }

    fn look_at(
        &self,
        portable: &str,
        page: &mut Repaired,
    ) -> Result<Option<(ModuleVersion, Record)>, Error> {
        let Some(value) = self.port.get(portable)? else {
            return Ok(None);
        };
        let key = original_key(portable).or_else(|| Record::own_key(&value));
        let Some(key) = key.filter(|key| portable_key(key) == portable) else {
            return Ok(None);
        };
        let Some(version) = version_of(&key) else {
            return Ok(None);
        };
        match Record::parse(&key, value) {
            Ok(record) => Ok(Some((version, record))),
            Err(error) => {
                page.problems.push(error.to_string());
                Ok(None)
            }
        }
    }

    /// Removes the chunks of one id, if no record names it and no upload can be under way.
    fn repair_chunks(
        &self,
        id: &str,
        numbers: &[u64],
        keys: &Keys,
        page: &mut Repaired,
    ) -> Result<(), Error> {
        let Some(parsed) = ChunkId::parse(id) else {
            return Ok(());
        };
        if self.entropy.unix_seconds() - parsed.begun < LEFT_OVER_AFTER {
            return Ok(());
        }
        for portable in keys.owners.get(&parsed.owner).into_iter().flatten() {
            if let Some((_, record)) = self.look_at(portable, &mut Repaired::default())? {
                if record.names(id) {
                    return Ok(());
                }
            } else if self.port.get(portable)?.is_some() {
                // A record that can't be read may name them.
                return Ok(());
            }
        }
        let chunks: Vec<String> = numbers
            .iter()
            .map(|number| chunk_key(id, *number))
            .collect();
        self.port.delete(&chunks)?;
        page.removed += 1;
        Ok(())
    }
}

impl Record {
    /// The key that a stored record names as its own.
    fn own_key(value: &[u8]) -> Option<String> {
        let head = value.split(|byte| *byte == b'\n').next()?;
        let record: Record = serde_json::from_slice(head).ok()?;
        Some(record.key)
    }

    /// Whether its bytes lie under this id.
    fn names(&self, id: &str) -> bool {
        let live = [&self.go_mod, &self.zip];
        debug_assert!(self.state == State::Published || self.zip.is_none());
        live.into_iter().flatten().any(|place| place.chunks == id)
    }
}

/// All keys of the store, by what they are. What is not ours is in none of them.
#[derive(Default)]
struct Keys {
    /// Portable keys of records, by module. A hashed key is a group of its own.
    modules: BTreeMap<String, Vec<String>>,
    /// Chunk numbers by id.
    chunks: BTreeMap<String, Vec<u64>>,
    /// Portable keys of records by the owner part of their chunks' ids.
    owners: BTreeMap<String, Vec<String>>,
}

impl Keys {
    /// Sorts behind every portable key.
    const CHUNKS_LAST: &'static str = "~";

    fn sort(all: Vec<String>) -> Self {
        let mut keys = Keys::default();
        for portable in all {
            let original = original_key(&portable);
            if let Some(chunk) = original.as_deref().and_then(|key| key.strip_prefix(CHUNKS)) {
                if let Some((id, number)) = chunk.split_once('/') {
                    let numbers = keys.chunks.entry(id.to_owned()).or_default();
                    numbers.extend(number.parse::<u64>().ok());
                }
                continue;
            }
            let group = match &original {
                Some(key) => match key.rsplit_once("/@v/") {
                    Some((module, file)) if file != "list" => module.to_owned(),
                    _ => continue,
                },
                None if portable.starts_with("h=") => portable.clone(),
                None => continue,
            };
            let owned = keys.owners.entry(owner(&portable)).or_default();
            owned.push(portable.clone());
            keys.modules.entry(group).or_default().push(portable);
        }
        keys
    }
}

/// The version whose record stands under a key.
fn version_of(key: &str) -> Option<ModuleVersion> {
    let (module, version) = key.rsplit_once("/@v/")?;
    let module = ModulePath::from_escaped(module).ok()?;
    let version = Version::from_escaped(version).ok()?;
    ModuleVersion::new(module, version).ok()
}
