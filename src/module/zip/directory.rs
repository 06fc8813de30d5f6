//! The central directory: all entries of an archive, kept small.
//!
//! An archive may have 200,000 entries with names of 64 KiB, so an entry takes less than 128 bytes
//! and its name, and all memory is asked for once, in its final size: the directory is read twice.
//!
//! Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.12 and 4.5; Info-ZIP's extra fields; Go's
//! archive/zip for what a mode means.

use std::cell::Cell;
use std::io;

use super::super::Timestamp;
use super::super::hash::{EMPTY_FILE, FileHash};
use super::Limits;
use super::end::End;
use super::extra;
use super::problem::{Excess, Reason, ZipError};
use super::reader::{Reader, take, take_u16, take_u32};

const HEADER: usize = 46;

/// Flag: the entry is encrypted (0), strongly (6), or its header is masked (13).
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Flag: sizes and checksum follow the data.
pub const HAS_DESCRIPTOR: u16 = 1 << 3;
/// Flag: the name is UTF-8.
pub const UTF8_NAME: u16 = 1 << 11;
/// Flags that say how an entry is read.
pub const MEANINGFUL_FLAGS: u16 = ENCRYPTED | HAS_DESCRIPTOR | UTF8_NAME;

/// Compression method: none.
pub const STORED: u16 = 0;
/// Compression method: deflate.
pub const DEFLATED: u16 = 8;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// Its name ends in a slash.
    Folder,
    /// A symbolic link; its content is the target.
    Symlink,
    /// A device, a pipe, a socket, or a folder whose name does not say so.
    Irregular,
}

/// One entry of the central directory.
#[derive(Debug)]
pub struct Entry {
    /// Where the entry's local header begins.
    pub header: u64,
    /// The size of its data as it stands in the archive.
    pub compressed: u64,
    /// The size of its content.
    pub size: u64,
    /// Where its name begins in the directory's names.
    name: u32,
    /// CRC-32 of its content.
    pub crc: u32,
    /// SHA-256 of its content, once that has been read.
    pub hash: FileHash,
    /// How long its name is.
    pub name_length: u16,
    /// The general purpose flags.
    pub flags: u16,
    /// The compression method.
    pub method: u16,
    /// What it is.
    pub kind: EntryKind,
    /// Whether it belongs into the module zip.
    pub is_kept: bool,
    /// Whether a problem was found with it.
    pub is_faulty: Cell<bool>,
}

impl Entry {
    /// Why nobody could read this entry, whatever its content.
    pub fn unreadable(&self) -> Option<Reason> {
        if self.flags & ENCRYPTED != 0 {
            Some(Reason::Encrypted)
        } else if !matches!(self.method, STORED | DEFLATED) {
            Some(Reason::Method(self.method))
        } else {
            None
        }
    }
}

/// The entries of an archive in their order, and their names.
pub struct Directory {
    /// All entries.
    pub entries: Vec<Entry>,
    names: Vec<u8>,
    /// Where the central directory begins, which is where the last entry ends.
    pub start: u64,
    /// The archive's comment.
    pub comment: Vec<u8>,
    /// The newest time in an extra field of Info-ZIP's kind `UT`, which is UTC.
    pub newest_utc: Option<Timestamp>,
    /// The newest time of MS-DOS's kind, whose zone nobody knows.
    pub newest_dos: Option<Timestamp>,
    /// The entries whose extra fields give another name.
    pub renamed: Vec<u32>,
}

impl Directory {
    /// Reads the end records and the central directory, within the limits.
    pub fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ZipError> {
        let bytes = reader.length();
        if bytes > limits.max_zip_bytes {
            let limit = limits.max_zip_bytes;
            return Err(ZipError::TooLarge(Excess::Archive { bytes, limit }));
        }
        let end = End::read(reader)?;
        check_limits(&end, limits)?;
        let count = usize::try_from(end.entries).unwrap_or(usize::MAX);
        let mut directory = Directory {
            entries: Vec::with_capacity(count),
            names: Vec::with_capacity(name_bytes(reader, &end)?),
            start: end.directory,
            comment: end.comment,
            newest_utc: None,
            newest_dos: None,
            renamed: Vec::new(),
        };
        reader.go_to(end.directory)?;
        let mut record = Record::default();
        for _ in 0..count {
            record.read(reader)?;
            directory.add(&record).ok_or(Reason::BadDirectory)?;
        }
        Ok(directory)
    }

    /// An entry's name as the archive has it.
    pub fn name(&self, entry: &Entry) -> &[u8] {
        let start = entry.name as usize;
        let end = start + usize::from(entry.name_length);
        self.names.get(start..end).unwrap_or_default()
    }

    /// The name of the entry of this number.
    pub fn name_at(&self, number: u32) -> &[u8] {
        self.entries
            .get(number as usize)
            .map_or(&[], |entry| self.name(entry))
    }

    /// The first entry of this name.
    pub fn find(&self, name: &[u8]) -> Option<u32> {
        let mut entries = (0..).zip(&self.entries);
        entries.find_map(|(number, entry)| (self.name(entry) == name).then_some(number))
    }

    /// The numbers of all entries.
    pub fn numbers(&self) -> Vec<u32> {
        (0..).take(self.entries.len()).collect()
    }

    fn add(&mut self, record: &Record) -> Option<()> {
        let (mut entry, dos) = record.entry()?;
        let name = record.name()?;
        let mut extra = extra::Central::default();
        extra.read(&mut entry, name, record.extra()?)?;
        if extra.has_other_name {
            self.renamed.push(u32::try_from(self.entries.len()).ok()?);
        }
        entry.name = u32::try_from(self.names.len()).ok()?;
        self.names.extend_from_slice(name);
        self.entries.push(entry);
        self.newest_utc = self.newest_utc.max(extra.modified);
        self.newest_dos = self.newest_dos.max(dos);
        Some(())
    }
}

/// The name of the first entry, if there is any entry.
pub fn first_name(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, ZipError> {
    let end = End::read(reader)?;
    if end.entries == 0 {
        return Ok(None);
    }
    if end.directory_bytes < HEADER as u64 {
        return Err(Reason::BadDirectory.into());
    }
    let mut header = [0; HEADER];
    reader.go_to(end.directory)?;
    reader.read(&mut header)?;
    let (length, _) = variable_lengths(&header).ok_or(Reason::BadDirectory)?;
    if end.directory_bytes - (HEADER as u64) < length as u64 {
        return Err(Reason::BadDirectory.into());
    }
    let mut name = Vec::new();
    reader.read_into(&mut name, length)?;
    Ok(Some(name))
}

fn check_limits(end: &End, limits: &Limits) -> Result<(), ZipError> {
    let (bytes, limit) = (end.directory_bytes, limits.max_directory_bytes);
    if bytes > limit {
        return Err(ZipError::TooLarge(Excess::Directory { bytes, limit }));
    }
    // A count that the directory has no room for is a lie, not a large archive.
    if end.entries > bytes / HEADER as u64 {
        return Err(Reason::BadDirectory.into());
    }
    let (count, limit) = (end.entries, limits.max_files);
    if count > limit {
        return Err(ZipError::TooLarge(Excess::Files { count, limit }));
    }
    Ok(())
}

/// Goes through the directory's records and adds up the lengths of the names.
fn name_bytes(reader: &mut Reader<'_>, end: &End) -> Result<usize, ZipError> {
    reader.go_to(end.directory)?;
    let stop = end.directory + end.directory_bytes;
    let mut total = 0;
    let mut header = [0; HEADER];
    for _ in 0..end.entries {
        if stop - reader.position() < HEADER as u64 {
            return Err(Reason::BadDirectory.into());
        }
        reader.read(&mut header)?;
        let (name, rest) = variable_lengths(&header).ok_or(Reason::BadDirectory)?;
        let next = reader.position() + (name + rest) as u64;
        if next > stop {
            return Err(Reason::BadDirectory.into());
        }
        reader.go_to(next)?;
        total += name;
    }
    if reader.position() != stop {
        return Err(Reason::BadDirectory.into());
    }
    Ok(total)
}

/// The length of a record's name, and of what follows it.
fn variable_lengths(header: &[u8; HEADER]) -> Option<(usize, usize)> {
    let mut rest = header.strip_prefix(b"PK\x01\x02")?.get(24..)?;
    let mut length = || take_u16(&mut rest).map(usize::from);
    Some((length()?, length()? + length()?))
}

/// One record of the central directory, read whole.
#[derive(Default)]
struct Record {
    header: Vec<u8>,
    variable: Vec<u8>,
    name_length: usize,
    extra_length: usize,
}

impl Record {
    /// Reads the next record, whose lengths have been checked against the directory's.
    fn read(&mut self, reader: &mut Reader<'_>) -> io::Result<()> {
        reader.read_into(&mut self.header, HEADER)?;
        let mut lengths = self.header.get(28..34).unwrap_or_default();
        let mut length = || take_u16(&mut lengths).map_or(0, usize::from);
        let comment_length;
        (self.name_length, self.extra_length, comment_length) = (length(), length(), length());
        let variable = self.name_length + self.extra_length + comment_length;
        reader.read_into(&mut self.variable, variable)
    }

    fn name(&self) -> Option<&[u8]> {
        self.variable.get(..self.name_length)
    }

    fn extra(&self) -> Option<&[u8]> {
        self.variable
            .get(self.name_length..self.name_length + self.extra_length)
    }

    /// The fixed part of the record, and its MS-DOS time.
    fn entry(&self) -> Option<(Entry, Option<Timestamp>)> {
        let mut rest = self.header.as_slice();
        let _signature: [u8; 4] = take(&mut rest)?;
        let made_by = take_u16(&mut rest)?;
        let _needed = take_u16(&mut rest)?;
        let flags = take_u16(&mut rest)?;
        let method = take_u16(&mut rest)?;
        let (time, date) = (take_u16(&mut rest)?, take_u16(&mut rest)?);
        let crc = take_u32(&mut rest)?;
        let (compressed, size) = (take_u32(&mut rest)?, take_u32(&mut rest)?);
        let _lengths: [u8; 6] = take(&mut rest)?;
        let _disk_and_internal: [u8; 4] = take(&mut rest)?;
        let attributes = take_u32(&mut rest)?;
        let header = take_u32(&mut rest)?;
        let kind = if self.name()?.ends_with(b"/") {
            EntryKind::Folder
        } else {
            kind(made_by, attributes)
        };
        let entry = Entry {
            header: header.into(),
            compressed: compressed.into(),
            size: size.into(),
            name: 0,
            crc,
            hash: EMPTY_FILE,
            name_length: u16::try_from(self.name_length).ok()?,
            flags,
            method,
            kind,
            is_kept: true,
            is_faulty: Cell::new(false),
        };
        Some((entry, dos_time(date, time)))
    }
}

/// What an entry's attributes say that it is.
fn kind(made_by: u16, attributes: u32) -> EntryKind {
    match made_by >> 8 {
        // Unix and macOS: the high half is a mode as `stat` gives it.
        3 | 19 => match attributes >> 16 & 0xf000 {
            0xa000 => EntryKind::Symlink,
            0x1000 | 0x2000 | 0x4000 | 0x6000 | 0xc000 => EntryKind::Irregular,
            _ => EntryKind::File,
        },
        // MS-DOS, NTFS and VFAT: one bit marks a folder.
        0 | 10 | 14 if attributes & 0x10 != 0 => EntryKind::Irregular,
        _ => EntryKind::File,
    }
}

/// An MS-DOS date and time, taken as UTC; `None` for the zeros that Go writes, and for nonsense.
fn dos_time(date: u16, time: u16) -> Option<Timestamp> {
    let [date, time] = [date, time].map(u32::from);
    let day = [1980 + (date >> 9), date >> 5 & 15, date & 31];
    let of_day = [time >> 11, time >> 5 & 63, (time & 31) * 2];
    Timestamp::from_utc(day, of_day)
}
