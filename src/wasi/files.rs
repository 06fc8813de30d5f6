//! Files, by `wasi:filesystem` itself: its stream of a file can be spliced to a response, which
//! `std::fs` can't, and without `std::fs` and what is below it the component is 25 KB smaller.

use std::any::Any;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasi::io::streams::{InputStream, StreamError};

use crate::http::{Body, Source};
use crate::store::dir::{Created, Disk, Opened, nanos};
use crate::store::{ReadSeek, seek_target};

const PIECE: u64 = 256 * 1024;

/// The folders that the host lets us see.
pub(super) struct WasiDisk;

impl Disk for WasiDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Opened>> {
        Ok(Box::new(WasiFile(open(path)?)))
    }

    fn reader(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(WasiReader {
            file: open(path)?,
            position: 0,
        }))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let place = Place::find(folder)?;
        let entries = place
            .open(OpenFlags::DIRECTORY, DescriptorFlags::READ)?
            .read_directory()
            .map_err(failed)?;
        let mut names = Vec::new();
        while let Some(entry) = entries.read_directory_entry().map_err(failed)? {
            names.push(entry.name);
        }
        Ok(names)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let place = Place::find(path)?;
        match place
            .folder
            .stat_at(PathFlags::SYMLINK_FOLLOW, &place.below)
        {
            Ok(_) => Ok(true),
            Err(ErrorCode::NoEntry | ErrorCode::NotDirectory) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Created>> {
        let place = Place::find(path)?;
        place.create_folders()?;
        let new = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        Ok(Box::new(WasiWriter {
            file: place.open(new, DescriptorFlags::WRITE)?,
            position: 0,
        }))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (Place::find(from)?, Place::find(to)?);
        to.create_folders()?;
        from.folder
            .link_at(PathFlags::empty(), &from.below, &to.folder, &to.below)
            .map_err(failed)?;
        // The new name must survive a power cut as the bytes do. Not every host lets a folder be
        // synchronised.
        if let Some((above, _)) = to.below.rsplit_once('/') {
            let folder = to.folder.open_at(
                PathFlags::empty(),
                above,
                OpenFlags::DIRECTORY,
                DescriptorFlags::READ,
            );
            let _ = folder.map(|folder| folder.sync());
        }
        Ok(())
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (Place::find(from)?, Place::find(to)?);
        to.create_folders()?;
        from.folder
            .rename_at(&from.below, &to.folder, &to.below)
            .map_err(failed)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let place = Place::find(path)?;
        match place.folder.unlink_file_at(&place.below) {
            Err(ErrorCode::NoEntry) => Ok(()),
            removed => removed.map_err(failed),
        }
    }
}

fn open(path: &Path) -> io::Result<Descriptor> {
    Place::find(path)?.open(OpenFlags::empty(), DescriptorFlags::READ)
}

/// A path as the host takes it: below a folder that it gave.
struct Place {
    folder: Descriptor,
    below: String,
}

impl Place {
    fn find(path: &Path) -> io::Result<Self> {
        let path = path.to_str().ok_or(io::ErrorKind::NotFound)?;
        let folders = get_directories().into_iter();
        folders
            .filter_map(|(folder, name)| {
                let rest = path.strip_prefix(name.trim_end_matches('/'))?;
                let below = match rest.strip_prefix('/') {
                    Some(below) => below.to_owned(),
                    None if rest.is_empty() => ".".to_owned(),
                    None => return None,
                };
                Some(Place { folder, below })
            })
            .min_by_key(|place| place.below.len())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, how: OpenFlags, what: DescriptorFlags) -> io::Result<Descriptor> {
        let follow = PathFlags::SYMLINK_FOLLOW;
        self.folder
            .open_at(follow, &self.below, how, what)
            .map_err(failed)
    }

    /// Creates the folders above it.
    fn create_folders(&self) -> io::Result<()> {
        for (end, _) in self.below.match_indices('/') {
            let above = self.below.get(..end).unwrap_or_default();
            match self.folder.create_directory_at(above) {
                Ok(()) | Err(ErrorCode::Exist) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }
}

/// A file read here and there.
struct WasiReader {
    file: Descriptor,
    position: u64,
}

impl Read for WasiReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = (buffer.len() as u64).min(PIECE);
        let (bytes, _) = self.file.read(wanted, self.position).map_err(failed)?;
        self.position += bytes.len() as u64;
        bytes.as_slice().read(buffer)
    }
}

impl Seek for WasiReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let size = || Ok(self.file.stat().map_err(failed)?.size);
        self.position = seek_target(to, self.position, size)?;
        Ok(self.position)
    }
}

/// A new file, written from its start.
struct WasiWriter {
    file: Descriptor,
    position: u64,
}

impl Write for WasiWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes, self.position).map_err(failed)?;
        self.position += written;
        usize::try_from(written).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Created for WasiWriter {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync().map_err(failed)
    }
}

struct WasiFile(Descriptor);

impl Opened for WasiFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.stat().map_err(failed)?.size)
    }

    fn modified(&self) -> io::Result<u64> {
        let time = self.0.stat().map_err(failed)?.data_modification_timestamp;
        Ok(time.map_or(0, |time| nanos(time.seconds, time.nanoseconds)))
    }

    fn body(self: Box<Self>, range: Range<u64>) -> io::Result<Body> {
        let stream = self.0.read_via_stream(range.start).map_err(failed)?;
        let left = range.end.saturating_sub(range.start);
        let source = FileSource {
            stream: Some(stream),
            left,
            _file: self.0,
        };
        Ok(Body::Stream(left, Box::new(source)))
    }
}

struct FileSource {
    stream: Option<InputStream>,
    left: u64,
    _file: Descriptor,
}

impl Source for FileSource {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(stream) = self.stream.as_ref().filter(|_| self.left > 0) else {
            return Ok(None);
        };
        match stream.blocking_read(self.left.min(PIECE)) {
            Ok(piece) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Ok(Some(piece))
            }
            Err(StreamError::Closed) => Err(io::Error::other("the file has become shorter")),
            Err(StreamError::LastOperationFailed(why)) => {
                Err(io::Error::other(why.to_debug_string()))
            }
        }
    }

    fn host_stream(&mut self) -> Option<(Box<dyn Any>, u64)> {
        let stream = self.stream.take()?;
        Some((Box::new(stream), u64::MAX))
    }
}

fn failed(error: ErrorCode) -> io::Error {
    let kind = match error {
        ErrorCode::NoEntry | ErrorCode::NotDirectory | ErrorCode::NameTooLong => {
            io::ErrorKind::NotFound
        }
        ErrorCode::Exist => io::ErrorKind::AlreadyExists,
        ErrorCode::Access | ErrorCode::NotPermitted | ErrorCode::ReadOnly => {
            io::ErrorKind::PermissionDenied
        }
        _ => return io::Error::other(error.name()),
    };
    io::Error::new(kind, error.name())
}
