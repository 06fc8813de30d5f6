//! What an instance remembers of those it let in, so that letting them in again takes one short read, or none of
//! its own: a store that reads several values by one call tells the generation with what is asked for, and the
//! answer waits until that has been looked at.
//!
//! All that is kept has a generation, a text that never comes twice: each change ends with a new one
//! (`writing`). As long as it stands, what was read of a project and a token is what would be read again,
//! however many documents that takes. Who was refused is not remembered: to them what is there and what is
//! not must look alike.
//!
//! What was read is good for a generation that had been seen before it was read. The two come by one call,
//! and no store promises in which order: so one request sees the generation, the next one is remembered,
//! and the one after that is spared.
//!
//! What is asked for the first time is neither remembered nor is the generation read with it: most of what
//! a download of a hundred modules asks for is asked for once, as is all on the hosts that make an instance
//! a request.

use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Kept;
use super::find::{Asked, Found};
use super::met::Met;
use super::names::GENERATION;
use crate::access::Token;
use crate::http::Failure;
use crate::lately::Lately;
use crate::store::Brought;

/// As many of those who were let in are remembered, each with one module.
const MOST: usize = 64;
/// And of so many it is known that they were let in once.
const MOST_MET: usize = 256;
/// For so long what was read is taken to be of its generation. Other hands than ours may change what is
/// kept, the documents of some stores reach their readers one before the other, and a write that a store
/// was sent again may bring back a generation that was.
const HOLDS: Duration = Duration::from_secs(10);

/// What stands in the document; none before the first change.
pub(super) type Generation = Option<Vec<u8>>;

/// What an instance remembers. Empty in a clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The generation as it was last seen.
    seen: Lately<(), Generation, 1>,
    let_in: Lately<Asker, Rc<LetIn>, MOST>,
    met: Met<MOST_MET>,
}

/// Who asks, and about what.
#[derive(Clone, Copy, PartialEq, Hash)]
pub(super) struct Asking<'a> {
    /// The SHA-256 of a secret, if one was presented.
    secret: Option<&'a [u8; 32]>,
    named: Option<&'a str>,
    module: Option<&'a str>,
}

impl<'a> Asking<'a> {
    pub fn new(secret: Option<&'a [u8; 32]>, asked: &Asked<'a>) -> Self {
        Asking {
            secret,
            named: asked.named,
            module: asked.module,
        }
    }
}

/// The same, to be remembered.
struct Asker {
    secret: Option<[u8; 32]>,
    named: Option<String>,
    module: Option<String>,
}

impl Asker {
    fn asking(&self) -> Asking<'_> {
        Asking {
            secret: self.secret.as_ref(),
            named: self.named.as_deref(),
            module: self.module.as_deref(),
        }
    }
}

impl PartialEq<Asking<'_>> for Asker {
    fn eq(&self, other: &Asking) -> bool {
        self.asking() == *other
    }
}

impl PartialEq for Asker {
    fn eq(&self, other: &Self) -> bool {
        *self == other.asking()
    }
}

impl Hash for Asker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asking().hash(state);
    }
}

/// By what somebody was let in.
pub(super) struct LetIn {
    /// The token that was presented, if it is kept.
    pub token: Option<Rc<Token>>,
    /// The projects that the request was about.
    pub found: Found,
    /// Of which generation both are.
    pub generation: Generation,
    /// When the request came for which they were read.
    pub at: Instant,
}

/// What was recalled of somebody.
pub(super) struct Recalled {
    pub known: Rc<LetIn>,
    /// Whether its generation is to come with what is read next.
    comes_along: bool,
}

impl Remembered {
    /// What was seen of the generation before.
    pub(super) fn before(&self) -> Option<Generation> {
        self.seen.find(&())
    }

    /// Takes note of the generation.
    pub(super) fn saw(&self, generation: Generation) {
        self.seen.keep((), generation);
    }

    /// Whether the same was let in lately.
    pub(super) fn has_met(&self, asking: &Asking) -> bool {
        self.met.has(asking)
    }

    /// Takes note that somebody was let in.
    pub(super) fn meet(&self, asking: &Asking) {
        self.met.add(asking);
    }

    /// Remembers by what somebody was let in.
    pub(super) fn keep(&self, asking: &Asking, let_in: LetIn) {
        let asker = Asker {
            secret: asking.secret.copied(),
            named: asking.named.map(str::to_owned),
            module: asking.module.map(str::to_owned),
        };
        self.let_in.keep(asker, Rc::new(let_in));
    }
}

impl Kept<'_> {
    /// By what whoever asks was let in to the same before, if it still stands. Where the store can tell with the
    /// next thing that is read, what is given out is to be looked at then ([`Kept::stands`]); else it is read here,
    /// for who is remembered.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) fn recall(
        &self,
        asking: &Asking,
        now: Instant,
    ) -> Result<Option<Recalled>, Failure> {
        let holds = |known: &Rc<LetIn>| {
            self.remembered.before().as_ref() == Some(&known.generation)
                && now.saturating_duration_since(known.at) < HOLDS
        };
        let known = self.remembered.let_in.find(asking);
        let Some(known) = known.filter(holds) else {
            return Ok(None);
        };
        let expected = known.generation.as_deref();
        let comes_along = self.documents.bring_along(GENERATION, expected);
        if !comes_along && !self.is_still(&known.generation, self.one(GENERATION)?) {
            return Ok(None);
        }
        Ok(Some(Recalled { known, comes_along }))
    }

    /// Whether what was recalled still stood when the answer was read.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) fn stands(&self, recalled: &Recalled) -> Result<bool, Failure> {
        if !recalled.comes_along {
            return Ok(true);
        }
        let generation = match self.documents.brought() {
            Brought::AsExpected => return Ok(true),
            Brought::Other(generation) => generation,
            Brought::Nothing => self.one(GENERATION)?,
        };
        Ok(self.is_still(&recalled.known.generation, generation))
    }

    fn is_still(&self, known: &Generation, now: Generation) -> bool {
        let is_still = *known == now;
        if !is_still {
            self.remembered.saw(now);
        }
        is_still
    }
}
