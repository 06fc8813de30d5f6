//! Care of the store: every record's version into its index, and what crashes left behind removed.
//!
//! The port gives all keys at once or none, so a page lists them all, goes through them in order from
//! its cursor, and stops when its time is up. The order brings a module's records together, so that
//! its index is written once, and a chunk's id names its record, so that no page needs another's
//! findings. Where there is an object store, the objects come last, in the same way; their names are
//! asked for page by page. Before them come those that were begun and never finished, and what clients
//! sent there themselves and nobody completed.
//!
//! A host that gives its keys in pages may leave one out while others write (wasmCloud's gives those of NATS
//! in the order of their last writes, from a number on). So what no record of a listing names is removed only
//! when none of another one does, which was made after it: what moved a key past the end of a page moved it
//! into an earlier one.

use super::Kv;
use super::chunks::{CHUNKS, UploadId, chunk_key, owner};
use super::record::{Record, State};
use super::write::entry_of;
use crate::module::{ModulePath, ModuleVersion, Version};
use crate::order::sorted;
use crate::store::key::{original_key, portable_key};
use crate::store::{Entry, Error, LEFT_OVER_AFTER, Repaired};

impl Kv {
    /// One page: see [`crate::store::Store::repair`].
    pub(super) fn repair_page(
        &self,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Repaired, Error> {
        let keys = Keys::sort(self.port.keys()?);
        let mut again = None;
        let mut is_left_over = |id: &str| {
            if !self.is_left_over(id, &keys.owners)? {
                return Ok(false);
            }
            let again = match &mut again {
                Some(again) => again,
                none => none.insert(Keys::sort(self.port.keys()?).owners),
            };
            self.is_left_over(id, again)
        };
        let mut page = Repaired::default();
        let mut walk = Walk {
            cursor,
            go_on,
            begun: false,
        };
        for records in keys.records.chunk_by(|a, b| a.0 == b.0) {
            let Some((group, _)) = records.first() else {
                continue;
            };
            match walk.step(group) {
                Step::Past => continue,
                Step::Take => self.repair_module(records, &mut page)?,
                Step::Stop => {
                    page.cursor = Some(group.clone());
                    return Ok(page);
                }
            }
        }
        let mut leftovers = Vec::new();
        for chunks in keys.chunks.chunk_by(|a, b| a.0 == b.0) {
            if let Some((id, _)) = chunks.first() {
                leftovers.push((format!("{}{id}", Keys::CHUNKS_LAST), id.clone(), chunks));
            }
        }
        for (place, id, chunks) in leftovers {
            match walk.step(&place) {
                Step::Past => continue,
                Step::Take if !is_left_over(&id)? => continue,
                Step::Take => {
                    let chunks = chunks.iter().map(|(_, number)| chunk_key(&id, *number));
                    self.port.delete(&chunks.collect::<Vec<String>>())?;
                }
                Step::Stop => {
                    page.cursor = Some(place);
                    return Ok(page);
                }
            }
            page.removed += 1;
        }
        page.cursor = self.repair_objects(&mut is_left_over, &mut walk, &mut page)?;
        Ok(page)
    }

    /// Gives up the objects that were begun and never came whole, and removes what clients sent and
    /// nobody completed, and the objects that no record names. Where the next page starts, if time is up.
    fn repair_objects(
        &self,
        is_left_over: &mut dyn FnMut(&str) -> Result<bool, Error>,
        walk: &mut Walk<'_>,
        page: &mut Repaired,
    ) -> Result<Option<String>, Error> {
        if self.blobs().is_none() {
            return Ok(None);
        }
        let mark = self.mark()?;
        let own = |id: &UploadId| id.mark.is_some() && id.mark == mark;
        let own = |id: &str| UploadId::parse(id).filter(own);
        let old = |id: &str| own(id).is_some_and(|id| self.is_old(&id));
        let unfinished = |after: &str| self.discard_objects(after, &old);
        let stopped = walk.clear(Keys::UNFINISHED, &unfinished, page)?;
        #[cfg(feature = "s3")]
        let stopped = match (stopped, self.presigned_blobs()) {
            (None, Some(blobs)) => walk.clear(Keys::SENT, &|after| blobs.clear(after), page)?,
            (stopped, _) => stopped,
        };
        if stopped.is_some() {
            return Ok(stopped);
        }
        // An id is a place before its object.
        let mut after = walk.begun_in(Keys::OBJECTS_LAST);
        loop {
            let (ids, next) = self.object_ids(&after)?;
            for id in sorted(ids, String::cmp) {
                let place = format!("{}{id}", Keys::OBJECTS_LAST);
                match walk.step(&place) {
                    Step::Past => {}
                    Step::Take if own(&id).is_some() && is_left_over(&id)? => {
                        self.remove_object(&id)?;
                        page.removed += 1;
                    }
                    Step::Take => {}
                    Step::Stop => return Ok(Some(place)),
                }
            }
            match next {
                Some(last) => after = last,
                None => return Ok(None),
            }
        }
    }

    /// Brings the index of one module up to its records.
    fn repair_module(
        &self,
        records: &[(String, String)],
        page: &mut Repaired,
    ) -> Result<(), Error> {
        let mut module = None;
        let mut entries: Vec<Entry> = Vec::new();
        let mut unsettled = Vec::new();
        for (_, portable) in records {
            let Some((version, record)) = self.look_at(portable, page)? else {
                continue;
            };
            page.versions += 1;
            if let Some(entry) = entry_of(&record, &version) {
                entries.push(entry);
                if record.unsettled_since.is_some() {
                    unsettled.push((version.clone(), record));
                }
            }
            module = Some(version.path().clone());
        }
        let Some(module) = module else {
            return Ok(());
        };
        page.modules += 1;
        page.indexed += self.write_index(&module, &entries)?;
        for (version, record) in unsettled {
            self.note_settled(&version, &record)?;
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
        let record = Record::read(value);
        let own_key = || Some(record.as_ref()?.key.clone());
        // Of a hashed key the record alone tells the original; an index has one too, and is none.
        let Some(key) = original_key(portable).or_else(own_key) else {
            return Ok(None);
        };
        let Some(version) = version_of(&key) else {
            return Ok(None);
        };
        match record.filter(|record| portable_key(&record.key) == portable) {
            Some(record) => Ok(Some((version, record))),
            None => {
                page.problems
                    .push(format!("the record of {version} can't be read"));
                Ok(None)
            }
        }
    }

    /// Whether an upload can't be under way any more.
    fn is_old(&self, id: &UploadId) -> bool {
        self.entropy.unix_seconds() - id.begun >= LEFT_OVER_AFTER
    }

    /// Whether no record names what an upload left, and no upload can be under way.
    fn is_left_over(&self, id: &str, owners: &Owners) -> Result<bool, Error> {
        let Some(parsed) = UploadId::parse(id) else {
            return Ok(false);
        };
        if !self.is_old(&parsed) {
            return Ok(false);
        }
        for portable in owners.owned_by(&parsed.owner) {
            if let Some((_, record)) = self.look_at(portable, &mut Repaired::default())? {
                if record.names(id) {
                    return Ok(false);
                }
            } else if self.port.get(portable)?.is_some() {
                // A record that can't be read may name it.
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Record {
    /// Whether its bytes lie under this id.
    fn names(&self, id: &str) -> bool {
        let live = [&self.go_mod, &self.zip];
        debug_assert!(self.state == State::Published || self.zip.is_none());
        live.into_iter()
            .flatten()
            .any(|place| place.id() == Some(id))
    }
}

/// The way of one page through all that there is, in the order of places.
struct Walk<'a> {
    cursor: Option<&'a str>,
    go_on: &'a dyn Fn() -> bool,
    begun: bool,
}

/// How much was left over, and the last name seen where there is more.
type Cleared = (u64, Option<String>);

/// What a page does at a place.
enum Step {
    /// An earlier page was here.
    Past,
    /// It is this page's.
    Take,
    /// The next page starts here.
    Stop,
}

impl Walk<'_> {
    /// Where in the places that begin so the page starts: empty for their start.
    fn begun_in(&self, places: &str) -> String {
        let begun = self.cursor.and_then(|cursor| cursor.strip_prefix(places));
        begun.unwrap_or_default().to_owned()
    }

    /// Removes what is left over page by page: `clear` does it for a page that starts after a name, and
    /// tells how many there were and the last name where there are more. Where the next page of this
    /// walk starts, if time is up.
    fn clear(
        &mut self,
        places: &str,
        clear: &dyn Fn(&str) -> Result<Cleared, Error>,
        page: &mut Repaired,
    ) -> Result<Option<String>, Error> {
        let mut after = self.begun_in(places);
        loop {
            let place = format!("{places}{after}");
            match self.step(&place) {
                Step::Past => return Ok(None),
                Step::Take => {}
                Step::Stop => return Ok(Some(place)),
            }
            let (removed, next) = clear(&after)?;
            page.removed += removed;
            match next {
                Some(last) => after = last,
                None => return Ok(None),
            }
        }
    }

    fn step(&mut self, place: &str) -> Step {
        if self.cursor.is_some_and(|cursor| place < cursor) {
            return Step::Past;
        }
        // However little time there is, each page gets further.
        if self.begun && !(self.go_on)() {
            return Step::Stop;
        }
        self.begun = true;
        Step::Take
    }
}

/// All keys of the store, by what they are. What is not ours is in none of them.
struct Keys {
    /// Module and portable key of each record, by module. A hashed key is a group of its own.
    records: Vec<(String, String)>,
    /// Id and number of each chunk, by id.
    chunks: Vec<(String, u64)>,
    owners: Owners,
}

impl Keys {
    /// Sorts behind every portable key.
    const CHUNKS_LAST: &'static str = "~";
    /// Sorts behind every id of chunks, which is of digits.
    const OBJECTS_LAST: &'static str = "~~";
    /// Sorts before every id of an object.
    const UNFINISHED: &'static str = "~~!";
    /// Sorts between these two.
    #[cfg(feature = "s3")]
    const SENT: &'static str = "~~-";

    fn sort(all: Vec<String>) -> Self {
        let (mut records, mut chunks, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        for portable in all {
            let original = original_key(&portable);
            if let Some(chunk) = original.as_deref().and_then(|key| key.strip_prefix(CHUNKS)) {
                if let Some((id, number)) = chunk.split_once('/')
                    && let Ok(number) = number.parse()
                {
                    chunks.push((id.to_owned(), number));
                }
                continue;
            }
            let group = match &original {
                Some(key) => match module_and_file(key) {
                    Some((module, file)) if file != "list" => module.to_owned(),
                    _ => continue,
                },
                None if portable.starts_with("h=") => portable.clone(),
                None => continue,
            };
            owners.push((owner(&portable), portable.clone()));
            records.push((group, portable));
        }
        Keys {
            records: sorted(records, |a, b| a.0.cmp(&b.0)),
            chunks: sorted(chunks, |a, b| a.0.cmp(&b.0)),
            owners: Owners(sorted(owners, |a, b| a.0.cmp(&b.0))),
        }
    }
}

/// The owner part of ids and the portable key of the record that it stands for, by owner.
struct Owners(Vec<(String, String)>);

impl Owners {
    /// The portable keys of the records that what has this owner part can belong to.
    fn owned_by<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a String> {
        let first = self.0.partition_point(|(own, _)| own.as_str() < owner);
        let rest = self.0.iter().skip(first);
        rest.take_while(move |(own, _)| own == owner)
            .map(|(_, portable)| portable)
    }
}

/// The escaped path and what stands behind `/@v/` in the key of a record or an index.
fn module_and_file(key: &str) -> Option<(&str, &str)> {
    let (folder, file) = key.rsplit_once('/')?;
    Some((folder.strip_suffix("/@v")?, file))
}

/// The version whose record stands under a key.
fn version_of(key: &str) -> Option<ModuleVersion> {
    let (module, version) = module_and_file(key)?;
    let module = ModulePath::from_escaped(module).ok()?;
    let version = Version::from_escaped(version).ok()?;
    ModuleVersion::new(module, version).ok()
}
