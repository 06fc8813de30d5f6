//! A token that somebody has already, read on standard input: never an argument, which others can see.

use std::io::{IsTerminal as _, Read};

use goproxy_edge::access::format;

use crate::Failure;

/// More than any token.
const LONGEST: u64 = 64 << 10;

/// Reads the token on standard input.
///
/// # Errors
/// When it is a terminal, where what is typed can be read by others, and when it is not one token on one line. The
/// words never show what was read.
pub fn read() -> Result<String, Failure> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(
            "--existing reads the token on standard input, which is a terminal and would show it: \
             hand it in from a file or a program, such as `goproxy-edge token add NAME --existing < FILE`"
                .into(),
        );
    }
    Ok(one_token(input.lock())?)
}

fn one_token(input: impl Read) -> Result<String, String> {
    let mut text = String::new();
    input
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read the token on standard input: {error}"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let token = line.strip_suffix('\r').unwrap_or(line);
    if text.len() as u64 == LONGEST {
        return Err("standard input holds more than any token".into());
    }
    if token.is_empty() {
        return Err("standard input is empty: --existing reads the token there, one line".into());
    }
    if token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(
            "standard input holds more than a token on one line: a space, a control character or \
             another line"
                .into(),
        );
    }
    if format::is_mistyped(token.as_bytes()) {
        return Err(format!(
            "the token on standard input begins with {} as ours do, but is none of them: a part of it is missing or \
             wrong",
            format::PREFIX
        ));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_the_line_without_its_end() {
        let ours = crate::token::generate().unwrap();
        for (input, token) in [
            ("glpat-abc", "glpat-abc"),
            ("glpat-abc\n", "glpat-abc"),
            ("glpat-abc\r\n", "glpat-abc"),
            ("pässwörd:+/=\n", "pässwörd:+/="),
            (&*format!("{ours}\n"), &*ours),
        ] {
            assert_eq!(one_token(input.as_bytes()), Ok(token.to_owned()));
        }
    }

    #[test]
    fn what_is_no_token_is_refused_in_words_that_do_not_show_it() {
        let mistyped = format!("{}x", crate::token::generate().unwrap());
        let long = "x".repeat(LONGEST as usize + 10) + " y";
        for (input, reason) in [
            ("", "standard input is empty"),
            ("\n", "standard input is empty"),
            ("\r\n", "standard input is empty"),
            (" hunter2\n", "standard input holds more"),
            ("hunter2 \n", "standard input holds more"),
            ("hunter2\nsecond\n", "standard input holds more"),
            ("hunter2\n\n", "standard input holds more"),
            ("hunter2\0\n", "standard input holds more"),
            (
                &mistyped,
                "the token on standard input begins with gpe_ as ours do",
            ),
            (&long, "standard input holds more than any token"),
        ] {
            let refusal = one_token(input.as_bytes()).unwrap_err();
            assert!(refusal.starts_with(reason), "{input:?}: {refusal}");
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
        let refusal = one_token(&b"hunter2\xff"[..]).unwrap_err();
        assert!(refusal.starts_with("cannot read"), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}
