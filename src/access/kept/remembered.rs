//! What an instance remembers of those it let in, so that letting them in again takes one short read.
//!
//! Every change ends with a new edition of all that is kept: a text that never comes twice, in a document of
//! its own. As long as it stands there, what was read of a project and a token is what would be read again,
//! however many documents that takes. Who was refused is not remembered: to them what is there and what is
//! not must look alike.
//!
//! What was read is good for an edition that had been seen before it was read. The two come by one call,
//! and no store promises in which order: so one request sees the edition, the next one is remembered, and
//! the one after that is spared. The first one of an instance does not ask: on most hosts there is no other.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::find::{Asked, Found};
use super::names::EDITION;
use super::{Broken, Done, Kept, failed};
use crate::access::Token;
use crate::hex;
use crate::http::Failure;
use crate::lately::Lately;

/// As many of those who were let in are remembered, each with one module.
const MOST: usize = 64;
/// For so long what is kept is taken to be of its edition: other hands than ours may change it, and the
/// documents of some stores reach their readers one before the other.
const HOLDS: Duration = Duration::from_secs(10);

/// What tells one state of all that is kept from another; [`NONE_YET`] before the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edition(u64);

const NONE_YET: Edition = Edition(0);

impl Edition {
    /// Reads the document. None for one that can't be right, which is like no other.
    pub fn of(value: Option<Vec<u8>>) -> Option<Self> {
        let Some(value) = value else {
            return Some(NONE_YET);
        };
        let text = std::str::from_utf8(&value).ok();
        let text = text.filter(|text| text.len() == 16)?;
        u64::from_str_radix(text, 16).ok().map(Edition)
    }
}

/// What an instance remembers. Empty in a clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The edition as it was last seen. None in an instance that has answered nothing, and inside it none
    /// in one that has not asked.
    seen: Lately<(), Option<Edition>, 1>,
    let_in: Lately<Asker, Rc<LetIn>, MOST>,
}

/// Who asked, and about what.
#[derive(Debug, PartialEq, Eq)]
struct Asker {
    secret: Option<[u8; 32]>,
    named: Option<String>,
    module: Option<String>,
}

/// The SHA-256 of a secret, if one was presented, and what was asked.
pub(super) type Asking<'a> = (Option<&'a [u8; 32]>, &'a Asked<'a>);

impl PartialEq<Asking<'_>> for Asker {
    fn eq(&self, (secret, asked): &Asking<'_>) -> bool {
        self.module.as_deref() == asked.module
            && self.named.as_deref() == asked.named
            && self.secret.as_ref() == *secret
    }
}

/// By what somebody was let in.
pub(super) struct LetIn {
    /// The token that was presented, if it is kept.
    pub token: Option<Rc<Token>>,
    /// The projects that the request was about.
    pub found: Found,
    edition: Edition,
    at: Instant,
}

impl LetIn {
    /// By this, read at this time.
    pub fn new(token: Option<Rc<Token>>, found: Found, edition: Edition, at: Instant) -> Self {
        LetIn {
            token,
            found,
            edition,
            at,
        }
    }
}

impl Remembered {
    /// Whether the edition is asked for, and what it was before.
    pub(super) fn before(&self) -> (bool, Option<Edition>) {
        match self.seen.find(&()) {
            None => (false, None),
            Some(seen) => (true, seen),
        }
    }

    /// Takes note of the edition; none where it was not asked for.
    pub(super) fn saw(&self, edition: Option<Edition>) {
        self.seen.keep((), edition);
    }

    /// Remembers that somebody was let in.
    pub(super) fn keep(&self, (secret, asked): Asking, let_in: LetIn) {
        let asker = Asker {
            secret: secret.copied(),
            named: asked.named.map(str::to_owned),
            module: asked.module.map(str::to_owned),
        };
        self.let_in.keep(asker, Rc::new(let_in));
    }
}

impl Kept<'_> {
    /// By what whoever asks was let in to the same before, if it still stands. One call of the store, or
    /// none for who is not remembered.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) fn recall(
        &self,
        asking: Asking,
        now: Instant,
    ) -> Result<Option<Rc<LetIn>>, Failure> {
        let holds = |known: &Rc<LetIn>| {
            let (_, seen) = self.remembered.before();
            seen == Some(known.edition) && now.saturating_duration_since(known.at) < HOLDS
        };
        let known = self.remembered.let_in.find(&asking);
        let Some(known) = known.filter(holds) else {
            return Ok(None);
        };
        let edition = Edition::of(self.one(EDITION)?);
        self.remembered.saw(edition);
        Ok(Some(known).filter(|known| edition == Some(known.edition)))
    }

    /// Ends a change that has begun, whatever came of it: what was read before it counts no more. One that
    /// finds all as it should be may be the second attempt of one that was stopped just here.
    pub(super) fn ended(&self, change: Result<Done, Broken>) -> Result<Done, Broken> {
        match change {
            Ok(done) => match self.renew() {
                Ok(()) => Ok(done),
                Err(failure) => Err(Broken {
                    failure,
                    midway: Some(done.what).filter(|what| !what.is_empty()),
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

    /// Begins a new edition.
    fn renew(&self) -> Result<(), Failure> {
        let edition = hex::encode(&self.documents.chance().to_be_bytes());
        let written = self.documents.set(EDITION, edition.as_bytes());
        written.map_err(|error| {
            let what =
                "the change is carried out, and may go unnoticed for ten seconds: run it again";
            failed(what, &error)
        })
    }
}
