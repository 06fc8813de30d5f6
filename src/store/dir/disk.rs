//! What the store in a folder asks of a file system. Everything goes through here, so that a test can
//! make any step fail. The standard library does it natively; in the component `wasi` has its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::http::{Body, Source};
use crate::store::ReadSeek;

/// Bytes read at once where a file is copied through us.
const PIECE: u64 = 256 * 1024;

/// A file system, in the few steps that the store takes.
pub trait Disk {
    /// Opens a file whose bytes are to be sent.
    ///
    /// # Errors
    /// The file system's, as all below.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Opened>> {
        Ok(Box::new(StdFile(File::open(path)?)))
    }

    /// Opens a file to read here and there.
    fn reader(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(File::open(path)?))
    }

    /// The names in a folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            // A name that is no UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    /// Whether there is something under this path.
    fn exists(&self, path: &Path) -> io::Result<bool> {
        fs::exists(path)
    }

    /// Creates a file that must not be there, and its folders.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Created>> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Box::new(file))
    }

    /// Gives a file a second name, which must be free.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::hard_link(from, to)?;
        // The new name must survive a power cut as the bytes do. Not every host lets a folder be
        // synchronised.
        if let Some(folder) = to.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    /// Gives a file another name, which it takes from any file that has it.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(from, to)
    }

    /// Removes a file; one that is not there is fine.
    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A file opened to be sent.
pub trait Opened {
    /// Its size in bytes.
    fn size(&self) -> io::Result<u64>;
    /// When it was last changed, in nanoseconds since the Unix epoch.
    fn modified(&self) -> io::Result<u64>;
    /// Its bytes in this range.
    fn body(self: Box<Self>, range: Range<u64>) -> io::Result<Body>;
}

/// A file being written.
pub trait Created: Write {
    /// Sees the bytes onto the disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl Created for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// The file system of the standard library.
#[derive(Debug, Clone, Copy, Default)]
pub struct StdDisk;

impl Disk for StdDisk {}

/// Nanoseconds of seconds and a part; as many as fit, until the year 2554.
pub fn nanos(seconds: u64, part: u32) -> u64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(part))
}

struct StdFile(File);

impl Opened for StdFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn modified(&self) -> io::Result<u64> {
        let time = self.0.metadata()?.modified()?;
        Ok(time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |age| nanos(age.as_secs(), age.subsec_nanos())))
    }

    fn body(mut self: Box<Self>, range: Range<u64>) -> io::Result<Body> {
        let length = range.end.saturating_sub(range.start);
        self.0.seek(SeekFrom::Start(range.start))?;
        Ok(Body::Stream(
            length,
            Box::new(FileSource(self.0.take(length))),
        ))
    }
}

/// Sends a file through us.
struct FileSource(io::Take<File>);

impl Source for FileSource {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let left = self.0.limit();
        if left == 0 {
            return Ok(None);
        }
        let mut piece = Vec::new();
        let read = (&mut self.0)
            .take(left.min(PIECE))
            .read_to_end(&mut piece)?;
        if read == 0 {
            return Err(io::Error::other("the file has become shorter"));
        }
        Ok(Some(piece))
    }
}
