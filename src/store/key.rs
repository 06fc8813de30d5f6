//! Keys in the alphabet and the length that every host takes: NATS knows `[-/_=.a-zA-Z0-9]`, wasmCloud's
//! file store no `/`. So every byte but letters, digits and `-_.` becomes `=` and two hex digits, as does a dot
//! behind a dot, between which NATS misses a word; and a key that is then over 240 bytes `h=` and its SHA-256.

use sha2::{Digest, Sha256};

#[cfg(feature = "admin")]
use crate::bytes::equal;
use crate::hex;

/// Below the 255 bytes of a file name, with room for what a host puts around it.
const LONGEST_KEY: usize = 240;

/// The key in the alphabet and length that every host takes.
pub fn portable_key(key: &str) -> String {
    portable_key_of(&[key])
}

/// The same for a key in pieces. (Into an array of the greatest length, which is copied once: a vector that
/// grows took twice as long in the component, half a microsecond a key; to look for the runs between the odd
/// bytes, and push each as text, six times.)
pub fn portable_key_of(pieces: &[&str]) -> String {
    let mut portable = [0; LONGEST_KEY];
    let mut end = 0;
    let mut last = 0;
    for piece in pieces {
        for byte in piece.bytes() {
            if is_kept(byte, last) {
                let Some(place) = portable.get_mut(end) else {
                    return hashed_key(pieces);
                };
                *place = byte;
                last = byte;
                end += 1;
            } else {
                let Some(places) = portable.get_mut(end..end + 3) else {
                    return hashed_key(pieces);
                };
                let [high, low] = hex::upper(byte);
                places.copy_from_slice(&[b'=', high, low]);
                last = low;
                end += 3;
            }
        }
    }
    let portable = portable.get(..end).unwrap_or_default();
    // It is ASCII.
    String::from_utf8(portable.to_vec()).unwrap_or_default()
}

/// How much of the portable form of a key is that of what the key begins with; none where it is not known so.
#[cfg(feature = "admin")]
pub fn portable_beginning(portable: &str, key: &str, beginning: &str) -> Option<usize> {
    let (start, rest) = key.split_at_checked(beginning.len())?;
    if !equal(start.as_bytes(), beginning.as_bytes())
        || portable.starts_with(HASHED)
        || beginning.ends_with('.')
    {
        return None;
    }
    let mut last = 0;
    let lengths = rest.bytes().map(|byte| match is_kept(byte, last) {
        true => {
            last = byte;
            1
        }
        false => {
            last = 0;
            3
        }
    });
    portable.len().checked_sub(lengths.sum())
}

/// What keys begin with that are too long as they are, as do few others.
const HASHED: &str = "h=";

fn hashed_key(pieces: &[&str]) -> String {
    let mut hash = Sha256::new();
    pieces.iter().for_each(|piece| hash.update(piece));
    [HASHED, &hex::encode(&hash.finalize())].concat()
}

/// Whether a byte stands as it is behind this one of the portable key.
fn is_kept(byte: u8, last: u8) -> bool {
    STANDS.get(usize::from(byte)) == Some(&true) && (byte != b'.' || last != b'.')
}

/// Which bytes stand as they are. (Instead of the ranges: 850 of the 44,500
/// instructions of a first hit less.)
static STANDS: [bool; 256] = {
    let mut stands = [false; 256];
    let mut places = stands.as_mut_slice();
    let mut byte = 0_u8;
    while let Some((stands, next)) = places.split_first_mut() {
        *stands = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        places = next;
        byte = byte.wrapping_add(1);
    }
    stands
};

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
            for at in 0..=key.len() {
                let Some((one, two)) = key.split_at_checked(at) else {
                    continue;
                };
                assert_eq!(portable_key_of(&[one, "", two, ""]), portable, "{key}");
                #[cfg(feature = "admin")]
                if let Some(length) = portable_beginning(portable, key, one) {
                    assert_eq!(portable[..length], portable_key(one), "{key}");
                } else {
                    assert!(portable.starts_with("h=") || one.ends_with('.'), "{key}");
                }
            }
            #[cfg(feature = "admin")]
            assert_eq!(portable_beginning(portable, key, "other"), None);
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
