//! Keys in the alphabet and the length that every host takes: NATS knows `[-/_=.a-zA-Z0-9]`, wasmCloud's
//! file store no `/`. So every byte but letters, digits and `-_.` becomes `=` and two hex digits, as does a dot
//! behind a dot, between which NATS misses a word; and a key that is then over 240 bytes `h=` and its SHA-256.

use sha2::{Digest, Sha256};

use crate::hex;

/// Below the 255 bytes of a file name, with room for what a host puts around it.
const LONGEST_KEY: usize = 240;

/// The key in the alphabet and length that every host takes.
pub fn portable_key(key: &str) -> String {
    portable_key_of(&[key])
}

/// The same for a key in pieces. (Byte by byte: to look for the runs between the odd ones, and push each as
/// text, took three times as long in the component, half a microsecond a key.)
pub fn portable_key_of(pieces: &[&str]) -> String {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut portable = Vec::with_capacity(length + 16);
    for piece in pieces {
        for byte in piece.bytes() {
            let is_fine = is_portable(byte) && (byte != b'.' || portable.last() != Some(&b'.'));
            if is_fine {
                portable.push(byte);
            } else {
                let [high, low] = hex::upper(byte);
                portable.extend_from_slice(&[b'=', high, low]);
            }
        }
    }
    if portable.len() <= LONGEST_KEY {
        // It is ASCII.
        return String::from_utf8(portable).unwrap_or_default();
    }
    let mut hash = Sha256::new();
    pieces.iter().for_each(|piece| hash.update(piece));
    format!("h={}", hex::encode(&hash.finalize()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_they_have_always_been_in_one_piece_or_more() {
        let (fits, long) = ("a".repeat(240), "a".repeat(241));
        let grows = "é/".repeat(60);
        for (key, portable) in [
            ("", ""),
            ("a-b_c.D9", "a-b_c.D9"),
            ("a/b", "a=2Fb"),
            ("a..b...c", "a.=2Eb.=2E.c"),
            ("/a=", "=2Fa=3D"),
            ("é", "=C3=A9"),
            ("a😀b", "a=F0=9F=98=80b"),
            (&fits, &fits),
            (
                &long,
                "h=ec6e326ef29fe322b62111584194c54efc8c4b6c25f098b24fa742a3918abf6f",
            ),
            (
                &grows,
                "h=84a52a512ec608dfeddbb36067740290bbe0b8351b79a996833828b9cdc841b4",
            ),
        ] {
            assert_eq!(portable_key(key), portable, "{key}");
            let middle = key.len() / 2;
            if let Some((one, two)) = key.split_at_checked(middle) {
                assert_eq!(portable_key_of(&[one, "", two, ""]), portable, "{key}");
            }
            if portable.starts_with("h=") {
                assert_eq!(original_key(portable), None, "{key}");
            } else {
                assert_eq!(original_key(portable).as_deref(), Some(key));
            }
        }
        for other in ["=2f", "=", "=4", "a/b", "=61"] {
            assert_eq!(original_key(other), None, "{other}");
        }
    }
}
