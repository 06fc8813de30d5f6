//! What a request asks of all that is kept: everything at once, by one call of the store.

use std::hint::black_box;
use std::rc::Rc;

use super::names::{NOBODYS, NOTHING, hash_document, named_document, prefix_document};
use super::record::{ProjectRecord, TokenRecord};
use super::{DEEPEST, Kept, hides, unreadable};
use crate::access::{Grant, Now, Project, Token};
use crate::hex;
use crate::http::Failure;
use crate::lately::Lately;

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
    b"project 0\npath nobodys/project\nvisibility private\nenabled no\n\
    module nobody.example.com/project\nend\n";

/// What is kept of it. Read only when it is asked for: who is refused for the secret is told so,
/// whatever is the matter with the projects.
pub struct Answers<'a> {
    kept: Kept<'a>,
    module: Option<&'a str>,
    /// The documents that were read.
    names: Vec<String>,
    /// The project that is named, and which of those is its own.
    named: Option<(&'a str, usize, Option<Vec<u8>>)>,
    owner: Option<(&'a str, Vec<u8>)>,
    secret: Option<([u8; 32], Vec<u8>)>,
}

/// The projects that a request is about, as far as the store knows them.
#[derive(Default)]
pub struct Found {
    /// The one that it names.
    pub named: Option<Rc<Project>>,
    /// The one that owns the module.
    pub owner: Option<Rc<Project>>,
}

impl<'a> Kept<'a> {
    /// Looks up what a request is about, and the token whose secret has this SHA-256. One call of the
    /// store, or none where nothing is asked.
    ///
    /// # Errors
    /// The store's failure.
    pub fn ask(
        &self,
        asked: &Asked<'a>,
        secret: Option<&[u8; 32]>,
    ) -> Result<Answers<'a>, Failure> {
        let prefixes = asked
            .module
            .map_or_else(Vec::new, |module| beginnings(module, asked.reach));
        let mut names = Vec::with_capacity(prefixes.len() + 2);
        names.extend(secret.map(|hash| hash_document(&hex::encode(hash))));
        let mut named = None;
        if let Some(name) = asked.named
            && let Some(document) = named_document(name)
        {
            named = Some((name, names.len(), None));
            names.push(document);
        }
        names.extend(prefixes.iter().map(|prefix| prefix_document(prefix)));
        let mut values = match names.is_empty() {
            true => Vec::new().into_iter(),
            false => self.get(&names)?.into_iter(),
        };
        let secret = secret.and_then(|hash| Some((*hash, values.next().flatten()?)));
        if let Some((_, _, value)) = &mut named {
            *value = values.next().flatten();
        }
        let mut owners = prefixes.into_iter().zip(values);
        Ok(Answers {
            kept: *self,
            module: asked.module,
            names,
            named,
            owner: owners.find_map(|(prefix, value)| Some((prefix, value?))),
            secret,
        })
    }
}

impl<'a> Answers<'a> {
    /// What the secret allows, if it is that of a token that is kept and valid now.
    ///
    /// # Errors
    /// 500 for what is kept and can't be read: nobody is let in by guess.
    pub fn grant(&self, now: Now) -> Result<Option<Rc<Grant>>, Failure> {
        let Some((hash, value)) = &self.secret else {
            return Ok(None);
        };
        let token = TOKENS.with(|memory| {
            let parse = || TokenRecord::parse(value).map(|record| record.token);
            parsed_once(memory, value, parse)
        });
        let token = token
            .filter(|token| token.has_hash(hash))
            .ok_or_else(|| unreadable("the token presented"))?;
        let valid = token.is_valid(now) && !self.kept.hides_token(&token);
        Ok(valid.then(|| Rc::clone(&token.grant)))
    }

    /// The project that is named, and the one that owns the module.
    ///
    /// # Errors
    /// As [`Answers::grant`].
    pub fn projects(&self) -> Result<Found, Failure> {
        let mut found = Found::default();
        if let Some((name, _, value)) = &self.named {
            // One that is not there costs what one that is hidden from who asks does.
            let there = value.as_deref();
            let nobodys = there.is_none().then(|| black_box(NOBODYS_PROJECT.to_vec()));
            let value = there.or(nobodys.as_deref()).unwrap_or_default();
            // Read each time, lest what is remembered of one tells that it is there.
            let project = ProjectRecord::parse(value).map(|record| record.project);
            let project = project
                .filter(|project| there.is_none() || project.is_named(name))
                .ok_or_else(|| unreadable(&format!("the project {name:?}")))?;
            let hidden = self.kept.is_hidden(&project);
            let shown = !hidden && there.is_some();
            found.named = Some(Rc::new(project)).filter(|_| shown);
        }
        if let Some((prefix, value)) = &self.owner {
            let project = PROJECTS.with(|memory| {
                let parse = || ProjectRecord::parse(value).map(|record| record.project);
                parsed_once(memory, value, parse)
            });
            let project = project
                .filter(|project| project.modules.iter().any(|own| own == prefix))
                .ok_or_else(|| unreadable(&format!("the project that has {prefix}")))?;
            found.owner = Some(self.owner(project));
        }
        Ok(found)
    }

    /// Has the store look up as much once more, with nobody's project where the one that is named is not
    /// there, and nothing where it is. Reading takes a store longer than finding nothing: done before a
    /// refusal, so that the time it takes tells nobody which of the two it was. (A project of very many
    /// prefixes is a longer document than nobody's.)
    pub fn even_out(&self) {
        if let Some((_, at, value)) = &self.named {
            let mut names = self.names.clone();
            if let Some(name) = names.get_mut(*at) {
                *name = if value.is_some() { NOTHING } else { NOBODYS }.to_owned();
            }
            // Whatever comes of it, the refusal stands.
            let _ = self.kept.get(&names);
        }
    }

    /// Who owns what a kept project does, which one of the configuration may hide.
    fn owner(&self, project: Rc<Project>) -> Rc<Project> {
        let kept = &self.kept;
        if !kept.is_hidden(&project) {
            return project;
        }
        let configured = self.module.and_then(|module| kept.projects.owner(module));
        match configured {
            Some((own, 1..)) if hides(own, &project) => Rc::clone(own),
            _ => Rc::new(Project {
                enabled: false,
                ..(*project).clone()
            }),
        }
    }
}

/// As many records of each kind are remembered. The store is asked each time; what it says is parsed again
/// only where a byte of it differs. Most requests meet few records.
const READ_LATELY: usize = 32;

type ReadLately<T> = Lately<Vec<u8>, Rc<T>, READ_LATELY>;

thread_local! {
    static PROJECTS: ReadLately<Project> = const { Lately::new() };
    static TOKENS: ReadLately<Token> = const { Lately::new() };
}

/// What a record says: as it was parsed before, or is now.
fn parsed_once<T>(
    memory: &ReadLately<T>,
    value: &[u8],
    parse: impl FnOnce() -> Option<T>,
) -> Option<Rc<T>> {
    if let Some(known) = memory.find(value) {
        return Some(known);
    }
    let parsed = Rc::new(parse()?);
    memory.keep(value.to_vec(), Rc::clone(&parsed));
    Some(parsed)
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
