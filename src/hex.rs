//! Hexadecimal text (RFC 4648, section 8), in lower case unless told.

/// The digits of bytes, in lower case. (A table of the digits, and a push for each, took ten times as
/// long in the component: an answer's ETag and the key of a document are written so.)
pub fn encode(bytes: &[u8]) -> String {
    let mut digits = vec![0; bytes.len() * 2];
    for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4, b'a'), digit(byte & 15, b'a')];
    }
    String::from_utf8(digits).unwrap_or_default()
}

/// The two digits of a byte in upper case, as percent-encoding writes them.
pub fn upper(byte: u8) -> [u8; 2] {
    [digit(byte >> 4, b'A'), digit(byte & 15, b'A')]
}

/// The digit of a number below sixteen, of which ten is written `ten`.
fn digit(number: u8, ten: u8) -> u8 {
    match number {
        0..=9 => b'0' + number,
        _ => ten + number - 10,
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
    let [high, low] = digits;
    Some(value(high)? << 4 | value(low)?)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_written_as_the_standard_library_has_it_and_read_back() {
        for number in 0..=255u8 {
            let (lower, upper) = (format!("{number:02x}"), format!("{number:02X}"));
            assert_eq!(encode(&[number, 7]), format!("{lower}07"));
            assert_eq!(self::upper(number), upper.as_bytes());
            for text in [lower, upper] {
                let digits = text.as_bytes().try_into().unwrap();
                assert_eq!(byte(digits), Some(number), "{text}");
            }
        }
        for wrong in [*b"g0", *b"0/", *b":0", *b"0@", *b"G0", *b"0`", *b" 0"] {
            assert_eq!(byte(wrong), None, "{wrong:?}");
        }
    }
}
