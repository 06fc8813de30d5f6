//! The way past the proxy where zips lie in an object store that has addresses for clients: where they get
//! an object, and how what they send there becomes one.
//!
//! Whoever has the address of an upload can replace its bytes for as long as the address lasts. So an upload
//! is copied first, to an object that nobody else can write, under a fresh random name as any, and its copy is
//! what is checked and what the record will name: the check holds for the bytes that are served, whatever
//! happens to the upload. From the copy on everything is as with an upload through the proxy, zip first and
//! index last, but for its hash, which is taken while the check reads it.

use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use super::Kv;
use super::chunks::{Stored, UploadId};
use super::objects::{check_kept, name};
use super::record::{At, Place};
use crate::hex;
use crate::module::ModuleVersion;
use crate::store::{Begun, Elsewhere, Error, Outcome, Presigned, ReadSeek, Release, Staged};

/// As much as the check jumps over, and hashing reads meanwhile: what stands behind an entry.
const GAP: u64 = 1 << 10;
/// As much as is read at once for the hash alone.
const PIECE: u64 = 64 << 10;

/// What an object store does for clients that deal with it themselves, by addresses that are good for some
/// minutes. Whoever has one needs nothing else: it goes into no log and no message.
pub trait PresignedBlobs {
    /// Where an object can be read; `head`: by `HEAD`, which is signed otherwise.
    ///
    /// # Errors
    /// The store's.
    fn address(&self, name: &str, head: bool) -> Result<String, Error>;
    /// As [`Presigned::begin`]. What is sent there is no object yet, and [`super::Blobs`] does not tell it.
    ///
    /// # Errors
    /// The store's.
    fn begin(&self, version: &ModuleVersion, size: u64) -> Result<Begun, Error>;
    /// Makes an object of this name of what has arrived for this version under an id, as it was when it
    /// was looked at, and removes what has arrived, also after a failure. Gives its size in bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing has, it is too old or the id is another version's,
    /// [`Error::Conflict`] when it is replaced at this moment, or the store's. There may be an object
    /// nevertheless.
    fn take(&self, version: &ModuleVersion, id: &str, name: &str) -> Result<u64, Error>;
    /// Removes what was sent and never taken: some of it whose names come after `after`, as far as it is
    /// too old to be taken. How much it was, and the last name seen where there is more.
    ///
    /// # Errors
    /// The store's. Some may have been removed.
    fn clear(&self, after: &str) -> Result<(u64, Option<String>), Error>;
}

impl Kv {
    /// The object store, as far as clients deal with it themselves.
    pub(super) fn presigned_blobs(&self) -> Option<&dyn PresignedBlobs> {
        self.blobs()?.presigned()
    }

    fn presigning(&self) -> Result<&dyn PresignedBlobs, Error> {
        self.presigned_blobs().ok_or_else(|| {
            let text = "it has no addresses for clients: zips go through the proxy";
            Error::Refused(text.to_owned())
        })
    }

    /// Where clients get what lies at a place: an object, where it can be read at all. That is looked
    /// after: what the object store says of one that is gone would send `go` to its next proxy, and one
    /// that was cut short it gives out as whole.
    pub(super) fn elsewhere(&self, at: &At, size: u64) -> Option<Elsewhere> {
        let At::Object { id } = at else {
            return None;
        };
        self.presigned_blobs()?;
        let (store, name) = (self.clone(), name(id));
        Some(Box::new(move |head| {
            let corrupt = |what: &str| Error::Corrupt(format!("the object {name} {what}"));
            match store.object_store()?.size(&name) {
                Ok(kept) if kept == size => store.presigning()?.address(&name, head),
                Ok(kept) => Err(corrupt(&format!("has {kept} of {size} bytes"))),
                Err(Error::NotFound) => Err(corrupt("is gone")),
                Err(error) => Err(error),
            }
        }))
    }
}

impl Presigned for Kv {
    fn begin(&self, version: &ModuleVersion, size: u64) -> Result<Begun, Error> {
        self.presigning()?.begin(version, size)
    }

    fn arrived(&self, version: &ModuleVersion, id: &str) -> Result<Box<dyn Staged>, Error> {
        let blobs = self.presigning()?;
        let own = UploadId::new(self, version).marked(self.make_mark()?).text;
        let place = Place {
            size: 0,
            sha256: String::new(),
            at: At::Object { id: own.clone() },
        };
        // Made first: a copy that fails may have landed, and is deleted then.
        let mut stored = Stored::new(self.clone(), place);
        stored.place.size = blobs.take(version, id, &name(&own))?;
        check_kept(&**self.object_store()?, &own, stored.place.size)?;
        let sum = RefCell::default();
        Ok(Box::new(Taken { stored, sum }))
    }
}

/// An upload that was taken: an object, named by no record yet. Dropped, it is deleted.
struct Taken {
    stored: Stored,
    sum: RefCell<Sum>,
}

impl Staged for Taken {
    fn reader(&self) -> Result<Box<dyn ReadSeek + '_>, Error> {
        Ok(Box::new(Summing {
            inner: self.stored.reader()?,
            position: 0,
            sum: &self.sum,
        }))
    }

    fn commit(self: Box<Self>, release: &Release) -> Result<Outcome, Error> {
        let (mut stored, mut sum) = (self.stored, self.sum.into_inner());
        let size = stored.place.size;
        sum.read_to(size, &mut *stored.reader()?)
            .map_err(Error::from_io)?;
        stored.place.sha256 = hex::encode(&sum.hash.finalize());
        Box::new(stored).commit(release)
    }
}

/// The hash of what lies before a position.
#[derive(Default)]
struct Sum {
    hash: Sha256,
    position: u64,
}

impl Sum {
    /// Takes in what was read from somewhere, as far as it is new and nothing is missing before it.
    fn hear(&mut self, start: u64, bytes: &[u8]) {
        let known = self.position.checked_sub(start);
        let known = known.and_then(|known| usize::try_from(known).ok());
        if let Some(new) = known.and_then(|known| bytes.get(known..)) {
            self.hash.update(new);
            self.position += new.len() as u64;
        }
    }

    /// Reads what is missing before a position. The reader is there then.
    fn read_to(&mut self, end: u64, reader: &mut dyn ReadSeek) -> io::Result<()> {
        reader.seek(SeekFrom::Start(self.position))?;
        let mut piece = Vec::new();
        while self.position < end {
            piece.resize((end - self.position).min(PIECE) as usize, 0);
            let read = reader.read(&mut piece)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.hear(self.position, piece.get(..read).unwrap_or_default());
        }
        Ok(())
    }
}

/// Reads, and lets the sum hear it.
struct Summing<'a> {
    inner: Box<dyn ReadSeek + 'a>,
    position: u64,
    sum: &'a RefCell<Sum>,
}

impl Read for Summing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut sum = self.sum.borrow_mut();
        let gap = self.position.saturating_sub(sum.position);
        if (1..=GAP).contains(&gap) {
            sum.read_to(self.position, &mut *self.inner)?;
        }
        let read = self.inner.read(buffer)?;
        sum.hear(self.position, buffer.get(..read).unwrap_or_default());
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Summing<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.inner.seek(to)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;
    use crate::module::zip;
    use crate::store::contract::version;

    /// Entries with their sizes behind them, as `go` writes them, so that a check jumps there and
    /// back.
    fn streamed() -> Vec<u8> {
        let mut writer = ::zip::ZipWriter::new_stream(Vec::new());
        let options = ::zip::write::SimpleFileOptions::default();
        let mut noise = 0x9e37_79b9_u32;
        for number in 0..200_usize {
            let name = format!("example.com/m@v1.0.0/{number}");
            writer.start_file(name, options).unwrap();
            let content = (0..number * 997).map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            });
            writer.write_all(&content.collect::<Vec<u8>>()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// Gives fewer bytes than it is asked for.
    struct Short(Cursor<Vec<u8>>);

    impl Read for Short {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(16_411);
            self.0.read(&mut buffer[..most])
        }
    }

    impl Seek for Short {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn a_check_that_jumps_back_and_forth_leaves_little_to_be_read_for_the_hash() {
        let zip = streamed();
        let sum = RefCell::default();
        let mut reader = Summing {
            inner: Box::new(Short(Cursor::new(zip.clone()))),
            position: 0,
            sum: &sum,
        };
        let version = version("example.com/m", "v1.0.0");
        zip::check(&mut reader, &version, &zip::Limits::default()).unwrap();
        drop(reader);
        let mut sum = sum.into_inner();
        let left = zip.len() as u64 - sum.position;
        assert!(
            left < 200 * 100,
            "no more than the names: {left} of {}",
            zip.len()
        );
        sum.read_to(zip.len() as u64, &mut Cursor::new(&zip))
            .unwrap();
        assert!(sum.hash.finalize() == Sha256::digest(&zip));
    }

    #[test]
    fn what_is_read_from_anywhere_is_hashed_in_order() {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let sum = RefCell::default();
        let mut reader = Summing {
            inner: Box::new(Cursor::new(bytes.clone())),
            position: 0,
            sum: &sum,
        };
        let mut buffer = [0; 5000];
        // The end, the start, again, over what is known, a small gap, a large one, back.
        for start in [395_000, 0, 0, 2500, 7500 + GAP, 300_000, 9000, 20_000] {
            reader.seek(SeekFrom::Start(start)).unwrap();
            reader.read_exact(&mut buffer).unwrap();
            let start = start as usize;
            assert!(buffer[..] == bytes[start..start + 5000], "from {start}");
        }
        drop(reader);
        let mut sum = sum.into_inner();
        assert_eq!(sum.position, 14_000);
        sum.read_to(400_000, &mut Cursor::new(&bytes)).unwrap();
        assert!(sum.hash.clone().finalize() == Sha256::digest(&bytes));
        let short = sum.read_to(400_001, &mut Cursor::new(&bytes));
        assert_eq!(short.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
