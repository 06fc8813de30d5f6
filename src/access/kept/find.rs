//! What a request asks of all that is kept: everything at once, by one call of the store.

use std::hint::black_box;
use std::rc::Rc;

use super::names::{GENERATION, NOBODYS, NOTHING, Prefixes, hash_document, named_document};
use super::record::{ProjectCopy, TokenRecord};
use super::remembered::Generation;
use super::{DEEPEST, Kept, hides, unreadable};
use crate::access::{Project, Token};
use crate::hex;
use crate::http::Failure;

/// What a request is about.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The project that it names.
    pub named: Option<&'a str>,
    /// Its module.
    pub module: Option<&'a str>,
    /// The length of the prefix by which a project of the configuration owns the module: only longer
    /// ones count.
    pub reach: Option<usize>,
}

/// What is read in place of a project that is not there.
pub(super) const NOBODYS_PROJECT: &[u8] =
    b"project 0\npath nobodys/project\nvisibility private\nenabled no\nstate 0000000000000000\nend\n";

/// No project has this number.
const NOBODYS_ID: &str = "0";

/// What is kept of it. Read only when it is asked for: who is refused for the secret is told so,
/// whatever is the matter with the projects.
pub struct Answers<'a> {
    kept: Kept<'a>,
    asked: Asked<'a>,
    asks: Asks<'a>,
    /// The project that is named.
    named: Option<(&'a str, Option<Vec<u8>>)>,
    owner: Option<(&'a str, Vec<u8>)>,
    secret: Option<[u8; 32]>,
    /// The document of the token that has this secret.
    token: Option<Vec<u8>>,
    /// The generation that all of this is of, if that is known.
    generation: Option<Generation>,
}

/// The documents that are asked for at once.
struct Asks<'a> {
    prefixes: Prefixes<'a>,
    named: Option<String>,
    token: Option<String>,
    generation: bool,
}

impl Asks<'_> {
    /// In this order they are answered.
    fn names(&self) -> Vec<&str> {
        let mut names = Vec::with_capacity(self.prefixes.all.len() + 3);
        names.extend(self.prefixes.documents());
        names.extend(self.named.as_deref());
        names.extend(self.token.as_deref());
        names.extend(self.generation.then_some(GENERATION));
        names
    }
}

/// The projects that a request is about, as far as the store knows them.
#[derive(Clone, Default)]
pub struct Found {
    /// The one that it names.
    pub named: Option<Rc<Project>>,
    /// The one that owns the module.
    pub owner: Option<Rc<Project>>,
}

impl<'a> Kept<'a> {
    /// Looks up what a request is about, and the token whose secret has this SHA-256; with the generation, where
    /// it is to be remembered (`remembers`). One call of the store, or none where nothing is asked.
    ///
    /// # Errors
    /// The store's failure.
    pub fn ask(
        &self,
        asked: &Asked<'a>,
        secret: Option<&[u8; 32]>,
        remembers: bool,
    ) -> Result<Answers<'a>, Failure> {
        let prefixes = asked.module.map(|module| beginnings(module, asked.reach));
        let mut asks = Asks {
            prefixes: Prefixes::new(prefixes.unwrap_or_default()),
            named: asked.named.and_then(named_document),
            token: secret.map(|hash| hash_document(&hex::encode(hash))),
            generation: false,
        };
        let asks_nothing = asks.prefixes.all.is_empty() && asks.named.is_none() && secret.is_none();
        asks.generation = remembers && !asks_nothing;
        let before = asks.generation.then(|| self.remembered.before());
        let names = asks.names();
        let mut values = match names.is_empty() {
            true => Vec::new(),
            false => self.get(&names)?,
        };
        let now = asks.generation.then(|| values.pop().flatten());
        if let Some(now) = &now {
            self.remembered.saw(now.clone());
        }
        let token = secret.and_then(|_| values.pop().flatten());
        let named = asked.named.filter(|_| asks.named.is_some());
        let named = named.map(|name| (name, values.pop().flatten()));
        let mut owners = asks.prefixes.all.iter().zip(values);
        Ok(Answers {
            kept: *self,
            asked: *asked,
            named,
            owner: owners.find_map(|(prefix, value)| Some((*prefix, value?))),
            asks,
            secret: secret.copied(),
            token,
            generation: now.filter(|now| before.flatten().as_ref() == Some(now)),
        })
    }
}

impl<'a> Answers<'a> {
    /// The token that has the secret, if it is kept and none of the configuration stands in its place.
    /// It may have expired.
    ///
    /// # Errors
    /// 500 for what is kept and can't be read: nobody is let in by guess.
    pub fn token(&self) -> Result<Option<Rc<Token>>, Failure> {
        let (Some(hash), Some(value)) = (&self.secret, &self.token) else {
            return Ok(None);
        };
        let token = TokenRecord::parse(value).map(|record| record.token);
        let token = token
            .filter(|token| token.has_hash(hash))
            .ok_or_else(|| unreadable("the token presented"))?;
        Ok(Some(token)
            .filter(|token| !self.kept.hides_token(token))
            .map(Rc::new))
    }

    /// The generation that all of this is of, if that is known.
    pub(super) fn generation(&self) -> Option<&Generation> {
        self.generation.as_ref()
    }

    /// The shortest beginning of the module of which the same would be found: the prefix by which it has its owner,
    /// or, where nobody has one, the shortest of all that were looked for.
    pub(super) fn reaches(&self) -> Option<&'a str> {
        match &self.owner {
            Some((prefix, _)) => Some(prefix),
            None => self.asks.prefixes.all.last().copied(),
        }
    }

    /// The project that is named, and the one that owns the module. Two copies of one project may be of two
    /// states, while a change is under way: then both have to allow what is asked. That a copy can't be read is
    /// told to who `sees` the project; to others nothing tells that it is there.
    ///
    /// # Errors
    /// As [`Answers::token`].
    pub fn projects(&self, sees: &dyn Fn(&Project) -> bool) -> Result<Found, Failure> {
        let owner = self.owner_copy();
        let named = self.named_for(sees, &owner)?;
        let owner = self.owner_for(sees, owner, named.as_ref())?;
        let states = [&named, &owner].map(|copy| copy.as_ref().map(|copy| &copy.state));
        let of_one = states[0] == states[1];
        let named = named.map(|copy| Rc::clone(&copy.project));
        let owner = owner.map(|copy| self.owner(&copy.project));
        let named = match (named, &owner) {
            (Some(named), Some(owner)) if of_one && named.id == owner.id => Some(Rc::clone(owner)),
            (named, _) => named,
        };
        Ok(Found {
            named: named.filter(|named| named.id != NOBODYS_ID),
            owner,
        })
    }

    /// Whether one of the copies is of a project of this full path, which none of the configuration hides.
    /// Nobody's is none: on its GitLab anybody may have a project of that path.
    pub(super) fn has_met(&self, path: &str) -> bool {
        let is_it = |project: &Project| {
            project.id != NOBODYS_ID && project.path == path && !self.kept.is_hidden(project)
        };
        let copies = [self.named_copy(), self.owner_copy()];
        copies
            .iter()
            .any(|copy| matches!(copy, Document::Is(it) if is_it(&it.project)))
    }

    /// The copy of the project that is named. That it can't be read is told to who sees it as the other copy
    /// has it, if there is one.
    fn named_for(
        &self,
        sees: &dyn Fn(&Project) -> bool,
        owner: &Document,
    ) -> Result<Option<Rc<ProjectCopy>>, Failure> {
        let what = match self.named_copy() {
            Document::Is(named) => return Ok(Some(named)),
            Document::None => return Ok(None),
            Document::Unreadable(what) => what,
        };
        let name = self.asked.named.unwrap_or_default();
        let is_told = match owner {
            Document::Is(owner) if owner.project.is_named(name) => sees(&owner.project),
            _ => sees(&Project::unknown(name)),
        };
        match is_told {
            true => Err(unreadable(&what)),
            false => Ok(None),
        }
    }

    /// The copy of the project that owns the module. That it can't be read is told to who sees the project that
    /// is named, if one is; to others the module is nobody's, or who has a shorter prefix would stand in its
    /// owner's place.
    fn owner_for(
        &self,
        sees: &dyn Fn(&Project) -> bool,
        owner: Document,
        named: Option<&Rc<ProjectCopy>>,
    ) -> Result<Option<Rc<ProjectCopy>>, Failure> {
        let what = match owner {
            Document::Is(owner) => return Ok(Some(owner)),
            Document::None => return Ok(None),
            Document::Unreadable(what) => what,
        };
        let configured = self.asked.named.and_then(|it| self.kept.projects.named(it));
        let seen = configured.map(|own| &**own);
        let seen = seen.or(named.map(|copy| &*copy.project));
        match self.named.is_none() || seen.is_some_and(sees) {
            true => Err(unreadable(&what)),
            false => Ok(ProjectCopy::parse(NOBODYS_PROJECT)),
        }
    }

    /// The copy of the project that is named, if it is not hidden; of nobody's where it is not there.
    fn named_copy(&self) -> Document {
        let Some((name, value)) = &self.named else {
            return Document::None;
        };
        // One that is not there costs what one that is hidden from who asks does.
        let there = value.as_deref();
        let nobodys = there.is_none().then(|| black_box(NOBODYS_PROJECT.to_vec()));
        let value = there.or(nobodys.as_deref()).unwrap_or_default();
        let copy = ProjectCopy::parse(value);
        match copy.filter(|copy| there.is_none() || copy.project.is_named(name)) {
            Some(copy) if self.kept.is_hidden(&copy.project) => Document::None,
            Some(copy) => Document::Is(copy),
            None => Document::Unreadable(format!("the project {name:?}")),
        }
    }

    /// The copy of the project that owns the module.
    fn owner_copy(&self) -> Document {
        let Some((prefix, value)) = &self.owner else {
            return Document::None;
        };
        let copy = match self.asked.named {
            // Whether somebody has a path the plain base tells everybody, so how long it takes to read whose it is
            // tells nothing. Where a project is named it might: that may be hidden.
            None => self.kept.remembered.copy(value),
            Some(_) => ProjectCopy::parse(value),
        };
        let has_it = |copy: &Rc<ProjectCopy>| copy.project.modules.iter().any(|own| own == prefix);
        match copy.filter(has_it) {
            Some(copy) => Document::Is(copy),
            None => Document::Unreadable(format!("the project that has {prefix}")),
        }
    }

    /// Has the store look up as much once more, with nobody's project where the one that is named is not
    /// there, and nothing where it is. Reading takes a store longer than finding nothing: done before a
    /// refusal, so that the time it takes tells nobody which of the two it was.
    pub fn even_out(&self) {
        if let Some((_, value)) = &self.named {
            let mut names = self.asks.names();
            if let Some(name) = names.get_mut(self.asks.prefixes.all.len()) {
                *name = if value.is_some() { NOTHING } else { NOBODYS };
            }
            // Whatever comes of it, the refusal stands.
            let _ = self.kept.get(&names);
        }
    }

    /// Who owns what a kept project does, which one of the configuration may hide.
    fn owner(&self, project: &Rc<Project>) -> Rc<Project> {
        let kept = &self.kept;
        if !kept.is_hidden(project) {
            return Rc::clone(project);
        }
        let configured = self
            .asked
            .module
            .and_then(|module| kept.projects.owner(module));
        match configured {
            Some((own, 1..)) if hides(own, project) => Rc::clone(own),
            _ => Rc::new(Project {
                enabled: false,
                ..(**project).clone()
            }),
        }
    }
}

/// What a document says that is to be the copy of a project.
enum Document {
    None,
    Is(Rc<ProjectCopy>),
    /// What it is that can't be read.
    Unreadable(String),
}

/// The beginnings of a module path that can be prefixes longer than `reach`, the longest first.
pub(super) fn beginnings(module: &str, reach: Option<usize>) -> Vec<&str> {
    let bytes = module.bytes().enumerate();
    let ends = bytes.filter_map(|(at, byte)| (byte == b'/').then_some(at));
    let ends = ends.chain([module.len()]).take(DEEPEST);
    let longer = ends.filter(|end| reach.is_none_or(|reach| *end > reach));
    let mut all: Vec<&str> = longer.filter_map(|end| module.get(..end)).collect();
    all.reverse();
    all
}
