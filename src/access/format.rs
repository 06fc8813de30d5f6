//! The form of the tokens that we make: `gpe_`, 43 characters of base62 that hold 256 random bits, and 6
//! characters of base62 with the CRC-32 of all that comes before.
//!
//! The prefix and the checksum let a secret scanner tell one from chance, and let us refuse a mistyped
//! or guessed one before any store is asked.

use zlib_rs::crc32::crc32;

/// What every token of ours starts with.
pub const PREFIX: &str = "gpe_";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 is the first power over 2^256.
const SECRET_CHARS: usize = 43;
/// 62^6 is the first power over 2^32.
const CHECKSUM_CHARS: usize = 6;

/// The token that holds these random bits.
pub fn from_secret(secret: &[u8; 32]) -> String {
    let mut token = format!("{PREFIX}{}", base62(secret, SECRET_CHARS));
    token += &checksum(token.as_bytes());
    token
}

/// Whether this is a token as [`from_secret`] makes them: prefix, length and checksum are right.
pub fn is_well_formed(token: &[u8]) -> bool {
    let Some((body, sum)) = token
        .len()
        .checked_sub(CHECKSUM_CHARS)
        .and_then(|at| token.split_at_checked(at))
    else {
        return false;
    };
    token.len() == PREFIX.len() + SECRET_CHARS + CHECKSUM_CHARS
        && token.starts_with(PREFIX.as_bytes())
        && sum == checksum(body).as_bytes()
}

/// Whether a secret claims to be a token of ours, and can't be.
pub fn is_mistyped(secret: &[u8]) -> bool {
    secret.starts_with(PREFIX.as_bytes()) && !is_well_formed(secret)
}

fn checksum(text: &[u8]) -> String {
    base62(&crc32(0, text).to_be_bytes(), CHECKSUM_CHARS)
}

/// The big-endian number in `bytes`, as that many base62 digits.
fn base62(bytes: &[u8], digits: usize) -> String {
    let mut number = bytes.to_vec();
    let mut text = Vec::with_capacity(digits);
    for _ in 0..digits {
        // Long division by 62: what remains is the lowest digit.
        let mut remainder = 0u32;
        for byte in &mut number {
            let value = remainder << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        text.push(ALPHABET.get(remainder as usize).copied().unwrap_or(b'0'));
    }
    text.iter().rev().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_prefix_256_bits_in_base62_and_a_checksum() {
        // The digits of 2^256 - 1, worked out apart from this code.
        let digits = "gpe_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";
        let largest = from_secret(&[0xff; 32]);
        assert_eq!(largest, format!("{digits}{}", checksum(digits.as_bytes())));
        assert!(is_well_formed(largest.as_bytes()));
        assert!(from_secret(&[0; 32]).starts_with(&format!("gpe_{}", "0".repeat(43))));
    }

    #[test]
    fn a_changed_or_shortened_token_of_ours_is_mistyped_and_a_foreign_one_is_not() {
        let token = from_secret(&[7; 32]).into_bytes();
        assert!(!is_mistyped(&token));
        for place in PREFIX.len()..token.len() {
            let mut changed = token.clone();
            changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
            assert!(is_mistyped(&changed), "{changed:?}");
            assert!(is_mistyped(&token[..place]), "{place}");
        }
        for foreign in [&b"glpat-secret"[..], b"", b"gpe", b"\xff"] {
            assert!(!is_mistyped(foreign) && !is_well_formed(foreign));
        }
    }
}
