//! Tokens as they stand in the settings: a hash, never the secret, and what it allows.

use std::rc::Rc;

use super::{Grant, Scope, list_of};
use crate::hex;
use crate::json::Json;
#[cfg(feature = "admin")]
use crate::json::Writer;
use crate::module::Timestamp;
use crate::module::hash::EMPTY_FILE;

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// The time, which the host is asked for only where it counts.
pub type Now<'a> = &'a dyn Fn() -> Timestamp;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it allows.
    pub grant: Rc<Grant>,
    hash: [u8; 32],
    expires_at: Option<Timestamp>,
}

/// The fields of a token as it is written down.
const FIELDS: [&str; 6] = [
    "name",
    "sha256",
    "scopes",
    "projects",
    "expires_at",
    "admin",
];

impl Token {
    /// Reads the `tokens` setting, a JSON list.
    ///
    /// # Errors
    /// What is wrong, without any value in it but a token's name.
    pub fn parse_list(json: &str) -> Result<Vec<Self>, String> {
        list_of(json)?
            .iter()
            .enumerate()
            .map(|(at, token)| Token::parse_called(&format!("token {}", at + 1), token))
            .collect()
    }

    /// Reads a token.
    ///
    /// # Errors
    /// As [`Token::parse_list`].
    #[cfg(feature = "admin")]
    pub fn parse(token: &Json) -> Result<Self, String> {
        Token::parse_called("the token", token)
    }

    fn parse_called(which: &str, token: &Json) -> Result<Self, String> {
        if token.members().is_none() {
            return Err(format!("{which} is not a JSON object"));
        }
        let name = token.get("name").and_then(Json::text).unwrap_or_default();
        // A client takes the dots out of an address, so that such a token could not be revoked.
        if ["", ".", ".."].contains(&name) || name.chars().any(is_invisible) {
            return Err(format!(
                "{which} has no `name`, or one that is `.` or `..` or has control or invisible \
                 characters"
            ));
        }
        Token::check(name, token).map_err(|what| format!("the token `{name}`: {what}"))
    }

    fn check(name: &str, fields: &Json) -> Result<Self, &'static str> {
        let mut names = fields.members().unwrap_or_default().iter();
        if names.any(|(name, _)| !FIELDS.contains(&name.as_str())) {
            return Err(
                "it has an unknown field: `name`, `sha256`, `scopes`, `projects`, `expires_at` and \
                 `admin` are known",
            );
        }
        let hash = fields
            .get("sha256")
            .and_then(Json::text)
            .and_then(parse_hash);
        let scopes = fields
            .get("scopes")
            .and_then(Json::texts)
            .and_then(|names| {
                names
                    .into_iter()
                    .map(Scope::parse)
                    .collect::<Option<Vec<_>>>()
            })
            .filter(|scopes| !scopes.is_empty());
        let expires_at = match fields.get("expires_at") {
            None | Some(Json::Null) => None,
            Some(time) => Some(
                time.text()
                    .and_then(parse_expiry)
                    .ok_or("`expires_at` is neither an RFC 3339 time nor a date")?,
            ),
        };
        let is_one_line = |list: &Vec<&str>| !list.iter().any(|it| it.contains(is_invisible));
        let projects = fields
            .get("projects")
            .and_then(Json::texts)
            .filter(is_one_line)
            .ok_or("`projects` is not a list of ids, full paths or `*`")?;
        let hash = hash.ok_or("`sha256` is not 64 lower-case hex digits")?;
        if hash == EMPTY_FILE {
            return Err("`sha256` is that of an empty secret");
        }
        let grant = Grant {
            name: name.to_owned(),
            scopes: scopes.ok_or(
                "`scopes` is not a list of `read_api`, `api`, `read_package_registry` and \
                 `write_package_registry`",
            )?,
            projects: projects.into_iter().map(str::to_owned).collect(),
            admin: match fields.get("admin") {
                None => false,
                Some(Json::Bool(flag)) => *flag,
                Some(_) => return Err("`admin` is not true or false"),
            },
            guest: false,
            alone: false,
        };
        Ok(Token {
            grant: Rc::new(grant),
            hash,
            expires_at,
        })
    }

    /// The first token whose secret has this SHA-256 and that is valid now. Every hash is compared, each in
    /// constant time, so that the time taken tells nothing.
    pub fn find<'a>(tokens: &'a [Token], presented: &[u8; 32], now: Now) -> Option<&'a Token> {
        let mut found = None;
        for token in tokens {
            if same_hash(&token.hash, presented) && found.is_none() && token.is_valid(now) {
                found = Some(token);
            }
        }
        found
    }

    /// Whether it has not expired.
    pub fn is_valid(&self, now: Now) -> bool {
        self.expires_at.is_none_or(|end| now() < end)
    }
}

/// What those that are kept in the store need besides.
#[cfg(feature = "admin")]
impl Token {
    /// One with this hash in lower-case hex, if that is one and the token has a scope.
    pub fn new(grant: Grant, hash: &str, expires_at: Option<Timestamp>) -> Option<Self> {
        let hash = parse_hash(hash)?;
        (!grant.scopes.is_empty()).then(|| Token {
            grant: Rc::new(grant),
            hash,
            expires_at,
        })
    }

    /// When it expires.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether this is its hash, told in constant time.
    pub fn has_hash(&self, hash: &[u8; 32]) -> bool {
        same_hash(&self.hash, hash)
    }

    /// Whether both have the same secret.
    pub fn has_hash_of(&self, other: &Token) -> bool {
        self.has_hash(&other.hash)
    }

    /// The same with another's secret.
    pub fn with_secret_of(self, other: &Token) -> Self {
        Token {
            hash: other.hash,
            ..self
        }
    }

    /// Its hash, in lower-case hex.
    pub fn hash_text(&self) -> String {
        hex::encode(&self.hash)
    }

    /// The token as it is shown: without its hash.
    pub fn public_json(&self) -> Writer {
        let Grant {
            name,
            scopes,
            projects,
            admin,
            guest: _,
            alone: _,
        } = &*self.grant;
        let mut json = Writer::new();
        json.text("name", name);
        let scopes: Vec<String> = scopes.iter().map(|scope| scope.name().to_owned()).collect();
        json.texts("scopes", &scopes);
        json.texts("projects", projects);
        match self.expires_at {
            Some(end) => json.text("expires_at", &end.to_string()),
            None => json.json("expires_at", "null"),
        }
        json.flag("admin", *admin);
        json
    }
}

/// Whether a reader of a log can't see it, or it changes how they see what stands around it.
pub(super) fn is_invisible(letter: char) -> bool {
    let is_format = matches!(
        letter,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    letter.is_control() || is_format
}

/// Compares without telling where the first difference is.
pub(super) fn same_hash(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let words = a.as_chunks().0.iter().zip(b.as_chunks().0);
    let differences = words.fold(0, |all, (a, b)| {
        all | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    });
    std::hint::black_box(differences) == 0
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) || text.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    let mut digits = text.bytes();
    for byte in &mut hash {
        *byte = hex::byte([digits.next()?, digits.next()?])?;
    }
    Some(hash)
}

/// A time, or a date, which lasts to its end in UTC.
fn parse_expiry(text: &str) -> Option<Timestamp> {
    if text.len() == "2006-01-02".len() {
        let begin = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))?;
        return Timestamp::from_unix(begin.unix_seconds() + SECONDS_A_DAY, 0);
    }
    Timestamp::parse_rfc3339(text)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// SHA-256 of "secret".
    const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn list(fields: &str) -> Result<Vec<Token>, String> {
        Token::parse_list(&format!("[{{{fields}}}]"))
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn sha256(secret: &str) -> [u8; 32] {
        Sha256::digest(secret).into()
    }

    #[test]
    fn hashes_are_the_same_where_no_bit_differs() {
        let hash: [u8; 32] = std::array::from_fn(|at| at as u8);
        assert!(same_hash(&hash, &hash.clone()));
        for bit in 0..256 {
            let mut other = hash;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!same_hash(&hash, &other), "{bit}");
        }
    }

    #[test]
    fn of_two_tokens_of_one_secret_the_one_that_is_valid_is_found() {
        let token = |name: &str, expiry: &str| {
            format!(
                r#"{{"name":"{name}","sha256":"{HASH}","scopes":["api"],"projects":["*"],"expires_at":"{expiry}"}}"#
            )
        };
        let both = [token("old", "2025-01-01"), token("new", "2027-01-01")];
        let tokens = Token::parse_list(&format!("[{}]", both.join(","))).unwrap();
        let now = || time("2026-01-01T00:00:00Z");
        let found = Token::find(&tokens, &sha256("secret"), &now);
        assert_eq!(found.map(|token| &*token.grant.name), Some("new"));
    }

    #[test]
    fn a_token_is_found_by_its_secret_until_it_expires() {
        let whole = |expiry: &str| {
            list(&format!(
                r#""name":"ci","sha256":"{HASH}","scopes":["api"],"projects":["*"],"expires_at":"{expiry}""#
            ))
            .unwrap()
        };
        for (expiry, now, valid) in [
            ("2026-01-02", "2026-01-02T23:59:59Z", true),
            ("2026-01-02", "2026-01-03T00:00:00Z", false),
            ("2026-01-02T10:00:00+02:00", "2026-01-02T07:59:59Z", true),
            ("2026-01-02T10:00:00+02:00", "2026-01-02T08:00:00Z", false),
        ] {
            let tokens = whole(expiry);
            let found = Token::find(&tokens, &sha256("secret"), &|| time(now));
            assert_eq!(found.is_some(), valid, "{expiry} at {now}");
            assert_eq!(
                Token::find(&tokens, &sha256("other"), &|| time("2020-01-01T00:00:00Z")),
                None
            );
        }
    }

    #[test]
    fn a_wrong_list_says_what_is_wrong_and_shows_no_value() {
        let right = format!(r#""name":"ci","sha256":"{HASH}","scopes":["api"],"projects":["*"]"#);
        assert!(list(&right).is_ok());
        let scopes = "the token `ci`: `scopes` is not a list of `read_api`, `api`, \
                      `read_package_registry` and `write_package_registry`";
        let hash = "the token `ci`: `sha256` is not 64 lower-case hex digits";
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (change, with, problem) in [
            (
                HASH,
                nothing,
                "the token `ci`: `sha256` is that of an empty secret",
            ),
            (HASH, "hunter2", hash),
            (HASH, &*HASH.to_uppercase(), hash),
            (r#"["api"]"#, "[]", scopes),
            (r#"["api"]"#, r#"["hunter2"]"#, scopes),
            (r#""scopes""#, r#""admin":true,"projects""#, scopes),
            (
                r#"["*"]"#,
                "\"hunter2\"",
                "the token `ci`: `projects` is not a list of ids, full paths or `*`",
            ),
            (
                r#"["*"]"#,
                r#"["hunter2\nproject *"]"#,
                "the token `ci`: `projects` is not a list of ids, full paths or `*`",
            ),
            (
                r#"["*"]"#,
                r#"["*"],"expires_at":"hunter2""#,
                "the token `ci`: `expires_at` is neither an RFC 3339 time nor a date",
            ),
            (
                r#"["*"]"#,
                r#"["*"],"admin":"hunter2""#,
                "the token `ci`: `admin` is not true or false",
            ),
            (
                r#"["*"]"#,
                r#"["*"],"secret":"hunter2""#,
                "the token `ci`: it has an unknown field: `name`, `sha256`, `scopes`, `projects`, \
                 `expires_at` and `admin` are known",
            ),
            (r#""name":"ci""#, r#""name":"""#, NO_NAME),
        ] {
            assert!(right.contains(change), "{change}");
            assert_eq!(list(&right.replace(change, with)), Err(problem.to_owned()));
        }
        for (json, problem) in [
            ("[", "it is not JSON (line 1, column 1)"),
            ("{\"a\":1}", "it is not a JSON list"),
            ("[\"hunter2\"]", "token 1 is not a JSON object"),
        ] {
            assert_eq!(Token::parse_list(json), Err(problem.to_owned()));
        }
    }

    const NO_NAME: &str = "token 1 has no `name`, or one that is `.` or `..` or has control or \
                           invisible characters";

    #[test]
    fn a_name_is_one_that_an_address_and_a_log_can_show() {
        let named = |name: &str| {
            list(&format!(
                r#""name":"{name}","sha256":"{HASH}","scopes":["api"],"projects":["*"]"#
            ))
        };
        for name in ["ci", "...", "a b", "é ü", "名前", "a/b", "a\\\"b"] {
            assert!(named(name).is_ok(), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "a\\n",
            "\\u0000",
            "\u{7f}",
            "\u{85}",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200b}b",
            "\u{200f}a",
            "\u{61c}a",
            "\u{feff}a",
            "a\u{ad}",
            "a\u{e0041}",
        ] {
            assert_eq!(named(name), Err(NO_NAME.to_owned()), "{name:?}");
        }
    }
}
