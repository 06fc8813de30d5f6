//! Ends secrets that work and that no list shows.
//!
//! No host compares and swaps, so of two administrators who change one token at the same moment the slower
//! may leave its secret under a hash that the name does not have any more. It removes that itself, unless
//! it is stopped before.

use super::names::{HASHES, hash_document, token_document};
use super::record::TokenRecord;
use super::writing::Writing;
use super::{AT_ONCE, Broken, Kept, MOST_LISTED, failed, strs, tokens};

/// What a page of repair came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// What was removed, in words for the log.
    pub removed: Vec<String>,
    /// What an administrator has to see to.
    pub problems: Vec<String>,
    /// Where the next page starts; none at the end.
    pub cursor: Option<String>,
}

impl Kept<'_> {
    /// One page, for as long as `go_on` says, from behind `cursor`.
    ///
    /// # Errors
    /// The store's. What was done before is in the page.
    pub fn repair(
        &self,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
        page: &mut Mended,
    ) -> Result<(), Broken> {
        let done = self.repair_page(cursor, go_on, page);
        // Also where there was nothing to do: the attempt before may have been stopped just here.
        let renewed = self.renew();
        done.and_then(|()| renewed.map_err(Broken::from))
    }

    fn repair_page(
        &self,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
        page: &mut Mended,
    ) -> Result<(), Broken> {
        let after = cursor.map(hash_document);
        let names = self
            .documents
            .names(HASHES, after.as_deref(), MOST_LISTED)
            .map_err(|error| failed("tokens can't be looked through", &error))?;
        for (at, some) in names.chunks(AT_ONCE).enumerate() {
            if at > 0 && !go_on() {
                return Ok(());
            }
            self.repair_some(some, page)?;
            let last = some.last().and_then(|name| name.strip_prefix(HASHES));
            page.cursor = last.map(str::to_owned);
        }
        if names.len() < MOST_LISTED {
            page.cursor = None;
        }
        Ok(())
    }

    fn repair_some(&self, documents: &[String], page: &mut Mended) -> Result<(), Broken> {
        let mut copies = Vec::new();
        for (document, value) in documents.iter().zip(self.get(&strs(documents))?) {
            let hash = document.strip_prefix(HASHES).unwrap_or_default();
            match value.as_deref().map(TokenRecord::parse) {
                // It was removed meanwhile.
                None => {}
                Some(Some(copy)) => copies.push((hash, copy.token.grant.name.clone())),
                Some(None) => page.problems.push(unreadable(document)),
            }
        }
        let names: Vec<String> = copies
            .iter()
            .map(|(_, name)| token_document(name))
            .collect();
        let truths = match names.is_empty() {
            true => Vec::new(),
            false => self.get(&strs(&names))?,
        };
        for (((hash, name), document), truth) in copies.iter().zip(&names).zip(truths) {
            let truth = truth.as_deref().map(TokenRecord::parse);
            match truth {
                Some(Some(truth)) if truth.claims(hash) => {}
                Some(None) => page.problems.push(unreadable(document)),
                _ => page.removed.push(self.end_unlisted(name, hash)?),
            }
        }
        Ok(())
    }

    fn end_unlisted(&self, name: &str, hash: &str) -> Result<String, Broken> {
        let writing = Writing::begin(self, tokens::words(name, "ended where no list showed it"));
        self.sweep(&writing, name, &[hash.to_owned()])?;
        Ok(writing.what)
    }
}

fn unreadable(document: &str) -> String {
    format!("what the store keeps as {document} can't be read")
}
