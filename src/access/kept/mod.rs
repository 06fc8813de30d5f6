//! Projects and tokens that are kept in the store, so that they can change without a redeploy; with
//! those of the configuration, which wins. Knows no store: documents come and go by a port.
//!
//! A project is a document under its id, which is the truth, and copies of it under both names that
//! clients give it and under each of its prefixes; a token under its name, which is the truth, and a copy
//! under its hash. So whatever a request asks for is found by keyed reads, however much there is. A copy
//! tells all that a request needs, and of which state of the project it is: of one that meets two
//! states both must allow what is asked. The truth names what is still to be removed of
//! an earlier state, so that a change which was stopped is finished by the same one again (`projects`,
//! `tokens`).
//!
//! Every change ends with a new generation of it all, by which instances know that what they remember
//! still stands (`remembered`).
//!
//! What the configuration names too is hidden: a token then is the configuration's or none. What a
//! hidden project owned belongs to the project that hides it where that one has a prefix over it, and
//! else to nobody, so that no stranger gets it.

mod fields;
mod find;
mod look;
mod lookup;
mod met;
mod names;
mod projects;
mod record;
mod remembered;
mod repair;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tokens;
mod writing;

use std::borrow::Cow;
use std::time::Duration;

use super::{Project, Projects, Token};
use crate::http::{Failure, Kind};
use crate::store::{self, Brought};

pub use find::{Answers, Asked, Found};
pub use look::Look;
pub use record::{ProjectRecord, TokenRecord};
pub use remembered::Remembered;
pub use repair::Mended;

/// As many elements as a prefix in the store may have: each of a module path's beginnings is looked
/// for. GitLab nests twenty groups.
const DEEPEST: usize = 24;
/// As many documents as are read at once, or as wait for their removal.
const AT_ONCE: usize = 100;
/// As many as a page of a list has.
const MOST_LISTED: usize = 1000;

/// Where documents are kept.
pub trait Documents {
    /// The documents of these names, in their order.
    ///
    /// # Errors
    /// The store's, as all below.
    fn get(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, store::Error>;
    /// The document of this name.
    ///
    /// # Errors
    /// The store's.
    fn one(&self, name: &str) -> Result<Option<Vec<u8>>, store::Error> {
        let mut values = self.get(&[name])?;
        Ok(values.pop().flatten())
    }
    /// Has what the request reads next bring this document along. Whether it can.
    fn bring_along(&self, _name: &str, _expected: Option<&[u8]>) -> bool {
        false
    }
    /// What came along.
    fn brought(&self) -> Brought {
        Brought::Nothing
    }
    /// Keeps a document over any other of that name.
    ///
    /// # Errors
    /// It may have been written nevertheless.
    fn set(&self, name: &str, value: &[u8]) -> Result<(), store::Error>;
    /// Removes a document; one that is not there is fine.
    ///
    /// # Errors
    /// It may have been removed nevertheless.
    fn remove(&self, name: &str) -> Result<(), store::Error>;
    /// The names that start with `prefix`, in order, behind `after`, at most so many.
    ///
    /// # Errors
    /// The store's.
    fn names(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, store::Error>;
    /// Waits until what another began to write has landed.
    fn wait(&self, time: Duration);
    /// A number by chance, which does not come twice.
    fn random(&self) -> u64;
}

/// What is kept, and what the configuration says.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    /// Where it is kept.
    pub documents: &'a dyn Documents,
    /// The projects of the configuration.
    pub projects: &'a Projects,
    /// The tokens of the configuration.
    pub tokens: &'a [Token],
    /// What this instance remembers of those it let in.
    pub remembered: &'a Remembered,
    /// Told what a change does, in words for the log, before its first write.
    pub begun: &'a dyn Fn(&str),
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// It was there and is another now.
    Changed,
    /// It was so before.
    Unchanged,
    /// It was there.
    Removed,
    /// It was not there.
    Absent,
}

/// A change that was carried out, or found nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What it came to.
    pub outcome: Outcome,
    /// What was changed and how, in words for the log.
    pub what: String,
}

/// A change that was refused or did not get to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Why.
    pub failure: Failure,
    /// What was begun, in words for the log. Part of it may be done, or all.
    pub midway: Option<String>,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Broken {
            failure,
            midway: None,
        }
    }
}

/// What a page of a list has, and where the next one starts.
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// The documents that can't be read.
    pub unreadable: Vec<String>,
    /// None at the end.
    pub cursor: Option<String>,
}

/// Reads an entry of a list from the name and the value of its document, if it can be read.
type ReadEntry<'a, T> = dyn Fn(&str, &[u8]) -> Option<T> + 'a;

impl Kept<'_> {
    /// Whether a project of the configuration stands in place of one that is kept. The one that is
    /// there only because nothing was configured gives way instead.
    fn is_hidden(&self, project: &Project) -> bool {
        let mut all = self.projects.configured().iter();
        all.any(|own| hides(own, project))
    }

    fn hides_token(&self, token: &Token) -> bool {
        let mut all = self.tokens.iter();
        all.any(|own| own.grant.name == token.grant.name || own.has_hash_of(token))
    }

    fn get(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        self.documents.get(names).map_err(no_look_up)
    }

    fn one(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.documents.one(name).map_err(no_look_up)
    }

    /// One page of what lies below `prefix`, for as long as `go_on` says.
    fn page<T>(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
        read: &ReadEntry<T>,
    ) -> Result<Page<T>, Failure> {
        let after = cursor.map(|cursor| format!("{prefix}{cursor}"));
        let names = self
            .documents
            .names(prefix, after.as_deref(), MOST_LISTED)
            .map_err(|error| failed("the list can't be read", &error))?;
        let mut page = Page {
            entries: Vec::new(),
            unreadable: Vec::new(),
            cursor: None,
        };
        let mut listed = 0;
        for some in names.chunks(AT_ONCE) {
            if listed > 0 && !go_on() {
                break;
            }
            for (document, value) in some.iter().zip(self.get(&strs(some))?) {
                listed += 1;
                let name = document.strip_prefix(prefix).unwrap_or_default();
                // What was removed meanwhile is none.
                if let Some(value) = value {
                    match read(name, &value) {
                        Some(entry) => page.entries.push(entry),
                        None => page.unreadable.push(document.clone()),
                    }
                }
                page.cursor = Some(name.to_owned());
            }
        }
        if listed == names.len() && listed < MOST_LISTED {
            page.cursor = None;
        }
        Ok(page)
    }

    /// What can be read of all that lies below `prefix`: for what is so rare that it may take long. The names
    /// are asked for at once: many stores read all of them for each page.
    fn all<T>(&self, prefix: &str, read: &ReadEntry<T>) -> Result<Vec<T>, Failure> {
        let names = self.documents.names(prefix, None, usize::MAX);
        let names = names.map_err(|error| failed("the list can't be read", &error))?;
        let mut all = Vec::new();
        for some in names.chunks(AT_ONCE) {
            for (document, value) in some.iter().zip(self.get(&strs(some))?) {
                let name = document.strip_prefix(prefix).unwrap_or_default();
                all.extend(value.and_then(|value| read(name, &value)));
            }
        }
        Ok(all)
    }
}

/// Whether a project of the configuration stands in place of one that is kept.
fn hides(own: &Project, kept: &Project) -> bool {
    own.id == kept.id || own.path == kept.path
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// The name of a token in a line of the log: in quotes where it could be taken for more words.
pub fn in_words(name: &str) -> Cow<'_, str> {
    match name.contains(|letter: char| letter.is_whitespace() || letter == '"') {
        true => Cow::Owned(format!("{name:?}")),
        false => Cow::Borrowed(name),
    }
}

fn no_look_up(error: store::Error) -> Failure {
    failed("projects and tokens can't be looked up", &error)
}

fn unreadable(what: &str) -> Failure {
    let text = format!(
        "what the store keeps of {what} can't be right: an administrator writes it once more \
         (`goproxy-edge project add`, `goproxy-edge token add`)"
    );
    Failure::new(Kind::Internal, text)
}

fn failed(what: &str, error: &store::Error) -> Failure {
    Failure::new(error.kind_of_own(), format!("{what}: {error}"))
}
