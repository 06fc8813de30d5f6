//! The tokens of a go.mod file, and the statements that they form.
//!
//! A statement is a line of words, or a block: words, `(`, lines, `)`. A word is a run of printed
//! characters other than space, brackets and commas; brackets and commas are words of their own;
//! a string in quotes is a word. `//` begins a comment, `/*` is an error.
//!
//! Source: golang.org/x/mod/modfile, read.go.

use super::super::unicode;

/// A file that is not made of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError;

/// How many words of a line are kept: more than any directive of a go.mod file can use.
const KEPT_WORDS: usize = 8;

/// One line of words.
#[derive(Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Where the line stands.
    pub place: Place<'a>,
    /// The line's words, at least one, and no more than [`KEPT_WORDS`].
    pub words: Vec<&'a [u8]>,
}

/// Where a line of words stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// By itself.
    File,
    /// In the block of one word, `require ( ... )`.
    Block(&'a [u8]),
    /// In a block that several words begin, which means nothing in a go.mod file.
    OddBlock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A line's end, with or without a comment before it, or the file's.
    EndOfLine,
    /// A comment that has its line to itself.
    Comment,
    EndOfFile,
    Word(&'a [u8]),
}

impl Token<'_> {
    fn ends_line(self) -> bool {
        matches!(self, Token::EndOfLine | Token::EndOfFile)
    }
}

/// Reads the statements of a go.mod file, one line at a time.
pub struct Statements<'a> {
    rest: &'a [u8],
    /// Whether something other than space stands before `rest` on its line.
    is_mid_line: bool,
    next: Token<'a>,
    place: Place<'a>,
}

impl<'a> Statements<'a> {
    /// Starts at the beginning of `text`.
    pub fn new(text: &'a [u8]) -> Result<Self, SyntaxError> {
        let mut statements = Statements {
            rest: text,
            is_mid_line: false,
            next: Token::EndOfLine,
            place: Place::File,
        };
        statements.lex()?;
        Ok(statements)
    }

    /// The next line of words; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<Statement<'a>>, SyntaxError> {
        loop {
            let in_block = self.place != Place::File;
            match self.next {
                Token::EndOfLine | Token::Comment => self.lex()?,
                Token::EndOfFile if in_block => return Err(SyntaxError),
                Token::EndOfFile => return Ok(None),
                Token::Word(b")") if in_block => {
                    self.lex()?;
                    if !self.next.ends_line() {
                        return Err(SyntaxError);
                    }
                    self.place = Place::File;
                }
                Token::Word(_) => {
                    if let Some(words) = self.line()? {
                        let place = self.place;
                        return Ok(Some(Statement { place, words }));
                    }
                }
            }
        }
    }

    /// Reads the words of a line; `None` where they open a block.
    fn line(&mut self) -> Result<Option<Vec<&'a [u8]>>, SyntaxError> {
        let mut words: Vec<&[u8]> = Vec::new();
        loop {
            let Token::Word(word) = self.next else {
                return Ok(Some(words));
            };
            self.lex()?;
            // A line's first word never opens a block, and blocks do not nest.
            if word == b"(" && self.place == Place::File && !words.is_empty() {
                let is_closed = self.next == Token::Word(b")");
                if is_closed {
                    self.lex()?;
                }
                if self.next.ends_line() {
                    if !is_closed {
                        self.place = match words.as_slice() {
                            [verb] => Place::Block(verb),
                            _ => Place::OddBlock,
                        };
                    }
                    return Ok(None);
                }
            }
            if words.len() < KEPT_WORDS {
                words.push(word);
            }
        }
    }

    /// Reads the next token into `next`.
    fn lex(&mut self) -> Result<(), SyntaxError> {
        self.next = self.token()?;
        Ok(())
    }

    fn token(&mut self) -> Result<Token<'a>, SyntaxError> {
        while let Some((b' ' | b'\t' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
        if self.rest.starts_with(b"//") {
            return Ok(self.comment());
        }
        let Some((&first, rest)) = self.rest.split_first() else {
            return Ok(Token::EndOfFile);
        };
        if first == b'\n' {
            self.rest = rest;
            self.is_mid_line = false;
            return Ok(Token::EndOfLine);
        }
        let length = match first {
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' => 1,
            b'"' | b'`' => string_length(self.rest, first)?,
            _ => word_length(self.rest)?,
        };
        let (word, rest) = self.rest.split_at_checked(length).ok_or(SyntaxError)?;
        self.rest = rest;
        self.is_mid_line = true;
        Ok(Token::Word(word))
    }

    fn comment(&mut self) -> Token<'a> {
        let end = self.rest.iter().position(|&b| b == b'\n');
        let after = end.and_then(|end| self.rest.get(end + 1..));
        self.rest = after.unwrap_or_default();
        if std::mem::take(&mut self.is_mid_line) {
            Token::EndOfLine
        } else {
            Token::Comment
        }
    }
}

/// The length of the quoted string that `text` begins with, quotes included.
fn string_length(text: &[u8], quote: u8) -> Result<usize, SyntaxError> {
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate().skip(1) {
        match byte {
            // The character after a backslash may be anything, even a newline.
            _ if escaped => escaped = false,
            b'\n' => return Err(SyntaxError),
            b'\\' if quote == b'"' => escaped = true,
            _ if byte == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err(SyntaxError)
}

/// The length of the word that `text` begins with.
fn word_length(text: &[u8]) -> Result<usize, SyntaxError> {
    let mut length = 0;
    let mut rest = text;
    loop {
        let (c, size) = first_char(rest);
        if !c.is_some_and(is_word_char) || rest.starts_with(b"//") {
            break;
        }
        if rest.starts_with(b"/*") {
            return Err(SyntaxError);
        }
        length += size;
        rest = rest.get(size..).unwrap_or_default();
    }
    if length == 0 {
        Err(SyntaxError)
    } else {
        Ok(length)
    }
}

fn is_word_char(c: char) -> bool {
    !matches!(c, ' ' | '(' | ')' | '[' | ']' | '{' | '}' | ',')
        && !c.is_whitespace()
        && unicode::is_printed(c)
}

/// The first character and its length; a byte that is not UTF-8 counts as U+FFFD, as in Go.
fn first_char(text: &[u8]) -> (Option<char>, usize) {
    let Some(first) = text.first() else {
        return (None, 0);
    };
    if first.is_ascii() {
        return (Some(char::from(*first)), 1);
    }
    let head = text.get(..4).unwrap_or(text);
    match head
        .utf8_chunks()
        .next()
        .and_then(|chunk| chunk.valid().chars().next())
    {
        Some(c) => (Some(c), c.len_utf8()),
        None => (Some(char::REPLACEMENT_CHARACTER), 1),
    }
}
