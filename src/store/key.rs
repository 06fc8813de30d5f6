//! Keys in the alphabet and the length that every host takes: NATS knows `[-/_=.a-zA-Z0-9]`, wasmCloud's
//! file store no `/`. So every byte but letters, digits and `-_.` becomes `=` and two hex digits, and a key
//! that is then over 240 bytes `h=` and its SHA-256.

use sha2::{Digest, Sha256};

use crate::hex;

/// Below the 255 bytes of a file name, with room for what a host puts around it.
const LONGEST_KEY: usize = 240;

/// The key in the alphabet and length that every host takes.
pub fn portable_key(key: &str) -> String {
    let mut portable = Vec::with_capacity(key.len() + 16);
    let mut rest = key.as_bytes();
    loop {
        let run = rest.iter().position(|byte| !is_portable(*byte));
        let (fine, other) = rest.split_at(run.unwrap_or(rest.len()));
        portable.extend_from_slice(fine);
        let Some((odd, behind)) = other.split_first() else {
            break;
        };
        let [high, low] = hex::upper(*odd);
        portable.extend_from_slice(&[b'=', high, low]);
        rest = behind;
    }
    match String::from_utf8(portable) {
        Ok(portable) if portable.len() <= LONGEST_KEY => portable,
        _ => format!("h={}", hex::encode(&Sha256::digest(key))),
    }
}

fn is_portable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Undoes [`portable_key`] where it can: not for a hashed key, nor for one that is not ours.
pub fn original_key(portable: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(portable.len());
    let mut rest = portable.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(hex::byte(digits)?);
        } else {
            bytes.push(byte);
        }
    }
    let key = String::from_utf8(bytes).ok()?;
    (portable_key(&key) == portable).then_some(key)
}
