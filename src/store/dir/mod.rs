//! The store in a folder: the tree of escaped URL paths that the `go` command keeps under
//! `GOMODCACHE/cache/download` and goproxy/goproxy in its cache, read as it is, and writable.
//!
//! Beside the three files of a version others may lie; they are ignored (`list`, `.lock`, `.ziphash`,
//! cached queries such as `master.info`, temporary files). A `list` in such a tree names
//! pseudo-versions and misses versions with capitals, so ours is computed from the names of the files.
//! A version is listed when its zip and go.mod are there, and served file by file.
//!
//! A withdrawn version has a mark, `<version>.withdrawn`. Uploads lie under `.goproxy-edge/`, which no
//! module path can be, on the same file system, so that a hard link makes them visible at once and
//! fails where the name is taken. Documents that are no modules lie there too.

mod disk;
mod write;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::rc::Rc;

use super::tree::{self, Files, WITHDRAWN};
use super::{
    Content, Detail, Entropy, Error, File, Index, Object, Outcome, Repaired, Staging, Store,
};
use crate::http::ETag;
use crate::module::{ModulePath, ModuleVersion};

pub use disk::{Created, Disk, Opened, StdDisk, nanos};

/// The store in a folder.
#[derive(Clone)]
pub struct Dir {
    root: PathBuf,
    disk: Rc<dyn Disk>,
    entropy: Rc<dyn Entropy>,
}

impl Dir {
    /// The store in the folder `root`.
    pub fn new(root: impl Into<PathBuf>, disk: Rc<dyn Disk>, entropy: Rc<dyn Entropy>) -> Self {
        Dir {
            root: root.into(),
            disk,
            entropy,
        }
    }

    fn folder(&self, module: &ModulePath) -> PathBuf {
        self.root.join(&*module.escaped()).join("@v")
    }

    fn path(&self, version: &ModuleVersion, extension: &str) -> PathBuf {
        let name = format!("{}.{extension}", version.version().escaped());
        self.folder(version.path()).join(name)
    }

    /// A file as it is.
    fn stored(&self, version: &ModuleVersion, file: File) -> Result<Object, Error> {
        let path = self.path(version, file.extension());
        let opened = self.disk.open(&path).map_err(Error::from_io)?;
        let size = opened.size().map_err(Error::from_io)?;
        let modified = opened.modified().map_err(Error::from_io)?;
        Ok(Object {
            size,
            etag: ETag::weak(format!("{size:x}-{modified:x}")),
            content: Content::Stored(Box::new(move |range| {
                opened.body(range).map_err(Error::from_io)
            })),
            #[cfg(feature = "s3")]
            elsewhere: None,
            provisional: false,
            afterwards: None,
        })
    }
}

impl Store for Dir {
    fn read(&self, version: &ModuleVersion, file: File) -> Result<Object, Error> {
        if file != File::Mod && tree::Tree::exists(self, version, WITHDRAWN)? {
            return Err(Error::Withdrawn);
        }
        match file {
            File::Info => match self.stored(version, File::Info) {
                Err(Error::NotFound) => tree::derived_info(self, version),
                stored => tree::checked_info(self, version, stored?),
            },
            File::Mod | File::Zip => self.stored(version, file),
        }
    }

    fn index(&self, module: &ModulePath, detail: Detail) -> Result<Option<Index>, Error> {
        let names = match self
            .disk
            .names(&self.folder(module))
            .map_err(Error::from_io)
        {
            Err(Error::NotFound) => return Ok(None),
            names => names?,
        };
        let found = names.iter().filter_map(|name| Files::named(name));
        let info = |version: &ModuleVersion| tree::info_bytes(self.stored(version, File::Info)?);
        let info: &tree::ReadInfo<'_> = &info;
        let info = (detail == Detail::Origins).then_some(info);
        tree::index(module, found.collect(), info)
    }

    fn stage(&self, _: &ModuleVersion) -> Result<Box<dyn Staging>, Error> {
        Ok(Box::new(self.begin_upload()?))
    }

    fn put_mod(&self, version: &ModuleVersion, go_mod: &[u8]) -> Result<Outcome, Error> {
        tree::write_mod(self, version, go_mod)
    }

    fn withdraw(&self, version: &ModuleVersion) -> Result<Outcome, Error> {
        tree::withdraw(self, version)
    }

    fn repair(&self, _: Option<&str>, _: &dyn Fn() -> bool) -> Result<Repaired, Error> {
        // Lists are computed, so only what broken-off uploads left is to be cleared.
        self.remove_left_overs()
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.read_document(name)
    }

    fn set_document(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.write_document(name, value)
    }

    #[cfg(feature = "admin")]
    fn remove_document(&self, name: &str) -> Result<(), Error> {
        self.erase_document(name)
    }

    #[cfg(feature = "admin")]
    fn document_names(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let names = self.all_document_names()?.into_iter();
        Ok(super::page_of_names(names, prefix, after, most))
    }

    fn ready(&self) -> Result<(), Error> {
        match self.disk.exists(&self.root).map_err(Error::from_io)? {
            true => Ok(()),
            false => Err(Error::Unavailable(format!(
                "there is no folder {}",
                self.root.display()
            ))),
        }
    }
}
