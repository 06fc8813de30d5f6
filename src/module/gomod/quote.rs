//! Quoted strings of go.mod files: Go's interpreted (`"`) and raw (`` ` ``) string literals.
//!
//! Source: the Go specification, "String literals"; Go's `strconv.Unquote`.

/// The content of a quoted string, which escapes can make any bytes; `None` where it is malformed.
pub fn unquote(quoted: &str) -> Option<Vec<u8>> {
    if let Some(raw) = quoted.strip_prefix('`') {
        let content = raw.strip_suffix('`')?;
        // A carriage return has no place in a raw string's content.
        return (!content.contains('`')).then(|| content.replace('\r', "").into_bytes());
    }
    let content = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(content.len());
    let mut rest = content.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' | '\n' => return None,
            '\\' => escape(&mut rest, &mut bytes)?,
            _ => push(&mut bytes, c),
        }
    }
    Some(bytes)
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Reads what follows a backslash.
fn escape(rest: &mut std::str::Chars<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    let simple = match rest.next()? {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '"' => b'"',
        'x' => u8::try_from(number(rest, 2, 16)?).ok()?,
        digit @ '0'..='7' => {
            let high = digit.to_digit(8)?;
            u8::try_from(high * 64 + number(rest, 2, 8)?).ok()?
        }
        'u' => return char::from_u32(number(rest, 4, 16)?).map(|c| push(bytes, c)),
        'U' => return char::from_u32(number(rest, 8, 16)?).map(|c| push(bytes, c)),
        _ => return None,
    };
    bytes.push(simple);
    Some(())
}

/// Reads a number of exactly `count` digits.
fn number(rest: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    (0..count).try_fold(0u32, |number, _| {
        let digit = rest.next()?.to_digit(radix)?;
        number.checked_mul(radix)?.checked_add(digit)
    })
}
