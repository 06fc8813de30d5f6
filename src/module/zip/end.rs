//! The end record: where an archive's central directory is, and how many entries it has.
//!
//! Readers of zips find the end in different ways: from the back or from the front, with or
//! without the zip64 records, with or without bytes before the first entry or after the comment.
//! Here only an archive is accepted in which they all find the same: nothing follows the comment,
//! nothing stands between the central directory and the end records, and where there are zip64
//! records, they and the end record agree.
//!
//! Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16; Go's archive/zip.

use super::problem::{Reason, ZipError};
use super::reader::{Reader, take, take_u16, take_u32, take_u64};

const END_RECORD: u64 = 22;
const END64_LOCATOR: u64 = 20;
const END64_RECORD: u64 = 56;
/// Both, where they stand between the central directory and the end record.
const END64: u64 = END64_RECORD + END64_LOCATOR;

/// What the end of an archive says.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    /// How many entries the central directory has.
    pub entries: u64,
    /// Where the central directory begins.
    pub directory: u64,
    /// The size of the central directory in bytes.
    pub directory_bytes: u64,
    /// The archive's comment.
    pub comment: Vec<u8>,
}

impl End {
    /// Reads the end records.
    pub fn read(reader: &mut Reader<'_>) -> Result<End, ZipError> {
        let (at, record) = find(reader)?;
        let (mut end, saturated) = parse(&record).ok_or(Reason::BadEnd)?;
        let mut directory_end = at;
        if let Some((at64, end64)) = read64(reader, at)? {
            let agrees = |short: u64, long: u64, mark: u64| short == long || short == mark;
            let agree = agrees(end.entries, end64.entries, 0xffff)
                && agrees(end.directory_bytes, end64.directory_bytes, 0xffff_ffff)
                && agrees(end.directory, end64.directory, 0xffff_ffff);
            if !agree {
                return Err(Reason::BadEnd.into());
            }
            directory_end = at64;
            end = End {
                comment: end.comment,
                ..end64
            };
        } else if saturated {
            return Err(Reason::BadEnd.into());
        }
        let claimed = end.directory.checked_add(end.directory_bytes);
        match claimed.and_then(|claimed| directory_end.checked_sub(claimed)) {
            Some(0) => Ok(end),
            Some(stray) => Err(Reason::StrayBytes(stray).into()),
            None => Err(Reason::BadEnd.into()),
        }
    }
}

/// Finds the last end record and reads it with its comment, as Go does: from the back.
fn find(reader: &mut Reader<'_>) -> Result<(u64, Vec<u8>), ZipError> {
    let length = reader.length();
    let start = length.saturating_sub(END_RECORD + 0xffff);
    let mut tail = Vec::new();
    reader.go_to(start)?;
    reader.read_into(&mut tail, (length - start) as usize)?;
    let at = last_record(&tail).ok_or(Reason::NotAZip)?;
    tail.drain(..at);
    Ok((start + at as u64, tail))
}

/// Where the last end record begins.
fn last_record(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END_RECORD as usize)?;
    (0..=last).rev().find(|&at| {
        tail.get(at..)
            .is_some_and(|tail| tail.starts_with(b"PK\x05\x06"))
    })
}

/// As many bytes of an archive's end as [`has_end`] may need: the end record with the longest comment.
pub const LONGEST_END: u64 = END_RECORD + 0xffff;

/// Whether an archive of `size` bytes that ends with `tail` has its end record, right behind its central
/// directory. An archive that was cut short has not: of one that it holds the end record may be there, which
/// counts from where that one begins. What follows the comment is let pass, as Go reads such archives.
pub fn has_end(tail: &[u8], size: u64) -> bool {
    let Some(at) = last_record(tail) else {
        return false;
    };
    let record = tail.get(at..).unwrap_or_default();
    let comment = record
        .get(20..22)
        .and_then(|mut length| take_u16(&mut length));
    let length = comment.map(|length| END_RECORD as usize + usize::from(length));
    let record = length.and_then(|length| record.get(..length));
    let Some((end, saturated)) = record.and_then(parse) else {
        return false;
    };
    let before = size.checked_sub((tail.len() - at) as u64);
    let directory_end = end.directory.checked_add(end.directory_bytes);
    let between = before.and_then(|before| before.checked_sub(directory_end?));
    saturated || matches!(between, Some(0 | END64))
}

/// Reads an end record that reaches to the archive's end, and whether its numbers are too small
/// to be the real ones.
fn parse(record: &[u8]) -> Option<(End, bool)> {
    let mut rest = record;
    let _signature: [u8; 4] = take(&mut rest)?;
    let disks = (take_u16(&mut rest)?, take_u16(&mut rest)?);
    let entries_here = take_u16(&mut rest)?;
    let entries = take_u16(&mut rest)?;
    let directory_bytes = take_u32(&mut rest)?;
    let directory = take_u32(&mut rest)?;
    let comment_length = take_u16(&mut rest)?;
    let is_whole = rest.len() == usize::from(comment_length);
    let is_one_part = matches!(disks, (0, 0) | (0xffff, 0xffff)) && entries_here == entries;
    (is_whole && is_one_part).then(|| {
        let end = End {
            entries: entries.into(),
            directory: directory.into(),
            directory_bytes: directory_bytes.into(),
            comment: rest.to_vec(),
        };
        (end, directory_bytes == u32::MAX || directory == u32::MAX)
    })
}

/// Reads the zip64 end record before the end record at `end`, if there is one, and where it is.
fn read64(reader: &mut Reader<'_>, end: u64) -> Result<Option<(u64, End)>, ZipError> {
    let Some(locator_at) = end.checked_sub(END64_LOCATOR) else {
        return Ok(None);
    };
    let mut locator = [0; END64_LOCATOR as usize];
    reader.go_to(locator_at)?;
    reader.read(&mut locator)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    let at = parse_locator(&locator).ok_or(Reason::SplitArchive)?;
    // The record may be longer than what is known of it; then it says so.
    if at
        .checked_add(END64_RECORD)
        .is_none_or(|record| record > locator_at)
    {
        return Err(Reason::BadEnd.into());
    }
    let mut record = [0; END64_RECORD as usize];
    reader.go_to(at)?;
    reader.read(&mut record)?;
    let end = parse64(&record, locator_at - at).ok_or(Reason::BadEnd)?;
    Ok(Some((at, end)))
}

fn parse_locator(locator: &[u8]) -> Option<u64> {
    let mut rest = locator;
    let _signature: [u8; 4] = take(&mut rest)?;
    let disk = take_u32(&mut rest)?;
    let at = take_u64(&mut rest)?;
    let disks = take_u32(&mut rest)?;
    (disk == 0 && disks <= 1).then_some(at)
}

fn parse64(record: &[u8], length: u64) -> Option<End> {
    let mut rest = record;
    let signature: [u8; 4] = take(&mut rest)?;
    let rest_length = take_u64(&mut rest)?;
    let _versions: [u8; 4] = take(&mut rest)?;
    let disks = (take_u32(&mut rest)?, take_u32(&mut rest)?);
    let entries_here = take_u64(&mut rest)?;
    let entries = take_u64(&mut rest)?;
    let directory_bytes = take_u64(&mut rest)?;
    let directory = take_u64(&mut rest)?;
    let valid = &signature == b"PK\x06\x06"
        && rest_length.checked_add(12) == Some(length)
        && disks == (0, 0)
        && entries_here == entries;
    valid.then_some(End {
        entries,
        directory,
        directory_bytes,
        comment: Vec::new(),
    })
}
