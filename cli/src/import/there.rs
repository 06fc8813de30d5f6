//! Whether a server has a file already, found out with as little of it as will do.
//!
//! A go.mod is small, so it is read. A zip is known by its `ETag` where that is its SHA-256, as it is with a key-value
//! store. Elsewhere it is known by its length and its last bytes: a zip lists its files there, with their CRC-32.
//! What differs, or cannot be told, is not there: it is sent, and the server judges, since other bytes may still be
//! the same module. A file that cannot be read here is left to the upload too, which says so.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use sha2::{Digest as _, Sha256};

use crate::Failure;
use crate::client::Answer;
use crate::token::hex;

/// How much of a zip's end is compared: the list of some 600 files.
const END: u64 = 64 << 10;

/// Whether the server has this go.mod. `ask` takes a method and a `Range`.
pub fn has_go_mod(
    file: &File,
    length: u64,
    ask: impl Fn(&str, Option<&str>) -> Result<Answer, Failure>,
) -> Result<bool, Failure> {
    let there = ask("GET", None)?;
    let is_whole = there.status == 200 && there.body.len() as u64 == length;
    Ok(is_whole && ends_with(file, &there.body))
}

/// Whether the server has this zip. `ask` takes a method and a `Range`.
pub fn has_zip(
    file: &File,
    length: u64,
    ask: impl Fn(&str, Option<&str>) -> Result<Answer, Failure>,
) -> Result<bool, Failure> {
    let there = ask("HEAD", None)?;
    if there.status != 200 || there.content_length != Some(length) {
        return Ok(false);
    }
    if let Some(sha256) = there.etag.as_deref().and_then(sha256_in) {
        return Ok(sha256_of(file).is_ok_and(|own| own == sha256));
    }
    let range = format!("bytes=-{END}");
    let end = ask("GET", Some(range.as_str()))?;
    let expected = match end.status {
        206 => length.min(END),
        // Not everybody gives out parts.
        200 => length,
        _ => return Ok(false),
    };
    Ok(end.body.len() as u64 == expected && ends_with(file, &end.body))
}

/// The SHA-256 that an `ETag` is, if it has the form of ours: strong, and in lower-case hex.
fn sha256_in(tag: &str) -> Option<&str> {
    let hex = tag.strip_prefix('"')?.strip_suffix('"')?;
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (hex.len() == 64 && hex.bytes().all(digit)).then_some(hex)
}

fn sha256_of(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&piece[..count]),
        }
    }
}

fn ends_with(mut file: &File, bytes: &[u8]) -> bool {
    let mut own = vec![0; bytes.len()];
    let read = i64::try_from(bytes.len())
        .map_err(io::Error::other)
        .and_then(|count| file.seek(SeekFrom::End(-count)))
        .and_then(|_| file.read_exact(&mut own));
    read.is_ok() && own == bytes
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn a_tag_is_a_hash_only_in_the_form_of_ours() {
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_in(&format!("\"{hash}\"")), Some(hash));
        for other in [
            hash.to_owned(),
            format!("W/\"{hash}\""),
            format!("\"{}\"", hash.to_uppercase()),
            format!("\"{}\"", &hash[1..]),
            format!("\"{}-2\"", &hash[2..]),
            "\"900150983cd24fb0d6963f7d28e17f72\"".to_owned(),
            "\"".to_owned(),
        ] {
            assert_eq!(sha256_in(&other), None, "{other}");
        }
    }

    #[test]
    fn a_file_is_hashed_from_its_start_in_pieces() {
        let long = vec![b'a'; 1_000_000];
        for (content, hash) in [
            (
                &b"abc"[..],
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                &long[..],
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            ),
        ] {
            assert_eq!(sha256_of(&file(content)).unwrap(), hash);
        }
    }

    #[test]
    fn the_end_of_a_file_is_compared_byte_by_byte() {
        let file = file(b"one two");
        for (end, is_end) in [
            ("one two", true),
            ("two", true),
            ("", true),
            ("one", false),
            ("Two", false),
            ("and one two", false),
        ] {
            assert_eq!(ends_with(&file, end.as_bytes()), is_end, "{end}");
        }
    }
}
