//! The form of what is kept: lines, each a name, a space and a value, in an order that is known, and at
//! last `end`, so that of a document that was cut off nothing counts.
//!
//! (Lines and not JSON, as in the records of the store: a request reads them, and in one pass, borrowing
//! every value, they take a tenth of the time.)

/// The last line.
const END: &str = "end\n";

/// Lines that are read, from the first on.
pub(super) struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    /// The lines of a document, if it is text.
    pub fn new(value: &'a [u8]) -> Option<Self> {
        std::str::from_utf8(value).ok().map(Fields)
    }

    /// The value of the next line, if that has this name.
    pub fn next(&mut self, name: &str) -> Option<&'a str> {
        let rest = self.0.strip_prefix(name)?.strip_prefix(' ')?;
        let (value, rest) = rest.split_once('\n')?;
        self.0 = rest;
        Some(value)
    }

    /// The values of the next lines, as many as have this name.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        while let Some(value) = self.next(name) {
            values.push(value.to_owned());
        }
        values
    }

    /// The value of the next line, which is a yes or a no.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.next(name)? {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    /// Whether all lines were read, and nothing is missing.
    pub fn ended(&self) -> bool {
        self.0 == END
    }
}

/// Lines that are written.
pub(super) struct Lines(String);

impl Lines {
    /// None yet.
    pub fn new() -> Self {
        Lines(String::new())
    }

    /// Adds a line. No value that is kept has a line break in it.
    pub fn add(&mut self, name: &str, value: &str) {
        debug_assert!(!value.contains('\n'), "{name}");
        for text in [name, " ", value, "\n"] {
            self.0.push_str(text);
        }
    }

    /// Adds a line for each value.
    pub fn add_all(&mut self, name: &str, values: &[String]) {
        for value in values {
            self.add(name, value);
        }
    }

    /// Adds a line with a yes or a no.
    pub fn add_flag(&mut self, name: &str, flag: bool) {
        self.add(name, if flag { "yes" } else { "no" });
    }

    /// The document.
    pub fn end(mut self) -> Vec<u8> {
        self.0.push_str(END);
        self.0.into_bytes()
    }
}
