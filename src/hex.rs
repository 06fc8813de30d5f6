//! Hexadecimal text (RFC 4648, section 8), in lower case unless told.

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

/// The digits of bytes, in lower case.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_from(LOWER, &mut text, *byte);
    }
    text
}

/// Appends the two digits of a byte in upper case, as percent-encoding writes them.
pub fn push(text: &mut String, byte: u8) {
    push_from(UPPER, text, byte);
}

fn push_from(digits: &[u8; 16], text: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 15] {
        if let Some(digit) = digits.get(usize::from(nibble)) {
            text.push(char::from(*digit));
        }
    }
}

/// The bytes that digits of either case stand for.
#[cfg(feature = "oidc")]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|pair| byte(*pair)).collect();
    if rest.is_empty() { bytes } else { None }
}

/// The byte that two digits of either case stand for.
pub fn byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}
