//! What an instance remembers of those it let in, so that letting them in again takes one short read.
//!
//! All that is kept has a generation, a text that never comes twice: each change ends with a new one
//! (`writing`). As long as it stands, what was read of a project and a token is what would be read again,
//! however many documents that takes. Who was refused is not remembered: to them what is there and what is
//! not must look alike.
//!
//! What was read is good for a generation that had been seen before it was read. The two come by one call,
//! and no store promises in which order: so one request sees the generation, the next one is remembered,
//! and the one after that is spared. The first one of an instance does not ask: on most hosts there is no
//! other.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Kept;
use super::find::{Asked, Found};
use super::names::GENERATION;
use crate::access::Token;
use crate::http::Failure;
use crate::lately::Lately;

/// As many of those who were let in are remembered, each with one module.
const MOST: usize = 64;
/// For so long what was read is taken to be of its generation. Other hands than ours may change what is
/// kept, the documents of some stores reach their readers one before the other, and a write that a store
/// was sent again may bring back a generation that was.
const HOLDS: Duration = Duration::from_secs(10);

/// What stands in the document; none before the first change.
pub(super) type Generation = Option<Vec<u8>>;

/// What an instance remembers. Empty in a clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The generation as it was last seen. None in an instance that has answered nothing, and inside it
    /// none in one that has not asked for it.
    seen: Lately<(), Option<Generation>, 1>,
    let_in: Lately<Asker, Rc<LetIn>, MOST>,
}

/// Who asked, and about what.
#[derive(PartialEq)]
struct Asker {
    secret: Option<[u8; 32]>,
    named: Option<String>,
    module: Option<String>,
}

/// The SHA-256 of a secret, if one was presented, and what was asked.
pub(super) type Asking<'a> = (Option<&'a [u8; 32]>, &'a Asked<'a>);

impl PartialEq<Asking<'_>> for Asker {
    /// The secret first: by how long this takes nobody learns what others asked for.
    fn eq(&self, (secret, asked): &Asking<'_>) -> bool {
        self.secret.as_ref() == *secret
            && self.module.as_deref() == asked.module
            && self.named.as_deref() == asked.named
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

impl Remembered {
    /// What was seen of the generation before; none where it is not worth asking for.
    pub(super) fn before(&self) -> Option<Option<Generation>> {
        self.seen.find(&())
    }

    /// Takes note of the generation; none where it was not asked for.
    pub(super) fn saw(&self, generation: Option<Generation>) {
        self.seen.keep((), generation);
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
            self.remembered.before().flatten().as_ref() == Some(&known.generation)
                && now.saturating_duration_since(known.at) < HOLDS
        };
        let known = self.remembered.let_in.find(&asking);
        let Some(known) = known.filter(holds) else {
            return Ok(None);
        };
        let generation = self.one(GENERATION)?;
        if generation == known.generation {
            return Ok(Some(known));
        }
        self.remembered.saw(Some(generation));
        Ok(None)
    }
}
