//! What the command prints: what was asked for on standard output, all else on standard error.
//!
//! `println!` and `eprintln!` end in a panic where the disk is full or the reader has gone, so nobody uses them.

use std::fmt::Display;
use std::io::{self, Write as _};

use crate::Failure;

/// Prints this and a line end on standard output. A reader that has gone, such as `head`, has what it wants.
pub fn print(text: impl Display) -> Result<(), Failure> {
    match deliver(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

/// The same for what nobody can have a second time.
///
/// # Errors
/// Also when the reader has gone.
pub fn deliver(text: impl Display) -> io::Result<()> {
    // In one piece: a reader that has the first line may not wait for the second.
    let text = format!("{text}\n");
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints this and a line end on standard error. Where that can't be written to, there is nobody to tell.
pub fn note(text: impl Display) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}
