//! Changes to tokens that are kept.
//!
//! Only the document under its hash makes a token work. The one under its name comes first, with the
//! hashes that are still to be removed; those go before the new one comes, so that of two secrets never
//! both work. To revoke a token its hash goes first, and its name last.
//!
//! No host compares and swaps, so a hash can land after another has taken its name: whoever finds that
//! out removes it (`sweep`), and so does whoever revokes a token that has no name any more.

use super::names::{HASHES, TOKEN_NAMES, hash_document, token_document};
use super::record::TokenRecord as Record;
use super::writing::{Writing, conflict, refused};
use super::{AT_ONCE, Broken, Done, Kept, Outcome, Page, in_words, strs, unreadable};
use crate::access::{Grant, Token};
use crate::http::Failure;

/// The longest name, and the longest token as it is written down, in bytes.
const LONGEST_NAME: usize = 255;
const LONGEST: usize = 32 << 10;

/// A token that is kept, and whether the configuration hides it.
pub struct Listed {
    /// The token.
    pub token: Token,
    /// Whether one of the configuration has its name or its hash.
    pub hidden: bool,
}

pub(super) fn words(name: &str, verb: &str) -> String {
    format!("token {} {verb}", in_words(name))
}

/// As many projects of a token are named in the log, if they are not longer than that in all.
const NAMED: usize = 5;
const LONGEST_NAMED: usize = 200;

/// What a token allows now, in words for the log, whose lines have an end.
fn in_short(grant: &Grant) -> String {
    let admin = if grant.admin { "administrator, " } else { "" };
    let mut scopes: Vec<&str> = Vec::new();
    for scope in &grant.scopes {
        if !scopes.contains(&scope.name()) {
            scopes.push(scope.name());
        }
    }
    let count = grant.projects.len();
    let names = grant.projects.iter().take(NAMED);
    let names: Vec<_> = names.map(|name| in_words(name)).collect();
    let names = names.join(", ");
    let projects = match count {
        0 => "no project".to_owned(),
        1..=NAMED if names.len() <= LONGEST_NAMED => names,
        count => format!("{count} projects"),
    };
    format!("{admin}{} for {projects}", scopes.join(", "))
}

impl Kept<'_> {
    /// Keeps a token, over the one of the same name.
    ///
    /// # Errors
    /// 400 for one that can't be kept, 409 where another has its name or its hash, the store's.
    pub fn put_token(&self, token: &Token) -> Result<Done, Broken> {
        self.ended(self.give_token(token))
    }

    /// The token, with the secret of the one that is kept under its name, if there is one that can be read.
    ///
    /// # Errors
    /// The store's failure.
    pub fn with_own_secret(&self, token: Token) -> Result<Option<Token>, Failure> {
        let value = self.one(&token_document(&token.grant.name))?;
        let record = value.as_deref().and_then(Record::parse);
        let own = record.filter(|record| record.token.grant.name == token.grant.name);
        Ok(own.map(|record| token.with_secret_of(&record.token)))
    }

    fn give_token(&self, token: &Token) -> Result<Done, Broken> {
        let (name, hash) = (token.grant.name.as_str(), token.hash_text());
        let plain = Record::new(token.clone());
        let value = plain.to_value();
        if name.len() > LONGEST_NAME || value.len() > LONGEST {
            let text = format!("a name has at most {LONGEST_NAME} bytes, a token {LONGEST}");
            return Err(refused(text));
        }
        self.refuse_configured_token(token)?;
        let names = [token_document(name), hash_document(&hash)];
        let standing = self.get(&strs(&names))?;
        let (first, copy) = match standing.as_slice() {
            [first, copy] => (first.as_deref(), copy.as_deref()),
            _ => (None, None),
        };
        self.refuse_kept_elsewhere(name, &hash, copy)?;
        let expected = [Some(&*value), Some(&*value)];
        let outcome = match first {
            Some(_) if [first, copy] == expected => Outcome::Unchanged,
            Some(_) => Outcome::Changed,
            None => Outcome::Created,
        };
        let verb = match outcome {
            Outcome::Created => "added",
            _ => "changed",
        };
        let what = format!("{} ({})", words(name, verb), in_short(&token.grant));
        if outcome == Outcome::Unchanged {
            return Ok(Done { outcome, what });
        }
        let mut record = plain;
        record.former = match first {
            None => Vec::new(),
            Some(old) => self.hashes_of(name, Some(old))?,
        };
        record.former.retain(|own| *own != hash);
        record.former.dedup();
        if record.former.len() > AT_ONCE {
            let text = "earlier changes of this token did not get to their end: revoke it first";
            return Err(conflict(text.to_owned()));
        }
        let writing = Writing::begin(self, what);
        // Another may have changed it since we looked.
        let [own, _] = &names;
        writing.expect(std::slice::from_ref(own), &[first])?;
        self.write_token(&writing, &names, record, &value)?;
        Ok(Done {
            outcome,
            what: writing.what,
        })
    }

    fn write_token(
        &self,
        writing: &Writing,
        names: &[String; 2],
        record: Record,
        value: &[u8],
    ) -> Result<(), Broken> {
        let [own, by_hash] = names;
        let name = record.token.grant.name.clone();
        let begun = record.to_value();
        writing.set(own, &begun)?;
        writing.remove_ours(&documents_of(&record.former), &is_of(&name))?;
        writing.expect(std::slice::from_ref(own), &[Some(&begun)])?;
        let end = || {
            writing.set(by_hash, value)?;
            if !record.former.is_empty() {
                writing.expect(std::slice::from_ref(own), &[Some(&begun)])?;
                writing.set(own, value)?;
            }
            writing.settle(names, &[Some(value), Some(value)])
        };
        let ended = end();
        let swept = self.sweep(writing, &name, &record.hashes());
        ended.and(swept)
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// 409 for one of the configuration alone, the store's.
    pub fn revoke_token(&self, name: &str) -> Result<Done, Broken> {
        self.ended(self.take_token(name))
    }

    fn take_token(&self, name: &str) -> Result<Done, Broken> {
        let own = [token_document(name)];
        let value = self.get(&strs(&own))?.into_iter().next().flatten();
        let value = value.as_deref();
        let hashes = self.hashes_of(name, value)?;
        if value.is_none() && hashes.is_empty() {
            return match self.tokens.iter().any(|own| own.grant.name == name) {
                true => Err(conflict(of_configuration(name))),
                false => Ok(Done {
                    outcome: Outcome::Absent,
                    what: String::new(),
                }),
            };
        }
        let writing = Writing::begin(self, words(name, "revoked"));
        match value {
            Some(_) => writing.remove_ours(&documents_of(&hashes), &is_of(name))?,
            // Another may be adding it.
            None => self.sweep(&writing, name, &hashes)?,
        }
        writing.expect(&own, &[value])?;
        if value.is_some() {
            for own in &own {
                writing.remove(own)?;
            }
        }
        writing.settle(&own, &[None])?;
        self.sweep(&writing, name, &hashes)?;
        Ok(Done {
            outcome: Outcome::Removed,
            what: writing.what,
        })
    }

    /// The hashes under which a token may be, by what is kept under its name. Where that is nothing, or
    /// can't be read, they are looked for among all.
    fn hashes_of(&self, name: &str, value: Option<&[u8]>) -> Result<Vec<String>, Failure> {
        if let Some(record) = value.and_then(Record::parse) {
            return Ok(record.hashes());
        }
        self.all(HASHES, &|hash, value| {
            let record = Record::parse(value);
            let own = record.filter(|record| record.token.grant.name == name);
            own.map(|_| hash.to_owned())
        })
    }

    /// Removes a token from under those of these hashes that its name has not, or no longer: it would
    /// work there, and no list would show it.
    pub(super) fn sweep(
        &self,
        writing: &Writing,
        name: &str,
        hashes: &[String],
    ) -> Result<(), Broken> {
        let ours = is_of(name);
        for some in hashes.chunks(AT_ONCE) {
            let mut names = vec![token_document(name)];
            names.extend(documents_of(some));
            let mut values = writing.get(&names)?.into_iter();
            let truth = values.next().flatten();
            let truth = truth.as_deref().and_then(Record::parse);
            let listed = truth.map(|record| hash_document(&record.token.hash_text()));
            for (name, value) in names.iter().skip(1).zip(values) {
                if listed.as_ref() != Some(name) && value.is_some_and(|value| ours(&value)) {
                    writing.remove(name)?;
                }
            }
        }
        Ok(())
    }

    /// One page of the tokens that are kept.
    ///
    /// # Errors
    /// The store's.
    pub fn list_tokens(
        &self,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Page<Listed>, Failure> {
        self.page(TOKEN_NAMES, cursor, go_on, &|_, value| {
            let record = Record::parse(value)?;
            Some(Listed {
                hidden: self.hides_token(&record.token),
                token: record.token,
            })
        })
    }

    fn refuse_configured_token(&self, token: &Token) -> Result<(), Broken> {
        let name = &token.grant.name;
        for own in self.tokens {
            if own.grant.name == *name {
                return Err(conflict(of_configuration(name)));
            }
            if own.has_hash_of(token) {
                let text = format!("its secret: {}", of_configuration(&own.grant.name));
                return Err(conflict(text));
            }
        }
        Ok(())
    }

    /// Refuses a hash that is kept under another name. What no name claims was left behind.
    fn refuse_kept_elsewhere(
        &self,
        name: &str,
        hash: &str,
        copy: Option<&[u8]>,
    ) -> Result<(), Broken> {
        let other = copy
            .and_then(Record::parse)
            .map(|it| it.token.grant.name.clone());
        let Some(other) = other.filter(|other| other != name) else {
            return Ok(());
        };
        let truth = self.get(&[&token_document(&other)])?;
        let truth = truth.into_iter().next().flatten();
        let truth = truth.map(|value| {
            Record::parse(&value).ok_or_else(|| unreadable(&format!("the token {other:?}")))
        });
        if truth.transpose()?.is_some_and(|truth| truth.claims(hash)) {
            let text = format!("its secret is kept as that of the token `{other}`");
            return Err(conflict(text));
        }
        Ok(())
    }
}

fn documents_of(hashes: &[String]) -> Vec<String> {
    hashes.iter().map(|hash| hash_document(hash)).collect()
}

/// Whether a copy is of the token with this name; what can't be read is whoever's hash it has.
fn is_of(name: &str) -> impl Fn(&[u8]) -> bool + '_ {
    move |value| Record::parse(value).is_none_or(|record| record.token.grant.name == name)
}

fn of_configuration(name: &str) -> String {
    format!(
        "it is of the token `{name}` of the configuration, which wins: it is changed in the setting \
         `tokens`"
    )
}
