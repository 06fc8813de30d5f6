//! Unpacks the content of entries and takes its checksum and its SHA-256, each byte once.
//!
//! Small files are unpacked side by side into one buffer and hashed together; a larger file
//! passes through the same buffer, used as a ring.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use sha2::{Digest, Sha256};

use super::super::hash::FileHash;
use super::content::{Sink, Stop};
use super::directory::{Directory, STORED};
use super::problem::Reason;
use super::reader::Reader;

/// The size of the buffer: a power of two, as a ring must be.
const BUFFER: usize = 1 << 20;
/// The largest file that is unpacked as a whole.
const SMALL: u64 = 256 << 10;

/// The most files that wait to be hashed: empty ones take no room in the buffer.
const MAX_WAITING: usize = 1024;

/// The buffer, and what it holds.
pub struct Unpacker {
    buffer: Box<[u8]>,
    used: usize,
    /// Files in the buffer that are not hashed yet: number, start and length.
    waiting: Vec<(u32, usize, usize)>,
    inflater: Box<DecompressorOxide>,
    wanted: Option<u32>,
    content: Option<Vec<u8>>,
}

/// An entry that is being read.
struct Job {
    number: u32,
    method: u16,
    size: u64,
    crc: u32,
    /// How much of the compressed data is still to come.
    left: u64,
}

impl Unpacker {
    /// An unpacker that keeps the content of the wanted entry.
    pub fn new(wanted: Option<u32>) -> Self {
        Unpacker {
            buffer: vec![0; BUFFER].into_boxed_slice(),
            used: 0,
            waiting: Vec::new(),
            inflater: Box::default(),
            wanted,
            content: None,
        }
    }

    /// Reads the data of an entry, whose first byte is the reader's next.
    pub fn read(
        &mut self,
        reader: &mut Reader<'_>,
        directory: &mut Directory,
        number: u32,
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        let Some(entry) = directory.entries.get(number as usize) else {
            return Ok(());
        };
        let job = Job {
            number,
            method: entry.method,
            size: entry.size,
            crc: entry.crc,
            left: entry.compressed,
        };
        self.inflater.init();
        if job.size <= SMALL {
            let is_full = self.buffer.len() - self.used <= job.size as usize;
            if is_full || self.waiting.len() == MAX_WAITING {
                self.hash_waiting(directory);
            }
            self.read_small(reader, job, sink)
        } else {
            self.hash_waiting(directory);
            let hash = self.read_large(reader, job, sink)?;
            if let Some(entry) = directory.entries.get_mut(number as usize) {
                entry.hash = hash;
            }
            Ok(())
        }
    }

    /// Hashes what is left, and gives the content of the wanted entry.
    pub fn finish(mut self, directory: &mut Directory) -> Option<Vec<u8>> {
        self.hash_waiting(directory);
        self.content
    }

    fn hash_waiting(&mut self, directory: &mut Directory) {
        for (number, start, length) in self.waiting.drain(..) {
            let content = self.buffer.get(start..start + length).unwrap_or_default();
            if let Some(entry) = directory.entries.get_mut(number as usize) {
                entry.hash = Sha256::digest(content).into();
            }
        }
        self.used = 0;
    }

    fn read_small(
        &mut self,
        reader: &mut Reader<'_>,
        mut job: Job,
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        // One byte more than declared shows a content that is larger.
        let start = self.used;
        let room = self.buffer.get_mut(start..start + job.size as usize + 1);
        let room = room.ok_or(Reason::BadData)?;
        let mut length = 0;
        let mut is_done = job.method == STORED;
        while job.left > 0 {
            let piece = reader.buffered(job.left)?;
            sink.data(piece)?;
            let taken = piece.len();
            job.left -= taken as u64;
            if job.method == STORED {
                let target = room.get_mut(length..length + taken);
                let target = target.ok_or(Reason::LargerThanDeclared(job.size))?;
                target.copy_from_slice(piece);
                length += taken;
            } else {
                let flags =
                    inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | more(job.left);
                let (status, used, made) =
                    decompress(&mut self.inflater, piece, room, length, flags);
                length += made;
                if length as u64 > job.size {
                    return Err(Reason::LargerThanDeclared(job.size).into());
                }
                match status {
                    TINFLStatus::Done if used == taken && job.left == 0 => is_done = true,
                    TINFLStatus::NeedsMoreInput if used == taken => {}
                    _ => return Err(Reason::BadData.into()),
                }
            }
            reader.consume(taken);
        }
        let content = room.get(..length).ok_or(Reason::BadData)?;
        job.check(length as u64, crc32fast::hash(content), is_done)?;
        if self.wanted == Some(job.number) {
            self.content = Some(content.to_vec());
        }
        self.waiting.push((job.number, start, length));
        self.used += length;
        Ok(())
    }

    fn read_large(
        &mut self,
        reader: &mut Reader<'_>,
        mut job: Job,
        sink: &mut dyn Sink,
    ) -> Result<FileHash, Stop> {
        let mut stream = Stream {
            declared: job.size,
            length: 0,
            crc: crc32fast::Hasher::new(),
            hash: Sha256::new(),
            content: (self.wanted == Some(job.number)).then(Vec::new),
        };
        let mut is_done = job.method == STORED;
        let mut at = 0;
        while job.left > 0 {
            let piece = reader.buffered(job.left)?;
            sink.data(piece)?;
            let taken = piece.len();
            job.left -= taken as u64;
            if job.method == STORED {
                stream.add(piece)?;
            } else {
                is_done = self.inflate(piece, job.left, &mut at, &mut stream)?;
            }
            reader.consume(taken);
        }
        job.check(stream.length, stream.crc.finalize(), is_done)?;
        if stream.content.is_some() {
            self.content = stream.content;
        }
        Ok(stream.hash.finalize().into())
    }

    /// Inflates a piece through the ring, from `at` on; whether the deflate data ends with it.
    fn inflate(
        &mut self,
        piece: &[u8],
        left: u64,
        at: &mut usize,
        stream: &mut Stream,
    ) -> Result<bool, Reason> {
        let mut piece = piece;
        loop {
            let (status, used, made) =
                decompress(&mut self.inflater, piece, &mut self.buffer, *at, more(left));
            stream.add(self.buffer.get(*at..*at + made).unwrap_or_default())?;
            piece = piece.get(used..).unwrap_or_default();
            *at = (*at + made) % BUFFER;
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if piece.is_empty() => return Ok(false),
                TINFLStatus::Done if piece.is_empty() && left == 0 => return Ok(true),
                _ => return Err(Reason::BadData),
            }
        }
    }
}

/// A large file on its way through the ring.
struct Stream {
    declared: u64,
    length: u64,
    crc: crc32fast::Hasher,
    hash: Sha256,
    content: Option<Vec<u8>>,
}

impl Stream {
    fn add(&mut self, piece: &[u8]) -> Result<(), Reason> {
        self.length += piece.len() as u64;
        if self.length > self.declared {
            return Err(Reason::LargerThanDeclared(self.declared));
        }
        self.crc.update(piece);
        self.hash.update(piece);
        if let Some(content) = &mut self.content {
            content.extend_from_slice(piece);
        }
        Ok(())
    }
}

impl Job {
    /// Compares what came out with what was declared.
    fn check(&self, length: u64, crc: u32, is_done: bool) -> Result<(), Reason> {
        if !is_done {
            Err(Reason::BadData)
        } else if length < self.size {
            Err(Reason::SmallerThanDeclared(self.size))
        } else if length > self.size {
            Err(Reason::LargerThanDeclared(self.size))
        } else if crc != self.crc {
            Err(Reason::Checksum)
        } else {
            Ok(())
        }
    }
}

/// The flag that tells the inflater that more input follows.
fn more(left: u64) -> u32 {
    if left > 0 {
        inflate_flags::TINFL_FLAG_HAS_MORE_INPUT
    } else {
        0
    }
}
