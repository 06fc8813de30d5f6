//! JSON as it is read here: values that are looked into by name. `serde_json` parses; the values are
//! our own because its `Value` carries the formatting of floating-point numbers, 20 KB of the
//! component for numbers that nobody asks for. Objects are written member by member, since types that
//! write themselves are made anew for each of them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number: its digits; the exponent of one that is no integer may be written otherwise.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, its members as they stand.
    Object(Vec<(String, Json)>),
}

/// Where a text stops being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1; 0 at the start of a line.
    pub column: usize,
}

impl Json {
    /// Reads a text.
    ///
    /// # Errors
    /// Where it stops being JSON; never what stands there, which may be a secret.
    pub fn parse(text: &[u8]) -> Result<Self, NotJson> {
        serde_json::from_slice(text).map_err(|error| NotJson {
            line: error.line(),
            column: error.column(),
        })
    }

    /// A member of an object; the last one of that name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let members = self.members()?;
        let found = members.iter().rfind(|(own, _)| own == name);
        found.map(|(_, value)| value)
    }

    /// The members of an object.
    pub fn members(&self) -> Option<&[(String, Json)]> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The values of a list.
    pub fn list(&self) -> Option<&[Json]> {
        match self {
            Json::List(values) => Some(values),
            _ => None,
        }
    }

    /// A number without fraction and exponent.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Json::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// A list of strings.
    pub fn texts(&self) -> Option<Vec<&str>> {
        self.list()?.iter().map(Json::text).collect()
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// An object that is written, member by member.
pub struct Writer(String);

impl Writer {
    /// An object without members.
    pub fn new() -> Self {
        Writer("{".to_owned())
    }

    /// Adds a string.
    pub fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        push_string(&mut self.0, value);
    }

    /// Adds a list of strings.
    pub fn texts(&mut self, name: &str, values: &[String]) {
        self.name(name);
        self.0.push('[');
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            push_string(&mut self.0, value);
        }
        self.0.push(']');
    }

    /// Adds a true or a false.
    pub fn flag(&mut self, name: &str, value: bool) {
        self.json(name, if value { "true" } else { "false" });
    }

    /// Adds what is JSON already.
    pub fn json(&mut self, name: &str, value: &str) {
        self.name(name);
        self.0.push_str(value);
    }

    /// The object's text.
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_string(&mut self.0, name);
        self.0.push(':');
    }
}

/// Appends a string as JSON has it.
fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        let short = match c {
            '"' | '\\' => c,
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\0'..' ' => {
                text.push_str("\\u00");
                text.push_str(&crate::hex::encode(&[c as u8]));
                continue;
            }
            _ => {
                text.push(c);
                continue;
            }
        };
        text.push('\\');
        text.push(short);
    }
    text.push('"');
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    /// Never asked for: `arbitrary_precision` gives such a number as its text. Without it here the default
    /// would print one, for an error, which takes 5 KB.
    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(Name(name)) = members.next_key()? {
            // So numbers come that are no integers, or large ones: as they are written.
            if name == "$serde_json::private::Number" {
                return Ok(match members.next_value()? {
                    Json::Text(digits) => Json::Number(digits),
                    _ => Json::Null,
                });
            }
            object.push((name, members.next_value()?));
        }
        Ok(Json::Object(object))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// The name of a member.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Names are strings, and a text that has none there is no JSON.
        Ok(Name(match deserializer.deserialize_any(AnyValue)? {
            Json::Text(name) => name,
            _ => String::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_looked_into() {
        let json = Json::parse(br#"{"a":[1,-2.5e3,true,null,"x\u00e9"],"b":{},"a2":1,"b":"last"}"#);
        let json = json.unwrap();
        let list = [
            Json::Number("1".to_owned()),
            Json::Number("-2.5e+3".to_owned()),
            Json::Bool(true),
            Json::Null,
            Json::Text("x\u{e9}".to_owned()),
        ];
        assert_eq!(json.get("a").and_then(Json::list), Some(&list[..]));
        assert_eq!(json.get("b").and_then(Json::text), Some("last"));
        assert_eq!(json.get("a2").and_then(Json::integer), Some(1));
        assert_eq!(list[1].integer(), None);
        assert_eq!(json.get("c"), None);
        assert_eq!(json.members().map(<[_]>::len), Some(4));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let odd: String = (0..0x80)
            .map(|code| code as u8 as char)
            .chain("é\u{2028}😀".chars())
            .collect();
        let mut object = Writer::new();
        object.text(&odd, &odd);
        object.texts("list", &["a".to_owned(), odd.clone()]);
        object.json("flag", "true");
        let text = object.end();
        let members = vec![
            (odd.clone(), Json::Text(odd.clone())),
            (
                "list".to_owned(),
                Json::List(vec![Json::Text("a".to_owned()), Json::Text(odd.clone())]),
            ),
            ("flag".to_owned(), Json::Bool(true)),
        ];
        assert_eq!(Json::parse(text.as_bytes()), Ok(Json::Object(members)));
        assert_eq!(
            format!("{{\"a\":{}}}", serde_json::to_string(&odd).unwrap()),
            {
                let mut object = Writer::new();
                object.text("a", &odd);
                object.end()
            }
        );
        assert_eq!(Writer::new().end(), "{}");
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place() {
        for (text, line, column) in [
            ("", 1, 0),
            ("{\n\"a\" 1}", 2, 5),
            ("[1] x", 1, 5),
            ("{1:2}", 1, 2),
        ] {
            let place = NotJson { line, column };
            assert_eq!(Json::parse(text.as_bytes()), Err(place), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(Json::parse(deep.as_bytes()).is_err());
    }
}
