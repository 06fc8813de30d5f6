//! What an instance remembers of those it let in, so that letting them in again takes one short read, or none of
//! its own: a store that reads several values by one call tells the generation with what is asked for, and the
//! answer waits until that has been looked at.
//!
//! All that is kept has a generation, a text that never comes twice: each change ends with a new one
//! (`writing`). As long as it stands, what was read of a project and a token is what would be read again,
//! however many documents that takes. That somebody was refused is not remembered: to them what is there
//! and what is not must look alike.
//!
//! What was read is good for a generation that had been seen before it was read. The two come by one call,
//! and no store promises in which order: so one request sees the generation, the next one is remembered,
//! and the one after that is spared.
//!
//! A module that was not asked for before is in the project that has the longest of its beginnings, and most often
//! that is one by which the same token was let in to another module. So for who has a token the generation is read,
//! with the documents of the longer beginnings alone: where it stands and none of them is there, the same holds.
//! (Where not, all is read by a second call, which who has none is not to cost. Nothing of the module is read before
//! that is known: it would take longer where there is something, which may not be for the caller.)
//!
//! For who comes for the first time neither is the generation read nor is anything remembered: so it is with all on
//! the hosts that make an instance a request.
//!
//! What the document of a project says is remembered by the document itself, whoever asked, and so is never out of
//! date: it spares reading its lines again.

use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::find::{Asked, Found, beginnings};
use super::met::Met;
use super::names::{GENERATION, Prefixes};
use super::record::ProjectCopy;
use super::{DEEPEST, Kept};
use crate::access::Token;
use crate::access::token::same_hash;
use crate::bytes::{equal, equal_if_any};
use crate::http::Failure;
use crate::lately::{Lately, hash_of};
use crate::store::Brought;

/// As many of those who were let in are remembered, each with one module.
const MOST: usize = 64;
/// As many are remembered with what a module begins with.
const MOST_ABOVE: usize = 32;
/// And of so many it is known that they were let in once: callers, and each with one module.
const MOST_CALLERS: usize = 64;
const MOST_MET: usize = 256;
/// As many copies of projects need not be read anew: that took 5,700 of the 18,500 instructions of access on a first
/// hit.
const MOST_COPIES: usize = 16;
const MOST_MET_COPIES: usize = 64;
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
    /// The same by the shortest beginning of the module for which the same was found.
    above: Lately<Asker, Rc<LetIn>, MOST_ABOVE>,
    callers: Met<MOST_CALLERS>,
    met: Met<MOST_MET>,
    /// Copies of projects that were read more than once, by what stands in their documents.
    copies: Lately<Value, Rc<ProjectCopy>, MOST_COPIES>,
    met_copies: Met<MOST_MET_COPIES>,
}

/// What stood in a document.
struct Value(Box<[u8]>);

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq<[u8]> for Value {
    fn eq(&self, other: &[u8]) -> bool {
        equal(&self.0, other)
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        *self == *other.0
    }
}

/// Who asks, and about what.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    /// The SHA-256 of a secret, if one was presented.
    secret: Option<[u8; 32]>,
    named: Option<&'a str>,
    module: Option<&'a str>,
    reach: Option<usize>,
    /// Of who asks, and by which name of a project; and of all that is remembered.
    who: u64,
    hash: u64,
}

impl<'a> Asking<'a> {
    pub fn new(secret: Option<&[u8; 32]>, asked: &Asked<'a>) -> Self {
        let asking = Asking {
            secret: secret.copied(),
            named: asked.named,
            module: None,
            reach: asked.reach,
            who: hash_of(&(secret, asked.named)),
            hash: 0,
        };
        asking.about(asked.module)
    }

    /// The same of another module.
    fn about(&self, module: Option<&'a str>) -> Self {
        Asking {
            module,
            hash: hash_of(&(self.who, module)),
            ..*self
        }
    }
}

impl Hash for Asking<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

/// The same, to be remembered.
struct Asker {
    secret: Option<[u8; 32]>,
    named: Option<String>,
    module: Option<String>,
    hash: u64,
}

impl Asker {
    fn new(asking: &Asking) -> Self {
        Asker {
            secret: asking.secret,
            named: asking.named.map(str::to_owned),
            module: asking.module.map(str::to_owned),
            hash: asking.hash,
        }
    }
}

impl PartialEq<Asking<'_>> for Asker {
    fn eq(&self, other: &Asking) -> bool {
        equal_if_any(self.module.as_ref(), other.module)
            && match (&self.secret, &other.secret) {
                (Some(own), Some(other)) => same_hash(own, other),
                (own, other) => own.is_none() && other.is_none(),
            }
            && equal_if_any(self.named.as_ref(), other.named)
    }
}

impl PartialEq for Asker {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret && self.named == other.named && self.module == other.module
    }
}

impl Hash for Asker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
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
    /// Whether it was another module of the project.
    of_another: bool,
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

    /// What a copy of a project says: as it was read before, or read now.
    pub(super) fn copy(&self, value: &[u8]) -> Option<Rc<ProjectCopy>> {
        let known = self.copies.find(value);
        known.or_else(|| {
            let copy = ProjectCopy::parse(value)?;
            let hash = hash_of(value);
            match self.met_copies.has(hash) {
                true => self.copies.keep(Value(value.into()), Rc::clone(&copy)),
                false => self.met_copies.add(hash),
            }
            Some(copy)
        })
    }

    /// Whether whoever asks was let in before: with a token to whatever it was, else to the same.
    pub(super) fn has_met(&self, asking: &Asking) -> bool {
        match asking.secret {
            Some(_) => self.callers.has(asking.who),
            None => self.met.has(asking.hash),
        }
    }

    /// Takes note that somebody was let in, and by what where the generation of it is known: for another module that
    /// begins so, and for the same one where it was asked for before.
    pub(super) fn keep(&self, asking: &Asking, let_in: Option<LetIn>, reaches: Option<&str>) {
        self.callers.add(asking.who);
        let let_in = let_in.map(Rc::new);
        if let (Some(let_in), Some(reaches)) = (&let_in, reaches)
            && asking.secret.is_some()
            && asking.module != Some(reaches)
        {
            let above = Asker::new(&asking.about(Some(reaches)));
            self.above.keep(above, Rc::clone(let_in));
        }
        self.keep_again(asking, let_in.as_ref());
    }

    /// Remembers by what somebody was let in who was let in to the same before; takes note of others.
    pub(super) fn keep_again(&self, asking: &Asking, let_in: Option<&Rc<LetIn>>) {
        match let_in.filter(|_| self.met.has(asking.hash)) {
            Some(let_in) => self.let_in.keep(Asker::new(asking), Rc::clone(let_in)),
            None => self.met.add(asking.hash),
        }
    }
}

impl Kept<'_> {
    /// By what whoever asks was let in to the same before, or to another module of the project, if it still stands.
    /// Where the store can tell with the next thing that is read, what is given out is to be looked at then
    /// ([`Kept::stands`]); else it is read here, for who is remembered.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) fn recall(
        &self,
        asking: &Asking,
        now: Instant,
    ) -> Result<Option<Recalled>, Failure> {
        let Some((known, longer)) = self.remembered.known(asking, now) else {
            return Ok(None);
        };
        let of_another = longer.is_some();
        let expected = known.generation.as_deref();
        let comes_along = !of_another && self.documents.bring_along(GENERATION, expected);
        if !comes_along {
            let mut names = Vec::with_capacity(DEEPEST);
            if let Some(longer) = &longer {
                names.extend(longer.documents());
            }
            names.push(GENERATION);
            let mut values = self.get(&names)?;
            let generation = values.pop().flatten();
            let is_still = self.is_still(&known.generation, generation);
            if !is_still || values.iter().any(Option::is_some) {
                return Ok(None);
            }
        }
        Ok(Some(Recalled {
            known,
            comes_along,
            of_another,
        }))
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
        let is_still = equal_if_any(known.as_ref(), now.as_ref());
        if !is_still {
            self.remembered.saw(now);
        }
        is_still
    }
}

impl Remembered {
    /// By what whoever asks was let in to the same; or, with a token, to what has the longest beginning of its module
    /// that is known, and the documents of those that are longer.
    fn known<'a>(
        &self,
        asking: &Asking<'a>,
        now: Instant,
    ) -> Option<(Rc<LetIn>, Option<Prefixes<'a>>)> {
        let holds = |known: &Rc<LetIn>| {
            self.seen.is(&(), |seen| {
                equal_if_any(seen.as_ref(), known.generation.as_ref())
            }) && now.saturating_duration_since(known.at) < HOLDS
        };
        if let Some(known) = self.let_in.find(asking).filter(holds) {
            return Some((known, None));
        }
        asking.secret?;
        let mut beginnings = beginnings(asking.module?, asking.reach);
        let mut shorter = beginnings.iter().enumerate().skip(1);
        let (at, known) = shorter.find_map(|(at, beginning)| {
            let known = self.above.find(&asking.about(Some(beginning)));
            Some((at, known.filter(holds)?))
        })?;
        beginnings.truncate(at);
        Some((known, Some(Prefixes::new(beginnings))))
    }
}

impl Recalled {
    /// By what was let in whoever asks, where that was to another module.
    pub(super) fn of_another(&self) -> Option<&Rc<LetIn>> {
        self.of_another.then_some(&self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Configuration, Map, Memory};
    use super::*;
    use crate::access::Projects;

    #[test]
    fn a_copy_that_was_read_is_known_again_and_another_is_read() {
        let remembered = Remembered::default();
        let text = |state: &str| {
            let text =
                "project 7\npath team/m\nvisibility public\nenabled yes\nmodule example.com/m\n";
            format!("{text}state {state}\nend\n").into_bytes()
        };
        assert!(remembered.copy(&text("one")).is_some());
        assert!(remembered.copies.find(&*text("one")).is_none(), "once");
        let first = remembered.copy(&text("one")).expect("a copy");
        let again = remembered.copy(&text("one")).expect("a copy");
        assert!(Rc::ptr_eq(&first, &again));
        let other = remembered.copy(&text("two")).expect("a copy");
        assert_eq!(
            [&*first.state, &*other.state, &*first.project.path],
            ["one", "two", "team/m"]
        );
        assert!(remembered.copy(b"project 7\n").is_none());
        assert!(remembered.copy(b"project 7\n").is_none());
        let value = |state| Value(text(state).into());
        assert!(value("one") == value("one") && value("one") == *text("one"));
        assert!(value("one") != value("two") && value("one") != *text("two"));
    }

    #[test]
    fn where_a_project_is_named_it_is_read_each_time_as_is_what_stands_for_one_that_is_not() {
        let map = Map::default();
        let documents = Memory::new(&map);
        let configuration = Configuration::new("[]");
        let kept = configuration.kept(&documents);
        let json = r#"[{"id":7,"path":"team/m","modules":["example.com/m"]}]"#;
        for project in Projects::parse_list(json).expect("a project").configured() {
            kept.put_project(project).expect("a project that is new");
        }
        for (named, is_known) in [(Some("7"), false), (Some("8"), false), (None, true)] {
            let asked = Asked {
                named,
                module: Some("example.com/m/sub"),
                reach: None,
            };
            for _ in 0..3 {
                let answers = kept.ask(&asked, None, false).expect("documents");
                let found = answers.projects(&|_| true).expect("a project");
                assert_eq!(found.owner.map(|it| it.id.clone()).as_deref(), Some("7"));
            }
            let map = map.borrow();
            let mut values = map.values();
            let copies = &configuration.remembered.copies;
            assert_eq!(values.any(|it| copies.find(&**it).is_some()), is_known);
        }
    }

    #[test]
    fn nobody_is_taken_for_another_by_a_hash_that_is_the_same() {
        let asked = Asked {
            named: Some("7"),
            module: Some("example.com/m"),
            reach: None,
        };
        let asking = Asking::new(Some(&[1; 32]), &asked);
        let asker = Asker::new(&asking);
        assert!(asker == asking && asker == Asker::new(&asking));
        for other in [
            Asking {
                secret: Some([2; 32]),
                ..asking
            },
            Asking {
                secret: None,
                ..asking
            },
            Asking {
                named: None,
                ..asking
            },
            Asking {
                module: Some("example.com/n"),
                ..asking
            },
        ] {
            assert!(asker != other && asker != Asker::new(&other));
        }
    }
}
