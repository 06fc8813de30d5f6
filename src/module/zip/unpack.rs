//! Unpacks the content of entries and takes its checksum and its SHA-256, each byte once.
//!
//! Small files are unpacked side by side into one buffer and hashed together; a larger file
//! passes through the same buffer, and is hashed alone.
//!
//! Source: RFC 1951 (deflate).

use std::cmp::Reverse;

use sha2::{Digest, Sha256};
use zlib_rs::crc32::crc32;
use zlib_rs::{Inflate, InflateFlush, Status};

use super::super::hash::FileHash;
use super::super::sha256::hash_each;
use super::content::{Sink, Stop};
use super::directory::{Directory, STORED};
use super::problem::Reason;
use super::reader::Reader;

/// The size of the buffer.
const BUFFER: usize = 2 << 20;
/// The largest file that is unpacked as a whole.
const SMALL: u64 = 512 << 10;
/// Deflate looks back 32 KiB.
const WINDOW_BITS: u8 = 15;
/// The most files that wait to be hashed: empty ones take no room in the buffer.
const MAX_WAITING: usize = 1024;

/// The buffer, and what it holds.
pub struct Unpacker {
    buffer: Box<[u8]>,
    used: usize,
    /// Files in the buffer that are not hashed yet: number, start and length.
    waiting: Vec<(u32, usize, usize)>,
    inflater: Inflate,
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
            inflater: Inflate::new(false, WINDOW_BITS),
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
        self.inflater.reset(false);
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
        // The longest first, so that all are done at about the same time.
        self.waiting
            .sort_unstable_by_key(|&(number, _, length)| (Reverse(length), number));
        let (buffer, waiting) = (&self.buffer, &self.waiting);
        let content = |at: usize| {
            let content = waiting.get(at);
            let content = content.and_then(|&(_, start, length)| buffer.get(start..start + length));
            content.unwrap_or_default()
        };
        hash_each(waiting.len(), content, |at, hash| {
            let number = waiting.get(at).map_or(u32::MAX, |&(number, ..)| number);
            if let Some(entry) = directory.entries.get_mut(number as usize) {
                entry.hash = hash;
            }
        });
        self.waiting.clear();
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
            let rest = room.get_mut(length..).unwrap_or_default();
            if job.method == STORED {
                let target = rest.get_mut(..taken);
                target.ok_or(job.is_larger())?.copy_from_slice(piece);
                length += taken;
            } else {
                let step = inflate(&mut self.inflater, piece, rest)?;
                length += step.made;
                if length as u64 > job.size {
                    return Err(job.is_larger().into());
                }
                is_done = step.is_end;
                if step.used < taken || (is_done && job.left > 0) {
                    return Err(Reason::BadData.into());
                }
            }
            reader.consume(taken);
        }
        let content = room.get(..length).ok_or(Reason::BadData)?;
        job.check(length as u64, crc32(0, content), is_done)?;
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
            length: 0,
            crc: 0,
            hash: Sha256::new(),
            content: (self.wanted == Some(job.number)).then(Vec::new),
        };
        let mut is_done = job.method == STORED;
        while job.left > 0 {
            let piece = reader.buffered(job.left)?;
            sink.data(piece)?;
            let taken = piece.len();
            job.left -= taken as u64;
            if job.method == STORED {
                stream.add(piece, &job)?;
            } else {
                is_done = self.inflate_large(piece, &job, &mut stream)?;
            }
            reader.consume(taken);
        }
        job.check(stream.length, stream.crc, is_done)?;
        if stream.content.is_some() {
            self.content = stream.content;
        }
        Ok(stream.hash.finalize().into())
    }

    /// Inflates a piece through the buffer; whether the deflated data ends with it.
    fn inflate_large(
        &mut self,
        mut piece: &[u8],
        job: &Job,
        stream: &mut Stream,
    ) -> Result<bool, Reason> {
        loop {
            let step = inflate(&mut self.inflater, piece, &mut self.buffer)?;
            stream.add(self.buffer.get(..step.made).unwrap_or_default(), job)?;
            piece = piece.get(step.used..).unwrap_or_default();
            if step.is_end {
                let is_last = piece.is_empty() && job.left == 0;
                return if is_last {
                    Ok(true)
                } else {
                    Err(Reason::BadData)
                };
            }
            // With room left over, all input has been used.
            if step.made < self.buffer.len() {
                return Ok(false);
            }
        }
    }
}

/// What came of inflating a piece.
struct Step {
    used: usize,
    made: usize,
    is_end: bool,
}

/// Inflates as much of `piece` as there is room for.
fn inflate(inflater: &mut Inflate, piece: &[u8], room: &mut [u8]) -> Result<Step, Reason> {
    let (used, made) = (inflater.total_in(), inflater.total_out());
    let status = inflater.decompress(piece, room, InflateFlush::NoFlush);
    Ok(Step {
        is_end: status.map_err(|_| Reason::BadData)? == Status::StreamEnd,
        used: (inflater.total_in() - used) as usize,
        made: (inflater.total_out() - made) as usize,
    })
}

/// A large file on its way through the buffer.
struct Stream {
    length: u64,
    crc: u32,
    hash: Sha256,
    content: Option<Vec<u8>>,
}

impl Stream {
    fn add(&mut self, piece: &[u8], job: &Job) -> Result<(), Reason> {
        self.length += piece.len() as u64;
        if self.length > job.size {
            return Err(job.is_larger());
        }
        self.crc = crc32(self.crc, piece);
        self.hash.update(piece);
        if let Some(content) = &mut self.content {
            content.extend_from_slice(piece);
        }
        Ok(())
    }
}

impl Job {
    fn is_larger(&self) -> Reason {
        Reason::LargerThanDeclared(self.size)
    }

    /// Compares what came out with what was declared.
    fn check(&self, length: u64, crc: u32, is_done: bool) -> Result<(), Reason> {
        if !is_done {
            Err(Reason::BadData)
        } else if length < self.size {
            Err(Reason::SmallerThanDeclared(self.size))
        } else if length > self.size {
            Err(self.is_larger())
        } else if crc != self.crc {
            Err(Reason::Checksum)
        } else {
            Ok(())
        }
    }
}
