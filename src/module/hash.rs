//! The `h1:` hash of go.sum and of the checksum database.
//!
//! It is the SHA-256, in standard base64, of one line for each file in byte order of the names:
//! the file's SHA-256 in lower-case hex, two spaces, the name, a newline. A module zip is hashed
//! over the names of all its entries, folders too, with their `path@version/` prefix. A go.mod
//! file is hashed as the only file `go.mod`.
//!
//! Source: golang.org/x/mod/sumdb/dirhash; go.sum lines: golang.org/ref/mod#go-sum-files.

use sha2::{Digest, Sha256};

use super::ModuleVersion;

/// SHA-256 of a file's content.
pub type FileHash = [u8; 32];

/// SHA-256 of no bytes: what a folder's entry counts as.
pub const EMPTY_FILE: FileHash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Builds the hash of a tree, one file after the other in byte order of the names.
#[derive(Default)]
pub struct Hash1(Sha256);

impl Hash1 {
    /// Starts with no files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next file. Names come in byte order and have no newline: x/mod refuses to hash
    /// such a name, and [`super::path::check_file_path`] refuses it before.
    pub fn add(&mut self, name: &[u8], content: &FileHash) {
        self.0.update(hex(content));
        self.0.update(b"  ");
        self.0.update(name);
        self.0.update(b"\n");
    }

    /// The hash as go.sum writes it: `h1:` and base64.
    pub fn finish(self) -> String {
        format!("h1:{}", base64(&self.0.finalize()))
    }
}

/// The `h1:` hash of a go.mod file.
pub fn go_mod_hash(go_mod: &[u8]) -> String {
    let mut hash = Hash1::new();
    hash.add(b"go.mod", &Sha256::digest(go_mod).into());
    hash.finish()
}

/// The line of go.sum for a version's zip, whose `h1:` hash this is (golang.org/ref/mod#go-sum-files).
pub fn go_sum_line(module: &ModuleVersion, zip_hash: &str) -> String {
    format!("{} {} {zip_hash}", module.path(), module.version())
}

/// The line of go.sum for its go.mod file.
pub fn go_mod_sum_line(module: &ModuleVersion, go_mod: &[u8]) -> String {
    let hash = go_mod_hash(go_mod);
    format!("{} {}/go.mod {hash}", module.path(), module.version())
}

/// Lower-case hex.
fn hex(bytes: &FileHash) -> [u8; 64] {
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        for (digit, value) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = value + if value < 10 { b'0' } else { b'a' - 10 };
        }
    }
    text
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) as u8 & 63;
            text.push(if place > group.len() {
                '='
            } else {
                base64_digit(digit)
            });
        }
    }
    text
}

fn base64_digit(value: u8) -> char {
    char::from(match value {
        0..26 => b'A' + value,
        26..52 => b'a' + (value - 26),
        52..62 => b'0' + (value - 52),
        62 => b'+',
        _ => b'/',
    })
}

#[cfg(test)]
mod tests;
