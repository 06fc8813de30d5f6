//! Writing into the tree. Everything is written under another name first, synchronised, and linked
//! to its own name, which fails where that is taken: so of two writers one wins, whole.
//!
//! The order is zip, info, go.mod. The zip decides who has won; the go.mod, last, makes the version
//! listed. (With the info last, as the `go` command's cache has it, a reader in between would be given
//! a made-up time that then changes.)

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Created, Dir, WITHDRAWN};
use crate::module::{ModuleVersion, zip};
use crate::store::kv::portable_key;
use crate::store::{Error, File, Outcome, ReadSeek, Release, Repaired, Staged, Staging};

/// Where uploads lie.
const UPLOADS: &str = ".goproxy-edge";
/// Where documents lie, below the uploads.
const DOCUMENTS: &str = "documents";
/// Uploads younger than this may be under way.
const LEFT_OVER_AFTER: i64 = 24 * 60 * 60;

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
        self.dir.publish(&self.path, release)
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

    /// Writes bytes under a name. False where that is taken.
    fn write_new(&self, to: &Path, bytes: &[u8]) -> Result<bool, Error> {
        if self.disk.exists(to).map_err(Error::from_io)? {
            return Ok(false);
        }
        let mut upload = self.begin_upload()?;
        upload.write_all(bytes).map_err(Error::from_io)?;
        upload.closed()?;
        self.link(&upload.path, to)
    }

    fn refuse_withdrawn(&self, version: &ModuleVersion) -> Result<(), Error> {
        match self.exists(version, WITHDRAWN)? {
            true => Err(Error::Withdrawn),
            false => Ok(()),
        }
    }

    fn publish(&self, upload: &Path, release: &Release) -> Result<Outcome, Error> {
        let version = &release.version;
        self.refuse_withdrawn(version)?;
        if !self
            .agrees_with_mod(version, &release.go_mod)?
            .unwrap_or(true)
        {
            return Err(mod_differs());
        }
        let zip = self.path(version, "zip");
        let new_zip = self.link(upload, &zip)?;
        if !new_zip {
            self.compare_zip(version, release)?;
        }
        let info = self.path(version, "info");
        let new_info = self.write_new(&info, &release.info.to_json())?;
        let go_mod = self.path(version, "mod");
        let new_mod = self.write_new(&go_mod, &release.go_mod)?;
        if !new_mod && self.agrees_with_mod(version, &release.go_mod)? == Some(false) {
            // Another go.mod came in between. It stands for good, so nobody can want this zip.
            for (ours, path) in [(new_info, &info), (new_zip, &zip)] {
                if ours {
                    self.disk.remove(path).map_err(Error::from_io)?;
                }
            }
            return Err(mod_differs());
        }
        if self.exists(version, WITHDRAWN)? {
            self.remove_withdrawn(version)?;
            return Err(Error::Withdrawn);
        }
        Ok(match new_zip || new_mod {
            true => Outcome::Created,
            false => Outcome::Unchanged,
        })
    }

    /// Whether the go.mod that is there is this one; none where there is none.
    fn agrees_with_mod(
        &self,
        version: &ModuleVersion,
        go_mod: &[u8],
    ) -> Result<Option<bool>, Error> {
        match self.stored(version, File::Mod) {
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
            Ok(there) => Ok(Some(there.into_bytes()? == go_mod)),
        }
    }

    fn compare_zip(&self, version: &ModuleVersion, release: &Release) -> Result<(), Error> {
        match self.standing_zip(version)? {
            Ok(checked) if checked.h1 == release.zip_hash => Ok(()),
            Ok(checked) => Err(Error::Conflict(format!(
                "the zip that stands is {}",
                checked.h1
            ))),
            Err(why) => Err(Error::Conflict(format!(
                "the zip that stands is not valid: {why}"
            ))),
        }
    }

    /// Reads through the zip that is there.
    fn standing_zip(
        &self,
        version: &ModuleVersion,
    ) -> Result<Result<zip::Checked, zip::ZipError>, Error> {
        let path = self.path(version, "zip");
        let mut reader = self.disk.reader(&path).map_err(Error::from_io)?;
        match zip::check(&mut reader, version, &zip::Limits::default()) {
            Err(zip::ZipError::Io(error)) => Err(Error::from_io(error)),
            checked => Ok(checked),
        }
    }

    /// Keeps a go.mod without a zip.
    pub(super) fn write_mod(
        &self,
        version: &ModuleVersion,
        go_mod: &[u8],
    ) -> Result<Outcome, Error> {
        self.refuse_withdrawn(version)?;
        if self.exists(version, "zip")? && !self.exists(version, "mod")? {
            // A publisher was stopped between the two, or is not done yet.
            let standing = self.standing_zip(version)?;
            let own = standing.ok().map(|checked| {
                let synthesised = || crate::module::gomod::legacy_go_mod(version.path()).into();
                checked.go_mod.unwrap_or_else(synthesised)
            });
            if own.is_none_or(|own| own != go_mod) {
                return Err(mod_differs());
            }
        }
        if self.write_new(&self.path(version, "mod"), go_mod)? {
            return Ok(Outcome::Created);
        }
        match self.agrees_with_mod(version, go_mod)? {
            Some(true) => Ok(Outcome::Unchanged),
            _ => Err(mod_differs()),
        }
    }

    /// Withdraws a version: the mark first, which decides, then the files.
    pub(super) fn write_withdrawal(&self, version: &ModuleVersion) -> Result<Outcome, Error> {
        let mark = self.path(version, WITHDRAWN);
        let marked = self.exists(version, WITHDRAWN)?;
        if !marked && !self.exists(version, "zip")? {
            return Err(Error::NotFound);
        }
        let new = !marked && self.write_new(&mark, b"")?;
        self.remove_withdrawn(version)?;
        Ok(match new {
            true => Outcome::Created,
            false => Outcome::Unchanged,
        })
    }

    fn remove_withdrawn(&self, version: &ModuleVersion) -> Result<(), Error> {
        for file in [File::Info, File::Zip] {
            let path = self.path(version, file.extension());
            self.disk.remove(&path).map_err(Error::from_io)?;
        }
        Ok(())
    }

    /// Reads a document.
    pub(super) fn read_document(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.document_path(name);
        let mut reader = match self.disk.reader(&path).map_err(Error::from_io) {
            Err(Error::NotFound) => return Ok(None),
            reader => reader?,
        };
        let mut value = Vec::new();
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
        let name = format!("{}.doc", portable_key(name));
        self.root.join(UPLOADS).join(DOCUMENTS).join(name)
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

fn mod_differs() -> Error {
    Error::Conflict("its go.mod differs".to_owned())
}
