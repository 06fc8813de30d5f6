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

use super::{
    Content, Detail, Entropy, Entry, Error, File, Index, Info, Object, Outcome, Repaired, Staging,
    Store,
};
use crate::http::ETag;
use crate::module::{ModulePath, ModuleVersion, Timestamp, Version, zip};
use crate::order::sorted;

pub use disk::{Created, Disk, Opened, StdDisk, nanos};

const WITHDRAWN: &str = "withdrawn";

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

    fn exists(&self, version: &ModuleVersion, extension: &str) -> Result<bool, Error> {
        let path = self.path(version, extension);
        self.disk.exists(&path).map_err(Error::from_io)
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
            afterwards: None,
        })
    }

    fn info(&self, version: &ModuleVersion) -> Result<Object, Error> {
        let stored = match self.stored(version, File::Info) {
            Err(Error::NotFound) => return self.derived_info(version),
            stored => stored?,
        };
        let etag = stored.etag.clone();
        let bytes = stored.into_bytes()?;
        match Info::parse(&bytes) {
            Some(info) if info.version == *version.version() => Ok(Object::from_bytes(bytes, etag)),
            _ => Err(Error::Corrupt(format!(
                "{} does not say what this version is",
                self.path(version, "info").display()
            ))),
        }
    }

    /// The info of a version whose zip and go.mod are there and whose `.info` nobody wrote.
    fn derived_info(&self, version: &ModuleVersion) -> Result<Object, Error> {
        if !self.exists(version, "mod")? {
            return Err(Error::NotFound);
        }
        let etag = self.stored(version, File::Zip)?.etag;
        let json = self.made_info(version)?.to_json();
        Ok(Object::from_bytes(json, etag))
    }

    /// Time: the pseudo-version's own, else the zip's newest entry, else the zero time.
    fn made_info(&self, version: &ModuleVersion) -> Result<Info, Error> {
        let time = match version.version().pseudo_time() {
            Some(time) => Some(time),
            None => self.newest_entry(version)?,
        };
        Ok(Info {
            version: version.version().clone(),
            time: time.unwrap_or(Timestamp::ZERO),
            origin: None,
        })
    }

    fn newest_entry(&self, version: &ModuleVersion) -> Result<Option<Timestamp>, Error> {
        let path = self.path(version, "zip");
        let mut reader = self.disk.reader(&path).map_err(Error::from_io)?;
        match zip::newest_entry_time(&mut reader) {
            Ok(time) => Ok(time),
            Err(zip::ZipError::Io(error)) => Err(Error::from_io(error)),
            Err(_) => Ok(None),
        }
    }

    fn entry(
        &self,
        module: &ModulePath,
        version: Version,
        files: Files,
        detail: Detail,
    ) -> Result<Option<Entry>, Error> {
        if files.withdrawn {
            return Ok(Some(Entry::withdrawn(&version)));
        }
        if !(files.zip && files.go_mod) {
            return Ok(None);
        }
        let mut info = Info {
            version: version.clone(),
            time: Timestamp::ZERO,
            origin: None,
        };
        let named = ModuleVersion::new(module.clone(), version);
        let Ok(named) = named else {
            // A version that does not fit the path: nobody can ask for it.
            return Ok(None);
        };
        if detail == Detail::Origins && files.info {
            let stored = self.stored(&named, File::Info)?.into_bytes()?;
            info = Info::parse(&stored).unwrap_or(info);
        }
        Ok(Some(Entry::published(&info)))
    }
}

/// Which files of a version are there.
#[derive(Debug, Clone, Copy, Default)]
struct Files {
    info: bool,
    go_mod: bool,
    zip: bool,
    withdrawn: bool,
}

impl Files {
    fn and(self, other: Files) -> Files {
        Files {
            info: self.info || other.info,
            go_mod: self.go_mod || other.go_mod,
            zip: self.zip || other.zip,
            withdrawn: self.withdrawn || other.withdrawn,
        }
    }
}

impl Store for Dir {
    fn read(&self, version: &ModuleVersion, file: File) -> Result<Object, Error> {
        if file != File::Mod && self.exists(version, WITHDRAWN)? {
            return Err(Error::Withdrawn);
        }
        match file {
            File::Info => self.info(version),
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
        let mut found: Vec<(Version, Files)> = Vec::new();
        for name in names {
            let Some((stem, extension)) = name.rsplit_once('.') else {
                continue;
            };
            if !["info", "mod", "zip", WITHDRAWN].contains(&extension) {
                continue;
            }
            let Ok(version) = Version::from_escaped(stem) else {
                continue;
            };
            let mut files = Files::default();
            match extension {
                "info" => files.info = true,
                "mod" => files.go_mod = true,
                "zip" => files.zip = true,
                _ => files.withdrawn = true,
            }
            found.push((version, files));
        }
        let found = sorted(found, |a, b| a.0.cmp(&b.0));
        let mut entries = Vec::new();
        for same in found.chunk_by(|a, b| a.0 == b.0) {
            let files = same
                .iter()
                .fold(Files::default(), |all, (_, one)| all.and(*one));
            if let Some((version, _)) = same.first() {
                entries.extend(self.entry(module, version.clone(), files, detail)?);
            }
        }
        Ok((!entries.is_empty()).then(|| Index::new(entries)))
    }

    fn stage(&self, _: &ModuleVersion) -> Result<Box<dyn Staging>, Error> {
        Ok(Box::new(self.begin_upload()?))
    }

    fn put_mod(&self, version: &ModuleVersion, go_mod: &[u8]) -> Result<Outcome, Error> {
        self.write_mod(version, go_mod)
    }

    fn withdraw(&self, version: &ModuleVersion) -> Result<Outcome, Error> {
        self.write_withdrawal(version)
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
