//! Reading an archive by position, through one buffer.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// What an archive is read from: it can go back, for archives are read from their end.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// The size of the one buffer.
const BUFFER: usize = 64 << 10;

/// An archive's bytes. Reading forward reuses the buffer; every error is the source's own.
pub struct Reader<'a> {
    source: BufReader<&'a mut dyn ReadSeek>,
    position: u64,
    length: u64,
}

impl<'a> Reader<'a> {
    /// Starts at the beginning.
    pub fn new(source: &'a mut dyn ReadSeek) -> io::Result<Self> {
        let length = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        Ok(Reader {
            source: BufReader::with_capacity(BUFFER, source),
            position: 0,
            length,
        })
    }

    /// The archive's size in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Where the next byte is read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes to `position`, which lies within the archive.
    pub fn go_to(&mut self, position: u64) -> io::Result<()> {
        let distance = position as i64 - self.position as i64;
        if distance != 0 {
            self.source.seek_relative(distance)?;
            self.position = position;
        }
        Ok(())
    }

    /// Fills `target`, which does not reach beyond the archive's end.
    pub fn read(&mut self, target: &mut [u8]) -> io::Result<()> {
        self.source.read_exact(target)?;
        self.position += target.len() as u64;
        Ok(())
    }

    /// Reads `count` bytes into `target`, in place of what it held.
    pub fn read_into(&mut self, target: &mut Vec<u8>, count: usize) -> io::Result<()> {
        target.clear();
        target.resize(count, 0);
        self.read(target)
    }

    /// What is buffered, at most `limit` bytes of it and at least one.
    pub fn buffered(&mut self, limit: u64) -> io::Result<&[u8]> {
        let bytes = self.source.fill_buf()?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(bytes.get(..limit).unwrap_or(bytes))
    }

    /// Goes past `count` of the buffered bytes.
    pub fn consume(&mut self, count: usize) {
        self.source.consume(count);
        self.position += count as u64;
    }
}

/// Takes a fixed number of bytes off the front of a record.
pub fn take<const N: usize>(record: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = record.split_first_chunk()?;
    *record = rest;
    Some(*head)
}

/// Takes a little-endian number off the front of a record.
pub fn take_u16(record: &mut &[u8]) -> Option<u16> {
    take(record).map(u16::from_le_bytes)
}

/// Takes a little-endian number off the front of a record.
pub fn take_u32(record: &mut &[u8]) -> Option<u32> {
    take(record).map(u32::from_le_bytes)
}

/// Takes a little-endian number off the front of a record.
pub fn take_u64(record: &mut &[u8]) -> Option<u64> {
    take(record).map(u64::from_le_bytes)
}
