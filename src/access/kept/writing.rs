//! The writes of a change, and the looks that tell whether another came between.

use std::time::Instant;

use super::names::GENERATION;
use super::{AT_ONCE, Broken, Documents, Done, Kept, Outcome, failed, strs};
use crate::hex;
use crate::http::{Failure, Kind};
use crate::store::settle::pause;

/// What is said of a change that fails once it has begun.
const MIDWAY: &str = "the change may be carried out in part: run it again";

/// The writes of one change. What fails from the first one on may be done nevertheless.
pub(super) struct Writing<'a> {
    documents: &'a dyn Documents,
    /// What is changed, in words for the log.
    pub what: String,
    begun: Instant,
}

impl<'a> Writing<'a> {
    pub fn begin(kept: &Kept<'a>, what: String) -> Self {
        (kept.begun)(&what);
        Writing {
            documents: kept.documents,
            what,
            begun: Instant::now(),
        }
    }

    pub fn set(&self, name: &str, value: &[u8]) -> Result<(), Broken> {
        let written = self.documents.set(name, value);
        written.map_err(|error| self.midway(failed(MIDWAY, &error)))
    }

    pub fn remove(&self, name: &str) -> Result<(), Broken> {
        let removed = self.documents.remove(name);
        removed.map_err(|error| self.midway(failed(MIDWAY, &error)))
    }

    /// The documents of these names, in their order.
    pub fn get(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>, Broken> {
        let values = self.documents.get(&strs(names));
        values.map_err(|error| self.midway(failed(MIDWAY, &error)))
    }

    /// Removes those of these documents that are `ours`: another may have taken the place of one that
    /// was left behind.
    pub fn remove_ours(
        &self,
        names: &[String],
        ours: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), Broken> {
        for some in names.chunks(AT_ONCE) {
            for (name, value) in some.iter().zip(self.get(some)?) {
                if value.is_some_and(|value| ours(&value)) {
                    self.remove(name)?;
                }
            }
        }
        Ok(())
    }

    /// Looks, after longer than a write takes, whether what was written stands. No host compares and
    /// swaps: so of two administrators at once at least one is told.
    pub fn settle(&self, names: &[String], expected: &[Option<&[u8]>]) -> Result<(), Broken> {
        self.documents.wait(pause(self.begun));
        self.expect(names, expected)
    }

    /// Refuses to go on where something else stands.
    pub fn expect(&self, names: &[String], expected: &[Option<&[u8]>]) -> Result<(), Broken> {
        let mut values = Vec::new();
        for some in names.chunks(AT_ONCE) {
            values.extend(self.get(some)?);
        }
        let values = values.iter().map(Option::as_deref);
        if values.eq(expected.iter().copied()) {
            return Ok(());
        }
        let text = "somebody else changed the same at the same moment: look at the list, and run it \
                    again";
        Err(self.midway(Failure::new(Kind::Conflict, text)))
    }

    fn midway(&self, failure: Failure) -> Broken {
        Broken {
            failure,
            midway: Some(self.what.clone()),
        }
    }
}

impl Kept<'_> {
    /// Ends a change that has begun, whatever came of it: what was read before it counts no more
    /// (`remembered`). One that finds all as it should be may be the second attempt of one that was
    /// stopped just here.
    pub(super) fn ended(&self, change: Result<Done, Broken>) -> Result<Done, Broken> {
        match change {
            Ok(done) => match self.renew() {
                Ok(()) => Ok(done),
                Err(failure) => Err(Broken {
                    failure,
                    midway: match done.outcome {
                        Outcome::Unchanged | Outcome::Absent => None,
                        Outcome::Created | Outcome::Changed | Outcome::Removed => Some(done.what),
                    },
                }),
            },
            Err(broken) => {
                if broken.midway.is_some() {
                    // That it failed is told anyway.
                    let _ = self.renew();
                }
                Err(broken)
            }
        }
    }

    /// Begins a new generation.
    pub(super) fn renew(&self) -> Result<(), Failure> {
        let generation = hex::encode(&self.documents.random().to_be_bytes());
        let written = self.documents.set(GENERATION, generation.as_bytes());
        let unnoticed =
            "all is as it should be, and may go unnoticed for ten seconds: run it again";
        written.map_err(|error| failed(unnoticed, &error))
    }
}

/// A change that is refused for what another has.
pub(super) fn conflict(text: String) -> Broken {
    Failure::new(Kind::Conflict, text).into()
}

/// A change that is refused for what it is.
pub(super) fn refused(text: impl Into<String>) -> Broken {
    Failure::new(Kind::Malformed, text).into()
}
