//! Files that the host sends by itself: opened through `wasi:filesystem`, whose stream can be spliced
//! to a response, which `std::fs` can't.

use std::any::Any;
use std::io;
use std::ops::Range;
use std::path::Path;

use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasi::io::streams::{InputStream, StreamError};

use crate::http::{Body, Source};
use crate::store::dir::{Disk, Opened, nanos};

const PIECE: u64 = 256 * 1024;

/// The folders that the host lets us see.
pub(super) struct WasiDisk;

impl Disk for WasiDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Opened>> {
        let path = path.to_str().ok_or(io::ErrorKind::NotFound)?;
        let (folder, below) = get_directories()
            .into_iter()
            .filter_map(|(folder, name)| Some((folder, below(path, &name)?)))
            .min_by_key(|(_, below)| below.len())
            .ok_or(io::ErrorKind::NotFound)?;
        let file = folder
            .open_at(
                PathFlags::SYMLINK_FOLLOW,
                &below,
                OpenFlags::empty(),
                DescriptorFlags::READ,
            )
            .map_err(failed)?;
        Ok(Box::new(WasiFile(file)))
    }
}

/// The part of a path below a folder.
fn below(path: &str, folder: &str) -> Option<String> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    Some(rest.strip_prefix('/')?.to_owned())
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

    fn host_stream(&mut self) -> Option<Box<dyn Any>> {
        let stream = self.stream.take()?;
        Some(Box::new(stream))
    }
}

fn failed(error: ErrorCode) -> io::Error {
    let kind = match error {
        ErrorCode::NoEntry | ErrorCode::NotDirectory | ErrorCode::NameTooLong => {
            io::ErrorKind::NotFound
        }
        ErrorCode::Access | ErrorCode::NotPermitted => io::ErrorKind::PermissionDenied,
        _ => return io::Error::other(error.name()),
    };
    kind.into()
}
