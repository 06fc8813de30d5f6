//! Writes the canonical module zip.
//!
//! Each file is a local header with everything in it, then the compressed bytes as they came; the
//! central directory follows. No times, no modes, no comments: the same files in the same order
//! give the same bytes. The zip64 records are written only where a number needs them.
//!
//! Source: PKWARE APPNOTE.TXT 6.3.10, section 4.3.

use std::io::{self, Write};

use super::content::Sink;
use super::directory::{Directory, Entry, UTF8_NAME};
use super::names::Paths;

/// The largest number that a 32-bit field holds without meaning "see zip64".
const MAX32: u64 = u32::MAX as u64 - 1;
/// The same for 16 bits.
const MAX16: u64 = u16::MAX as u64 - 1;
/// Version 4.5 of the format, which has zip64.
const WITH_ZIP64: u16 = 45;
/// Version 2.0 of the format, which has deflate.
const WITHOUT_ZIP64: u16 = 20;

/// Writes entries one after the other.
pub struct Writer<'a> {
    out: &'a mut dyn Write,
    /// `path@version/`, the beginning of every name.
    prefix: String,
    paths: Paths,
    position: u64,
    written: Vec<u32>,
    record: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// A writer of entries that get the names `prefix` and their path.
    pub fn new(out: &'a mut dyn Write, prefix: String, paths: Paths) -> Self {
        Writer {
            out,
            prefix,
            paths,
            position: 0,
            written: Vec::new(),
            record: Vec::new(),
        }
    }

    /// Writes the central directory and the end.
    pub fn finish(mut self, directory: &Directory) -> io::Result<()> {
        let start = self.position;
        let written = std::mem::take(&mut self.written);
        for &number in &written {
            if let Some(entry) = directory.entries.get(number as usize) {
                self.central_header(directory, number, entry);
                self.flush_record()?;
            }
        }
        let size = self.position - start;
        self.end(written.len() as u64, start, size);
        self.flush_record()?;
        self.out.flush()
    }

    fn flush_record(&mut self) -> io::Result<()> {
        self.out.write_all(&self.record)?;
        self.position += self.record.len() as u64;
        self.record.clear();
        Ok(())
    }

    fn local_header(&mut self, directory: &Directory, number: u32, entry: &Entry) {
        let path = self.paths.of(directory, number);
        let is_large = entry.size > MAX32 || entry.compressed > MAX32;
        self.record.extend(b"PK\x03\x04");
        self.common(entry, path, is_large);
        self.u16(if is_large { 20 } else { 0 });
        self.name(path);
        if is_large {
            self.zip64(&[entry.size, entry.compressed]);
        }
    }

    fn central_header(&mut self, directory: &Directory, number: u32, entry: &Entry) {
        let path = self.paths.of(directory, number);
        let is_large = entry.size > MAX32 || entry.compressed > MAX32;
        let is_far = entry.header > MAX32;
        let large = [entry.size, entry.compressed, entry.header];
        let large = match (is_large, is_far) {
            (true, true) => &large[..],
            (true, false) => &large[..2],
            (false, true) => &large[2..],
            (false, false) => &[],
        };
        self.record.extend(b"PK\x01\x02");
        self.u16(if large.is_empty() {
            WITHOUT_ZIP64
        } else {
            WITH_ZIP64
        });
        self.common(entry, path, is_large);
        self.u16(if large.is_empty() {
            0
        } else {
            4 + 8 * large.len() as u16
        });
        // No comment, first part, no attributes.
        self.record.extend([0; 10]);
        self.u32(if is_far {
            u32::MAX
        } else {
            entry.header as u32
        });
        self.name(path);
        if !large.is_empty() {
            self.zip64(large);
        }
    }

    /// The part that local and central headers share, from the version to the name's length.
    fn common(&mut self, entry: &Entry, path: &[u8], is_large: bool) {
        let short = |size: u64| if is_large { u32::MAX } else { size as u32 };
        self.u16(if is_large { WITH_ZIP64 } else { WITHOUT_ZIP64 });
        self.u16(if path.is_ascii() { 0 } else { UTF8_NAME });
        self.u16(entry.method);
        self.u32(0);
        self.u32(entry.crc);
        self.u32(short(entry.compressed));
        self.u32(short(entry.size));
        self.u16((self.prefix.len() + path.len()) as u16);
    }

    fn name(&mut self, path: &[u8]) {
        self.record.extend_from_slice(self.prefix.as_bytes());
        self.record.extend_from_slice(path);
    }

    fn zip64(&mut self, values: &[u64]) {
        self.u16(1);
        self.u16(8 * values.len() as u16);
        for &value in values {
            self.u64(value);
        }
    }

    /// The end record, after the zip64 end record where a number asks for it.
    fn end(&mut self, count: u64, start: u64, size: u64) {
        let is_large = count > MAX16 || start > MAX32 || size > MAX32;
        if is_large {
            self.record.extend(b"PK\x06\x06");
            self.u64(44);
            self.u16(WITH_ZIP64);
            self.u16(WITH_ZIP64);
            self.u64(0);
            for value in [count, count, size, start] {
                self.u64(value);
            }
            self.record.extend(b"PK\x06\x07");
            self.u32(0);
            self.u64(start + size);
            self.u32(1);
        }
        self.record.extend(b"PK\x05\x06");
        self.u32(0);
        let short_count = if is_large { u16::MAX } else { count as u16 };
        self.u16(short_count);
        self.u16(short_count);
        self.u32(if is_large { u32::MAX } else { size as u32 });
        self.u32(if is_large { u32::MAX } else { start as u32 });
        self.u16(0);
    }

    fn u16(&mut self, value: u16) {
        self.record.extend(value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.record.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.record.extend(value.to_le_bytes());
    }
}

impl Sink for Writer<'_> {
    fn begin(&mut self, directory: &mut Directory, number: u32) -> io::Result<()> {
        if let Some(entry) = directory.entries.get_mut(number as usize) {
            entry.header = self.position;
        }
        if let Some(entry) = directory.entries.get(number as usize) {
            self.local_header(directory, number, entry);
        }
        self.written.push(number);
        self.flush_record()
    }

    fn data(&mut self, piece: &[u8]) -> io::Result<()> {
        self.position += piece.len() as u64;
        self.out.write_all(piece)
    }
}
