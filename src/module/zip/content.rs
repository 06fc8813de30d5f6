//! Reads the content of an archive's entries, once, from the first byte of the archive to the
//! last: checks every local header, every size and every checksum, takes the SHA-256 of what is
//! kept, and hands on the compressed bytes as they stand.
//!
//! The entries must fill the archive without a gap and without an overlap, in any order: so a
//! reader that goes by local headers finds what a reader that goes by the central directory finds.
//!
//! Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 and 4.3.9.

use std::io;

use super::directory::{Directory, Entry, EntryKind, HAS_DESCRIPTOR, MEANINGFUL_FLAGS};
use super::extra;
use super::problem::{Findings, Reason, ZipError};
use super::reader::{Reader, take, take_u16, take_u32, take_u64};
use super::unpack::Unpacker;
use crate::order;

const LOCAL_HEADER: usize = 30;

/// Receives the entries that are kept, as they stand in the archive.
pub trait Sink {
    /// An entry begins; its data follows.
    fn begin(&mut self, directory: &mut Directory, number: u32) -> io::Result<()>;
    /// The next piece of its compressed data.
    fn data(&mut self, piece: &[u8]) -> io::Result<()>;
}

/// Throws everything away: for an archive that is only checked.
pub struct Discard;

impl Sink for Discard {
    fn begin(&mut self, _: &mut Directory, _: u32) -> io::Result<()> {
        Ok(())
    }

    fn data(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Goes through all entries.
pub struct Contents<'a, 'r> {
    /// The archive.
    pub reader: &'a mut Reader<'r>,
    /// Its entries; their hashes are filled in.
    pub directory: &'a mut Directory,
    /// What was found.
    pub findings: &'a mut Findings,
    /// What receives the entries that are kept.
    pub sink: &'a mut dyn Sink,
    /// The entry whose content is wanted: the root go.mod.
    pub wanted: Option<u32>,
}

/// What ends the reading of an entry.
pub enum Stop {
    /// The entry is at fault.
    Fault(Reason),
    /// The archive cannot be read, or the sink cannot be written.
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Io(error)
    }
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Stop::Fault(reason)
    }
}

impl Contents<'_, '_> {
    /// Reads all entries, and gives the content of the wanted one.
    pub fn read(mut self) -> Result<Option<Vec<u8>>, ZipError> {
        let mut order = self.directory.numbers();
        order::sort(&mut order, &mut |a, b| {
            let header = |number| self.header_of(number);
            header(a).cmp(&header(b)).then(a.cmp(&b))
        });
        let mut unpacker = Unpacker::new(self.wanted);
        let mut scratch = Vec::new();
        let first = order.first().map(|&number| self.header_of(number));
        let stray = first.unwrap_or(self.directory.start);
        if stray > 0 {
            self.findings.blame_archive(Reason::StrayBytes(stray));
        }
        for (at, &number) in order.iter().enumerate() {
            let following = order.get(at + 1).map(|&number| self.header_of(number));
            let start = self.directory.start;
            let end = following.map_or(start, |following| following.min(start));
            match self.read_entry(number, end, &mut unpacker, &mut scratch) {
                Ok(()) => {}
                Err(Stop::Fault(reason)) => {
                    self.findings.blame(self.directory, number, || reason);
                }
                Err(Stop::Io(error)) => return Err(ZipError::Io(error)),
            }
        }
        Ok(unpacker.finish(self.directory))
    }

    /// Reads the content of the wanted entry, before all others; nothing where it is at fault.
    pub fn read_wanted(mut self) -> Result<Option<Vec<u8>>, ZipError> {
        let Some(number) = self.wanted else {
            return Ok(None);
        };
        let mut unpacker = Unpacker::new(self.wanted);
        match self.read_data(number, &mut unpacker) {
            Ok(()) => Ok(unpacker.finish(self.directory)),
            Err(Stop::Io(error)) => Err(ZipError::Io(error)),
            Err(Stop::Fault(reason)) => {
                self.findings.blame(self.directory, number, || reason);
                Ok(None)
            }
        }
    }

    fn header_of(&self, number: u32) -> u64 {
        let entry = self.directory.entries.get(number as usize);
        entry.map_or(0, |entry| entry.header)
    }

    /// Reads one entry, which has the bytes up to `end`.
    fn read_entry(
        &mut self,
        number: u32,
        end: u64,
        unpacker: &mut Unpacker,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let Some(entry) = self.directory.entries.get(number as usize) else {
            return Ok(());
        };
        let name = self.directory.name(entry);
        read_local_header(self.reader, entry, name, end, scratch)?;
        let data = self.reader.position();
        let data_end = data.checked_add(entry.compressed).filter(|&at| at <= end);
        let data_end = data_end.ok_or(Reason::Overlap)?;
        let trailer = end - data_end;
        let has_descriptor = entry.flags & HAS_DESCRIPTOR != 0;
        match trailer {
            0 if !has_descriptor => {}
            12 | 16 | 20 | 24 if has_descriptor => {}
            _ if has_descriptor => return Err(Reason::DataDescriptor.into()),
            stray => return Err(Reason::StrayBytes(stray).into()),
        }
        if let Some(reason) = entry.unreadable() {
            return Err(reason.into());
        }
        if entry.is_kept && entry.kind != EntryKind::Folder && !entry.is_faulty.get() {
            self.sink.begin(self.directory, number)?;
            unpacker.read(self.reader, self.directory, number, self.sink)?;
        }
        // Only now: a step back in an archive that comes from an object store is a request.
        if has_descriptor {
            self.reader.go_to(data_end)?;
            self.reader.read_into(scratch, trailer as usize)?;
            let entry = self.directory.entries.get(number as usize);
            if !entry.is_some_and(|entry| is_descriptor_of(entry, scratch)) {
                return Err(Reason::DataDescriptor.into());
            }
        }
        Ok(())
    }

    /// Reads the content of one entry, wherever it is.
    fn read_data(&mut self, number: u32, unpacker: &mut Unpacker) -> Result<(), Stop> {
        let end = self.directory.start;
        let Some(entry) = self.directory.entries.get(number as usize) else {
            return Ok(());
        };
        let name = self.directory.name(entry);
        read_local_header(self.reader, entry, name, end, &mut Vec::new())?;
        if let Some(reason) = entry.unreadable() {
            return Err(reason.into());
        }
        if end - self.reader.position() < entry.compressed {
            return Err(Reason::Overlap.into());
        }
        unpacker.read(self.reader, self.directory, number, self.sink)
    }
}

/// Reads the local header of an entry that has the bytes up to `end`, and compares it.
fn read_local_header(
    reader: &mut Reader<'_>,
    entry: &Entry,
    name: &[u8],
    end: u64,
    scratch: &mut Vec<u8>,
) -> Result<(), Stop> {
    let room = end.checked_sub(entry.header).ok_or(Reason::NoLocalHeader)?;
    if room < LOCAL_HEADER as u64 {
        return Err(Reason::Overlap.into());
    }
    let mut header = [0; LOCAL_HEADER];
    reader.go_to(entry.header)?;
    reader.read(&mut header)?;
    let mut rest = header
        .strip_prefix(b"PK\x03\x04")
        .ok_or(Reason::NoLocalHeader)?;
    let local = Local::parse(&mut rest).ok_or(Reason::NoLocalHeader)?;
    if room - (LOCAL_HEADER as u64) < (local.name_length + local.extra_length) as u64 {
        return Err(Reason::Overlap.into());
    }
    reader.read_into(scratch, local.name_length + local.extra_length)?;
    let (local_name, extra) = scratch
        .split_at_checked(local.name_length)
        .ok_or(Reason::NoLocalHeader)?;
    let contradiction = local.contradiction(entry, local_name == name, extra);
    if let Some(field) = contradiction {
        return Err(Reason::LocalHeader(field).into());
    }
    if extra::gives_other_name(extra, name) {
        return Err(Reason::OtherName.into());
    }
    Ok(())
}

/// What a local header repeats of the central directory.
struct Local {
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u32,
    size: u32,
    name_length: usize,
    extra_length: usize,
}

impl Local {
    /// Reads what follows the signature.
    fn parse(rest: &mut &[u8]) -> Option<Local> {
        let _version: [u8; 2] = take(rest)?;
        let (flags, method) = (take_u16(rest)?, take_u16(rest)?);
        let _time: [u8; 4] = take(rest)?;
        Some(Local {
            flags,
            method,
            crc: take_u32(rest)?,
            compressed: take_u32(rest)?,
            size: take_u32(rest)?,
            name_length: take_u16(rest)?.into(),
            extra_length: take_u16(rest)?.into(),
        })
    }

    /// The first field that says something else than the central directory.
    fn contradiction(&self, entry: &Entry, same_name: bool, extra: &[u8]) -> Option<&'static str> {
        let (mut size, mut compressed) = (self.size.into(), self.compressed.into());
        if self.size == u32::MAX || self.compressed == u32::MAX {
            match extra::local_sizes(extra) {
                Some(sizes) => (size, compressed) = sizes,
                None => return Some("sizes"),
            }
        }
        // Where a descriptor follows the data, the header may leave these open.
        let may_be_open = entry.flags & HAS_DESCRIPTOR != 0;
        let agrees = |local: u64, central: u64| local == central || (may_be_open && local == 0);
        if !same_name {
            Some("name")
        } else if (self.flags ^ entry.flags) & MEANINGFUL_FLAGS != 0 {
            Some("flags")
        } else if self.method != entry.method {
            Some("compression method")
        } else if !agrees(self.crc.into(), entry.crc.into()) {
            Some("checksum")
        } else if !agrees(compressed, entry.compressed) || !agrees(size, entry.size) {
            Some("sizes")
        } else {
            None
        }
    }
}

/// Whether a data descriptor says what the central directory says. It may begin with a signature,
/// and its sizes may have 32 or 64 bits: its length tells.
fn is_descriptor_of(entry: &Entry, descriptor: &[u8]) -> bool {
    let mut rest = match descriptor.len() {
        16 | 24 => match descriptor.strip_prefix(b"PK\x07\x08") {
            Some(rest) => rest,
            None => return false,
        },
        _ => descriptor,
    };
    let crc = take_u32(&mut rest);
    let is_short = rest.len() == 8;
    let mut size = || match is_short {
        true => take_u32(&mut rest).map(u64::from),
        false => take_u64(&mut rest),
    };
    crc == Some(entry.crc) && size() == Some(entry.compressed) && size() == Some(entry.size)
}
