//! Asks golang.org/x/mod itself, through the Go program in tests/oracle, which runs once a test
//! process.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

struct Oracle {
    _process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    fn start() -> Oracle {
        let mut process = Command::new("go")
            .args(["run", "."])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need the `go` command (https://go.dev/dl) in PATH");
        Oracle {
            questions: process.stdin.take().unwrap(),
            answers: BufReader::new(process.stdout.take().unwrap()),
            _process: process,
        }
    }
}

/// Asks one question, and gives the fields of the answer.
pub fn ask(kind: &str, args: &[&[u8]]) -> Vec<String> {
    let answer = ask_bytes(kind, args);
    let text = |field: Vec<u8>| String::from_utf8_lossy(&field).into_owned();
    answer.into_iter().map(text).collect()
}

/// Asks one question about text.
pub fn ask_text(kind: &str, args: &[&str]) -> Vec<String> {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    ask(kind, &args)
}

fn ask_bytes(kind: &str, args: &[&[u8]]) -> Vec<Vec<u8>> {
    static ORACLE: OnceLock<Mutex<Oracle>> = OnceLock::new();
    let oracle = ORACLE.get_or_init(|| Mutex::new(Oracle::start()));
    let mut oracle = oracle.lock().unwrap_or_else(PoisonError::into_inner);
    let mut line = hex(kind.as_bytes());
    for arg in args {
        line.push(' ');
        line.push_str(&hex(arg));
    }
    line.push('\n');
    oracle.questions.write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    oracle.answers.read_line(&mut answer).unwrap();
    assert!(
        answer.ends_with('\n'),
        "the oracle failed; it says why above"
    );
    answer
        .trim_end_matches('\n')
        .split(' ')
        .map(unhex)
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// A source of numbers that look random and are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// One of several.
    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}
