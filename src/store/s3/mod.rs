//! The store in an object store that speaks S3: the tree of escaped URL paths as objects, so that a
//! bucket which goproxy/goproxy filled, or into which a module cache was copied, is served as it is,
//! and what is published here is what they would have written. Athens' two layouts can be read.
//!
//! Reading a version is one request. Its mark, `<version>.withdrawn`, is looked for only where its
//! files are missing: whoever withdraws writes the mark and removes them. Lists are computed from the
//! names (`list`): 5 requests for 1,000 versions of a copied module cache, 50 for 10,000, and no longer than
//! they take a plain client. An index object would spare them, but who fills a bucket past us would not
//! keep it, and `s3+kv` has such an index already: so there is none. Uploads lie under `.goproxy-edge/`, which no module path can be, are checked there
//! and copied to their place by the store itself (`write`).
//!
//! Beside a key-value store it keeps the zips alone (`blobs`).
//!
//! Everything goes through the port `http::client`, but for what clients do by themselves at an address
//! that was signed for them (`presigned`); signatures are in `sign`, and `request` says what
//! an answer means.

mod blobs;
mod config;
mod list;
mod presigned;
mod read;
mod repair;
mod request;
mod sign;
mod whole;
mod write;
mod xml;

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

#[cfg(feature = "admin")]
use super::key::original_key;
use super::key::portable_key;
use super::tree::{self, Tree, WITHDRAWN};
use super::{
    Detail, Entropy, Error, File, Index, Object, Outcome, Presigned, ReadSeek, Repaired, Staging,
    Store,
};
use crate::http::client::Client;
use crate::http::{ETag, Wanted};
use crate::module::{ModulePath, ModuleVersion};

pub use config::{Addressing, Config, Layout, Secret};

/// Whether the store keeps the condition that nothing is overwritten: not known before it was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Unknown,
    Yes,
    No,
}

/// The store in an object store.
#[derive(Clone)]
pub struct S3 {
    config: Rc<Config>,
    client: Rc<dyn Client>,
    entropy: Rc<dyn Entropy>,
    keeps: Rc<Cell<Keeps>>,
    /// Whether the store has taken our credentials and found the bucket: its answers to `HEAD` do not
    /// say what it is that is missing.
    knows_us: Rc<Cell<bool>>,
    /// What attempts in vain have cost so far, of all that one request to us asks the store.
    lost: Rc<Cell<Duration>>,
}

impl S3 {
    /// The store that the settings name.
    pub fn new(config: Rc<Config>, client: Rc<dyn Client>, entropy: Rc<dyn Entropy>) -> Self {
        S3 {
            config,
            client,
            entropy,
            keeps: Rc::new(Cell::new(Keeps::Unknown)),
            knows_us: Rc::new(Cell::new(false)),
            lost: Rc::default(),
        }
    }

    /// The key of a file of a version.
    fn key(&self, version: &ModuleVersion, extension: &str) -> String {
        let (module, name) = (version.path(), version.version());
        match self.config.layout {
            Layout::Goproxy => {
                let (module, name) = (module.escaped(), name.escaped());
                format!("{module}/@v/{name}.{extension}")
            }
            Layout::Athens => format!("{module}/@v/{name}.{extension}"),
            Layout::AthensMinio => match extension {
                "mod" => format!("{module}/{name}/go.mod"),
                "zip" => format!("{module}/{name}/source.zip"),
                _ => format!("{module}/{name}/{name}.{extension}"),
            },
        }
    }

    fn refuse_foreign_layout(&self) -> Result<(), Error> {
        match self.config.layout {
            Layout::Goproxy => Ok(()),
            Layout::Athens | Layout::AthensMinio => {
                let text = "a bucket of Athens is only read (`s3_layout`)";
                Err(Error::Refused(text.to_owned()))
            }
        }
    }

    /// A file as it is.
    fn file(&self, version: &ModuleVersion, file: File, wanted: &Wanted) -> Result<Object, Error> {
        let key = self.key(version, file.extension());
        let object = self.object(&key, wanted)?.ok_or(Error::NotFound)?;
        if file != File::Zip {
            return Ok(object);
        }
        if object.size < list::SMALLEST_ZIP {
            return Err(whole::cut(&key));
        }
        let (store, size) = (self.clone(), object.size);
        let mut object = whole::guarded(object, &key);
        object.elsewhere = Some(Box::new(move |head| {
            store.check_end(&key, size)?;
            store.read_address(&key, head)
        }));
        Ok(object)
    }
}

impl Tree for S3 {
    fn name(&self, version: &ModuleVersion, extension: &str) -> String {
        self.key(version, extension)
    }

    fn exists(&self, version: &ModuleVersion, extension: &str) -> Result<bool, Error> {
        // Nobody but us writes marks.
        if extension == WITHDRAWN && self.config.layout != Layout::Goproxy {
            return Ok(false);
        }
        Ok(self.head(&self.key(version, extension))?.is_some())
    }

    fn stored(&self, version: &ModuleVersion, file: File) -> Result<Object, Error> {
        self.file(version, file, &Wanted::Whole)
    }

    fn zip_tag(&self, version: &ModuleVersion) -> Result<ETag, Error> {
        Ok(self.file(version, File::Zip, &Wanted::Look)?.etag)
    }

    fn zip_reader(&self, version: &ModuleVersion) -> Result<Box<dyn ReadSeek + '_>, Error> {
        let key = self.key(version, "zip");
        let found = self.head(&key)?.ok_or(Error::NotFound)?;
        Ok(Box::new(self.reader(&key, &found.stamp, found.size)))
    }

    fn write_new(
        &self,
        version: &ModuleVersion,
        extension: &str,
        bytes: &[u8],
    ) -> Result<bool, Error> {
        self.put_new(&self.key(version, extension), bytes)
    }

    fn remove(&self, version: &ModuleVersion, extension: &str) -> Result<(), Error> {
        self.delete(&self.key(version, extension))
    }
}

/// What the key of a document starts with: below the uploads, where no module path leads.
fn document_start(prefix: &str) -> String {
    format!("{}documents/{}", write::UPLOADS, portable_key(prefix))
}

/// The key of a document.
fn document_key(name: &str) -> String {
    document_start(name) + EXTENSION
}

const EXTENSION: &str = ".doc";

impl Store for S3 {
    fn read(&self, version: &ModuleVersion, file: File) -> Result<Object, Error> {
        self.read_for(version, file, &Wanted::Whole)
    }

    fn read_for(
        &self,
        version: &ModuleVersion,
        file: File,
        wanted: &Wanted,
    ) -> Result<Object, Error> {
        // An info is read through before it is given out.
        let wanted = match file {
            File::Info => &Wanted::Whole,
            File::Mod | File::Zip => wanted,
        };
        match (self.file(version, file, wanted), file) {
            (Err(Error::NotFound), File::Mod) => Err(Error::NotFound),
            // Even a module without a go.mod of its own has a line in it.
            (Ok(object), File::Mod) if object.size == 0 => {
                Err(whole::cut(&self.key(version, file.extension())))
            }
            (Err(Error::NotFound), _) => {
                tree::refuse_withdrawn(self, version)?;
                match file {
                    File::Info => tree::derived_info(self, version),
                    _ => Err(Error::NotFound),
                }
            }
            (stored, File::Info) => tree::checked_info(self, version, stored?),
            (stored, _) => stored,
        }
    }

    fn index(&self, module: &ModulePath, detail: Detail) -> Result<Option<Index>, Error> {
        let found = self.files(module)?;
        let info =
            |version: &ModuleVersion| tree::info_bytes(Tree::stored(self, version, File::Info)?);
        let info: &tree::ReadInfo<'_> = &info;
        tree::index(module, found, (detail == Detail::Origins).then_some(info))
    }

    fn stage(&self, _: &ModuleVersion) -> Result<Box<dyn Staging>, Error> {
        self.refuse_foreign_layout()?;
        Ok(Box::new(self.begin_upload(self.upload_key())))
    }

    fn put_mod(&self, version: &ModuleVersion, go_mod: &[u8]) -> Result<Outcome, Error> {
        self.refuse_foreign_layout()?;
        tree::write_mod(self, version, go_mod)
    }

    fn withdraw(&self, version: &ModuleVersion) -> Result<Outcome, Error> {
        self.refuse_foreign_layout()?;
        tree::withdraw(self, version)
    }

    fn repair(&self, cursor: Option<&str>, go_on: &dyn Fn() -> bool) -> Result<Repaired, Error> {
        self.refuse_foreign_layout()?;
        self.repair_page(cursor, go_on)
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.read_whole(&document_key(name))
    }

    fn set_document(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.put(&document_key(name), value, false).map(|_| ())
    }

    #[cfg(feature = "admin")]
    fn documents(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let keys: Vec<String> = names.iter().map(|name| document_key(name)).collect();
        self.read_all(&keys)
    }

    #[cfg(feature = "admin")]
    fn remove_document(&self, name: &str) -> Result<(), Error> {
        self.delete(&document_key(name))
    }

    /// In the order of their keys, which the store gives them in.
    #[cfg(feature = "admin")]
    fn document_names(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let after = after.map(document_key);
        let start = document_start(prefix);
        let mut names = Vec::new();
        let mut token = None;
        loop {
            // Asked with a token, a store goes on behind it; asked with both, some start anew.
            let first = after.as_deref().filter(|_| token.is_none());
            let page = self.page(&start, first, token.as_deref(), "1000")?;
            for listed in page.keys {
                let key = listed.key.strip_prefix(&document_start(""));
                let name = key.and_then(|key| original_key(key.strip_suffix(EXTENSION)?));
                names.extend(name.filter(|_| names.len() < most));
            }
            token = page.next.filter(|_| names.len() < most);
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    fn ready(&self) -> Result<(), Error> {
        self.page("", None, None, "1").map(|_| ())
    }

    fn presigned(&self) -> Option<&dyn Presigned> {
        Some(self)
    }
}
