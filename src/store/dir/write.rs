//! Writing into the tree. Everything is written under another name first, synchronised, and linked
//! to its own name, which fails where that is taken: so of two writers one wins, whole. In which order,
//! `tree` says.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Created, Dir};
use crate::http::ETag;
use crate::module::ModuleVersion;
#[cfg(feature = "admin")]
use crate::store::key::original_key;
use crate::store::key::portable_key;
use crate::store::tree::{self, Tree};
use crate::store::{
    Error, File, LEFT_OVER_AFTER, Object, Outcome, ReadSeek, Release, Repaired, Staged, Staging,
};

/// Where uploads lie.
const UPLOADS: &str = ".goproxy-edge";
/// Where documents lie, below the uploads.
const DOCUMENTS: &str = "documents";
const EXTENSION: &str = ".doc";

/// A file under a name that nobody asks for. Dropped, it is removed.
pub(super) struct Upload {
    dir: Dir,
    path: PathBuf,
    file: Option<Box<dyn Created>>,
}

impl Upload {
    fn closed(&mut self) -> Result<(), Error> {
        match self.file.take() {
            Some(mut file) => file.sync().map_err(Error::from_io),
            None => Ok(()),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.file = None;
        // What stays, `repair` removes.
        let _ = self.dir.disk.remove(&self.path);
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.flush(),
            None => Ok(()),
        }
    }
}

impl Staging for Upload {
    fn finish(mut self: Box<Self>) -> Result<Box<dyn Staged>, Error> {
        self.closed()?;
        Ok(self)
    }
}

impl Staged for Upload {
    fn reader(&self) -> Result<Box<dyn ReadSeek + '_>, Error> {
        let reader = self.dir.disk.reader(&self.path).map_err(Error::from_io)?;
        Ok(reader)
    }

    fn commit(self: Box<Self>, release: &Release) -> Result<Outcome, Error> {
        let zip = self.dir.path(&release.version, "zip");
        tree::publish(&self.dir, &|| self.dir.link(&self.path, &zip), release)
    }
}

impl Dir {
    /// Begins an upload.
    pub(super) fn begin_upload(&self) -> Result<Upload, Error> {
        let now = self.entropy.unix_seconds();
        let name = format!("{now:x}.{:016x}", self.entropy.random());
        let path = self.root.join(UPLOADS).join(name);
        let file = self.disk.create(&path).map_err(Error::from_io)?;
        Ok(Upload {
            dir: self.clone(),
            path,
            file: Some(file),
        })
    }

    /// Links `from` to a name. False where that is taken.
    fn link(&self, from: &Path, to: &Path) -> Result<bool, Error> {
        match self.disk.link(from, to) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Error::from_io(error)),
        }
    }

    /// Reads a document.
    pub(super) fn read_document(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.document_path(name);
        let mut reader = match self.disk.reader(&path).map_err(Error::from_io) {
            Err(Error::NotFound) => return Ok(None),
            reader => reader?,
        };
        // Read in one piece: into no room at all, 32 bytes would be the first.
        let mut value = Vec::with_capacity(1024);
        reader.read_to_end(&mut value).map_err(Error::from_io)?;
        Ok(Some(value))
    }

    /// Writes a document under another name and lets it take its own, so that no reader sees a part.
    pub(super) fn write_document(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        let mut upload = self.begin_upload()?;
        upload.write_all(value).map_err(Error::from_io)?;
        upload.closed()?;
        let path = self.document_path(name);
        self.disk
            .replace(&upload.path, &path)
            .map_err(Error::from_io)
    }

    fn document_path(&self, name: &str) -> PathBuf {
        // Without the extension a name of dots would be a folder.
        let name = format!("{}{EXTENSION}", portable_key(name));
        self.documents_folder().join(name)
    }

    fn documents_folder(&self) -> PathBuf {
        self.root.join(UPLOADS).join(DOCUMENTS)
    }

    /// Removes a document.
    #[cfg(feature = "admin")]
    pub(super) fn erase_document(&self, name: &str) -> Result<(), Error> {
        let path = self.document_path(name);
        self.disk.remove(&path).map_err(Error::from_io)
    }

    /// The names of documents: those that can be told from the names of their files.
    #[cfg(feature = "admin")]
    pub(super) fn all_document_names(&self) -> Result<Vec<String>, Error> {
        let names = self.disk.names(&self.documents_folder());
        let names = match names.map_err(Error::from_io) {
            Err(Error::NotFound) => return Ok(Vec::new()),
            names => names?,
        };
        let original = |name: &String| original_key(name.strip_suffix(EXTENSION)?);
        Ok(names.iter().filter_map(original).collect())
    }

    /// Removes uploads that can't be under way any more.
    pub(super) fn remove_left_overs(&self) -> Result<Repaired, Error> {
        let mut done = Repaired::default();
        let folder = self.root.join(UPLOADS);
        let names = match self.disk.names(&folder).map_err(Error::from_io) {
            Err(Error::NotFound) => return Ok(done),
            names => names?,
        };
        let now = self.entropy.unix_seconds();
        for name in names {
            let begun = name.split('.').next();
            let begun = begun.and_then(|hex| i64::from_str_radix(hex, 16).ok());
            if begun.is_some_and(|begun| now - begun >= LEFT_OVER_AFTER) {
                self.disk
                    .remove(&folder.join(name))
                    .map_err(Error::from_io)?;
                done.removed += 1;
            }
        }
        Ok(done)
    }
}

impl Tree for Dir {
    fn name(&self, version: &ModuleVersion, extension: &str) -> String {
        self.path(version, extension).display().to_string()
    }

    fn exists(&self, version: &ModuleVersion, extension: &str) -> Result<bool, Error> {
        let path = self.path(version, extension);
        self.disk.exists(&path).map_err(Error::from_io)
    }

    fn stored(&self, version: &ModuleVersion, file: File) -> Result<Object, Error> {
        Dir::stored(self, version, file)
    }

    fn zip_tag(&self, version: &ModuleVersion) -> Result<ETag, Error> {
        Ok(Dir::stored(self, version, File::Zip)?.etag)
    }

    fn zip_reader(&self, version: &ModuleVersion) -> Result<Box<dyn ReadSeek + '_>, Error> {
        let path = self.path(version, "zip");
        let reader = self.disk.reader(&path).map_err(Error::from_io)?;
        Ok(reader)
    }

    fn write_new(
        &self,
        version: &ModuleVersion,
        extension: &str,
        bytes: &[u8],
    ) -> Result<bool, Error> {
        let to = self.path(version, extension);
        if self.disk.exists(&to).map_err(Error::from_io)? {
            return Ok(false);
        }
        let mut upload = self.begin_upload()?;
        upload.write_all(bytes).map_err(Error::from_io)?;
        upload.closed()?;
        self.link(&upload.path, &to)
    }

    fn remove(&self, version: &ModuleVersion, extension: &str) -> Result<(), Error> {
        let path = self.path(version, extension);
        self.disk.remove(&path).map_err(Error::from_io)
    }
}
