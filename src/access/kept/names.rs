//! The names of documents: what a request asks for, written so that a reader of the store knows it again.
//!
//! Names of documents have no capitals, no dot at their end, and at most 150 bytes, of which a store
//! takes three for each slash ([`crate::store::Store::document`]). What does not fit stands there by its
//! SHA-256, behind a slash of its own: no path begins with one, and no token's name that fits has any.

use sha2::{Digest, Sha256};

use crate::access::Project;
use crate::hex;

pub(super) const IDS: &str = "admin/project/id/";
pub(super) const PATHS: &str = "admin/project/path/";
pub(super) const PREFIXES: &str = "admin/project/prefix/";
pub(super) const TOKEN_NAMES: &str = "admin/token/name/";
pub(super) const HASHES: &str = "admin/token/sha256/";
/// What every change writes anew (`remembered`).
pub(super) const GENERATION: &str = "admin/generation";
/// Nobody's project, which is there as soon as any is kept; and what never is.
pub(super) const NOBODYS: &str = "admin/project/nobodys";
pub(super) const NOTHING: &str = "admin/project/nothing";

/// As many bytes as a path or a name may take and still be written as it is.
const LONGEST: usize = 100;

/// The document of a project under its id, which is the truth.
pub(super) fn id_document(id: &str) -> String {
    [IDS, id].concat()
}

/// The document of a project as a client names it, by its path or its id; none for what can be no
/// project's name.
pub(super) fn named_document(name: &str) -> Option<String> {
    let may_be = Project::is_id(name) || Project::is_full_path(name);
    may_be.then(|| path_document(name))
}

/// No full path is a number: so those of ids stand there too.
pub(super) fn path_document(path: &str) -> String {
    readable(PATHS, path, true)
}

pub(super) fn prefix_document(prefix: &str) -> String {
    readable(PREFIXES, prefix, true)
}

/// Prefixes, each what the one before begins with, and their documents, of which most are what the first one begins
/// with.
pub(super) struct Prefixes<'a> {
    pub all: Vec<&'a str>,
    first: String,
    /// The documents of others, by their places.
    apart: Vec<(usize, String)>,
}

impl<'a> Prefixes<'a> {
    pub fn new(all: Vec<&'a str>) -> Self {
        let first = all
            .first()
            .map_or_else(String::new, |it| prefix_document(it));
        let is_hashed = first.as_bytes().get(PREFIXES.len()) == Some(&b'/');
        let apart = all.iter().enumerate();
        let apart = apart.filter(|(_, prefix)| is_hashed || prefix.ends_with('.'));
        let apart = apart.map(|(at, prefix)| (at, prefix_document(prefix)));
        Prefixes {
            apart: apart.collect(),
            all,
            first,
        }
    }

    pub fn documents(&self) -> impl Iterator<Item = &str> {
        self.all.iter().enumerate().map(|(at, prefix)| {
            let apart = self.apart.iter().find(|(place, _)| *place == at);
            let part = || self.first.get(..PREFIXES.len() + prefix.len());
            apart.map_or_else(|| part().unwrap_or_default(), |(_, document)| document)
        })
    }
}

pub(super) fn token_document(name: &str) -> String {
    readable(TOKEN_NAMES, name, false)
}

/// The document of a token under its hash, in hex.
pub(super) fn hash_document(hash: &str) -> String {
    [HASHES, hash].concat()
}

fn readable(folder: &str, text: &str, is_path: bool) -> String {
    let mut taken = text.len();
    let mut fits = !text.ends_with('.');
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {}
            b'/' if is_path => taken += 2,
            _ => fits = false,
        }
    }
    match fits && taken <= LONGEST {
        true => [folder, text].concat(),
        false => [folder, "/", &hex::encode(&Sha256::digest(text))].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::find::beginnings;
    use super::*;

    #[test]
    fn prefixes_have_the_documents_that_each_has_alone() {
        let long = format!("example.com/{}", ["element/"; 15].concat());
        for module in [
            "example.com/team/lib/v2",
            "example.com",
            "example.com/team./lib",
            "example.com/Team/lib",
            "Example.com/team/lib",
            "example.com/team/lib.",
            "",
            &long,
        ] {
            let all = beginnings(module, None);
            let alone: Vec<String> = all.iter().map(|prefix| prefix_document(prefix)).collect();
            let prefixes = Prefixes::new(all);
            assert_eq!(prefixes.documents().collect::<Vec<_>>(), alone);
        }
        assert_eq!(Prefixes::new(Vec::new()).documents().count(), 0);
    }

    #[test]
    fn a_name_is_readable_where_a_store_can_have_it_and_else_a_hash_of_its_own() {
        let hash = |text: &str| format!("/{}", hex::encode(&Sha256::digest(text)));
        let long = "a".repeat(100);
        let longer = "a".repeat(101);
        let deep = "a.b".to_owned() + &"/c".repeat(24);
        let deeper = "a.b".to_owned() + &"/c".repeat(25);
        for (text, is_path, fits) in [
            ("example.com/m-1_2", true, true),
            ("team/lib", true, true),
            ("ci", false, true),
            ("team/lib", false, false),
            ("Team/lib", true, false),
            ("team/lib.", true, false),
            ("a b", false, false),
            ("é", false, false),
            ("a=b", false, false),
            ("a@b", false, false),
            (&long, true, true),
            (&longer, true, false),
            (&deep, true, true),
            (&deeper, true, false),
        ] {
            let name = readable(PREFIXES, text, is_path);
            let expected = match fits {
                true => text.to_owned(),
                false => hash(text),
            };
            assert_eq!(name, format!("{PREFIXES}{expected}"), "{text}");
            assert!(name.len() <= 150, "{text}");
        }
    }
}
