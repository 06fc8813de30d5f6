//! The write sequences: publish, withdraw, a go.mod alone, and the index.
//!
//! No host compares and swaps, so every write is: read, decide, write, wait longer than a write takes,
//! read back, and again until what stands agrees with the decision. Whoever reads another's content
//! back has lost and says so. The wait is what makes it sound: a writer that decided before it saw
//! ours has its write in the store when we look. A writer can be slower than we waited: under load one
//! held an index it had read for longer than that, and wrote over an entry that had been read back
//! already. So a record stays unsettled for as long as a request can take, and every read of it looks
//! after its index entry until then, and the writer itself does once, a while after its answer.

use std::time::{Duration, Instant};

use super::Kv;
use super::chunks::{Stored, Upload};
use super::record::{Place, Record, State, index_key, index_value, parse_index, record_key};
use crate::http::Afterwards;
use crate::module::{ModulePath, ModuleVersion};
use crate::store::key::portable_key;
use crate::store::settle::pause;
use crate::store::{Entry, Error, Index, Info, Outcome, Release};

/// Rounds of write and read back before we say that the store does not settle. Each lost round means
/// that another writer made progress.
const ROUNDS: usize = 32;
/// How long, in seconds, a writer may hold what it has read: the time that hosts with a limit give a
/// request.
const SLOWEST_WRITER: i64 = 30;

/// How long after its answer a writer looks at the index once more: slow writers have mostly written by then.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What the record that stands means for a writer.
enum Verdict {
    /// It says what we want said.
    Stands,
    /// It does not yet: write this.
    Write(Box<Record>),
}

impl Kv {
    /// Writes a record until it stands. `decide` looks at what stands.
    fn settle(
        &self,
        version: &ModuleVersion,
        mut decide: impl FnMut(Option<Record>) -> Result<Verdict, Error>,
    ) -> Result<Outcome, Error> {
        let key = portable_key(&record_key(version));
        let mut outcome = Outcome::Unchanged;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            match decide(self.record(version)?)? {
                Verdict::Stands => return Ok(outcome),
                Verdict::Write(record) => {
                    // A write that failed may have landed: only the read back tells.
                    let failed = self.set_and_wait(begun, &key, &record.to_value()).err();
                    outcome = Outcome::Created;
                    if let Some(error) = failed {
                        return match decide(self.record(version)?)? {
                            Verdict::Stands => Ok(outcome),
                            Verdict::Write(_) => Err(error),
                        };
                    }
                }
            }
        }
        Err(Error::Unavailable(format!(
            "{version}: other writers kept replacing the record"
        )))
    }

    /// Writes, then waits in proportion to the time since what is written was decided upon.
    fn set_and_wait(&self, begun: Instant, key: &str, value: &[u8]) -> Result<(), Error> {
        let written = self.port.set(key, value);
        self.entropy.wait(pause(begun));
        written
    }

    /// Publishes what an upload left.
    pub(super) fn write_release(
        &self,
        mut zip: Stored,
        release: &Release,
    ) -> Result<Outcome, Error> {
        let version = &release.version;
        // A go.mod that is there is the one to agree with, and need not be stored again.
        let mut record = match self.record(version)? {
            Some(there) if there.go_mod.is_some() => there,
            _ => self.mod_record(version, &release.go_mod)?,
        };
        if let Some(problem) = conflict(&record, release) {
            return Err(problem);
        }
        record = record.published(
            self.entropy.unix_seconds(),
            release.info.to_json(),
            zip.place.clone(),
            release.zip_hash.clone(),
        );
        let ours = zip.place.at.clone();
        let settled = self.settle(version, |there| match there {
            None => Ok(Verdict::Write(Box::new(record.clone()))),
            Some(there) => match conflict(&there, release) {
                Some(problem) => Err(problem),
                None if there.state == State::Published => {
                    if there.zip.as_ref().is_some_and(|place| place.at == ours) {
                        zip.keep();
                    }
                    Ok(Verdict::Stands)
                }
                None => Ok(Verdict::Write(Box::new(record.clone()))),
            },
        });
        match settled {
            Ok(outcome) => {
                // Published: what fails from here on, the next read mends.
                let _ = self.confirm(version);
                Ok(outcome)
            }
            Err(error) => {
                // Another's record stands: ours is gone, and its bytes go too. After a failure of
                // the store a late write may still name them, so they are left to `repair`.
                if !matches!(error, Error::Conflict(_) | Error::Withdrawn) {
                    zip.keep();
                }
                Err(error)
            }
        }
    }

    /// A record that holds a go.mod, in it or in chunks.
    fn mod_record(&self, version: &ModuleVersion, go_mod: &[u8]) -> Result<Record, Error> {
        // The rest of a record takes its room too.
        if go_mod.len() <= self.chunk_bytes / 2 {
            let place = Place::inline(go_mod);
            return Ok(Record::mod_only(version, place, Some(go_mod.to_vec())));
        }
        let mut upload = Upload::new(self.clone(), version);
        std::io::Write::write_all(&mut upload, go_mod).map_err(Error::from_io)?;
        let mut stored = upload.into_stored()?;
        // Few and rare: should the record never be written, `repair` removes them.
        stored.keep();
        Ok(Record::mod_only(version, stored.place.clone(), None))
    }

    /// Keeps a go.mod without a zip.
    pub(super) fn write_mod(
        &self,
        version: &ModuleVersion,
        go_mod: &[u8],
    ) -> Result<Outcome, Error> {
        let digest = super::record::sha256_hex(go_mod);
        // Before the read that decides: what was read then would be old by as long as the chunks of a
        // large go.mod take, longer than another waits, and the record would wipe out its release.
        let ours = match self.record(version)? {
            None => Some(self.mod_record(version, go_mod)?),
            Some(_) => None,
        };
        self.settle(version, |there| match there {
            Some(there) if there.state == State::Withdrawn => Err(Error::Withdrawn),
            Some(there) => match there.go_mod {
                Some(place) if place.sha256 == digest => Ok(Verdict::Stands),
                _ => Err(Error::Conflict("its go.mod differs".to_owned())),
            },
            None => match &ours {
                Some(record) => Ok(Verdict::Write(Box::new(record.clone()))),
                // Nobody removes a record.
                None => Err(Error::Unavailable(format!(
                    "{version}: its record has gone"
                ))),
            },
        })
    }

    /// Withdraws a version.
    pub(super) fn write_withdrawal(&self, version: &ModuleVersion) -> Result<Outcome, Error> {
        let now = self.entropy.unix_seconds();
        let outcome = self.settle(version, |there| match there {
            None => Err(Error::NotFound),
            Some(there) => match there.state {
                State::ModOnly => Err(Error::NotFound),
                State::Withdrawn => Ok(Verdict::Stands),
                State::Published => Ok(Verdict::Write(Box::new(there.withdrawn(now)))),
            },
        })?;
        let _ = self.confirm(version);
        // Readers may be in the middle of the zip: it is left to `repair`.
        Ok(outcome)
    }

    /// Sees to it that the index names a version, and notes it in the record once no slow writer can
    /// take it out again. Does nothing where that is noted.
    pub(super) fn confirm(&self, version: &ModuleVersion) -> Result<(), Error> {
        let Some(record) = self.record(version)? else {
            return Ok(());
        };
        let Some(entry) = entry_of(&record, version) else {
            return Ok(());
        };
        if record.unsettled_since.is_none() {
            return Ok(());
        }
        self.write_index(version.path(), &[entry])?;
        self.note_settled(version, &record)
    }

    /// [`Kv::confirm`], a while later.
    pub(super) fn confirm_later(&self, version: &ModuleVersion) -> Afterwards {
        let (store, version) = (self.clone(), version.clone());
        Box::new(move || {
            store.entropy.wait(LOOK_AGAIN);
            // Nobody waits for it, and the next read tries again.
            let _ = store.confirm(&version);
        })
    }

    /// Notes in a record whose entry the index has that it keeps it, unless the record has changed
    /// meanwhile, or is too young to tell.
    pub(super) fn note_settled(&self, version: &ModuleVersion, seen: &Record) -> Result<(), Error> {
        let now = self.entropy.unix_seconds();
        let young = |since: i64| now.saturating_sub(since) < SLOWEST_WRITER;
        if seen.unsettled_since.is_none_or(young) {
            return Ok(());
        }
        let Some(mut record) = self.record(version)?.filter(|record| record == seen) else {
            return Ok(());
        };
        record.unsettled_since = None;
        let key = portable_key(&record_key(version));
        self.port.set(&key, &record.to_value())
    }

    /// Joins entries into a module's index until they stand in it. Gives how many were not there.
    pub(super) fn write_index(&self, module: &ModulePath, entries: &[Entry]) -> Result<u64, Error> {
        let key = index_key(module);
        let portable = portable_key(&key);
        let mut missing = None;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let stored = self.port.get(&portable)?;
            let mut index = match stored.map(|value| parse_index(&key, value)) {
                None => Index::default(),
                Some(Ok(index)) => index,
                // The records are the truth: `repair` fills it again.
                Some(Err(_)) => Index::default(),
            };
            let lacking = entries.iter().filter(|entry| !index.contains(entry));
            let lacking = lacking.count() as u64;
            let first = *missing.get_or_insert(lacking);
            if lacking == 0 {
                return Ok(first);
            }
            index.merge(entries.iter().cloned());
            self.set_and_wait(begun, &portable, &index_value(&key, &index))?;
        }
        Err(Error::Unavailable(format!(
            "{module}: other writers kept replacing the index"
        )))
    }
}

/// Why a release can't be published over a record.
fn conflict(there: &Record, release: &Release) -> Option<Error> {
    let same_mod = there
        .go_mod
        .as_ref()
        .is_none_or(|place| place.sha256 == super::record::sha256_hex(&release.go_mod));
    match there.state {
        State::Withdrawn => Some(Error::Withdrawn),
        State::Published if there.zip_hash != release.zip_hash => Some(Error::Conflict(format!(
            "the zip that stands is {}",
            there.zip_hash
        ))),
        _ if !same_mod => Some(Error::Conflict("its go.mod differs".to_owned())),
        _ => None,
    }
}

/// What the index should say of a record: nothing of a go.mod alone.
pub(super) fn entry_of(record: &Record, version: &ModuleVersion) -> Option<Entry> {
    match record.state {
        State::ModOnly => None,
        State::Withdrawn => Some(Entry::withdrawn(version.version())),
        State::Published => {
            let info = Info::parse(&record.info).unwrap_or_else(|| Info {
                version: version.version().clone(),
                time: crate::module::Timestamp::ZERO,
                origin: None,
            });
            Some(Entry::published(&info))
        }
    }
}
