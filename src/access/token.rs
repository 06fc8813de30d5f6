//! Tokens as they stand in the settings: a hash, never the secret, and what it allows.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Project;
use crate::hex;
use crate::module::Timestamp;

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// What a token allows, by GitLab's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reads everything.
    ReadApi,
    /// Reads and writes everything.
    Api,
    /// Reads modules.
    ReadPackageRegistry,
    /// Reads and publishes modules.
    WritePackageRegistry,
}

impl Scope {
    /// Whether it includes publishing.
    pub fn may_write(self) -> bool {
        matches!(self, Scope::Api | Scope::WritePackageRegistry)
    }
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What its owner calls it. Shown in logs and refusals.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Whether it may care for the store.
    pub admin: bool,
    hash: [u8; 32],
    projects: Vec<String>,
    expires_at: Option<Timestamp>,
}

/// A token as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    sha256: String,
    scopes: Vec<Scope>,
    projects: Vec<String>,
    #[serde(default)]
    expires_at: Option<String>,
    #[serde(default)]
    admin: bool,
}

impl Token {
    /// Reads the `tokens` setting, a JSON list.
    ///
    /// # Errors
    /// What is wrong, without any value in it.
    pub fn parse_list(json: &str) -> Result<Vec<Self>, String> {
        if json == "[]" {
            return Ok(Vec::new());
        }
        let written: Vec<Written> = serde_json::from_str(json).map_err(|error| {
            // The error's own text may quote the value.
            let (line, column) = (error.line(), error.column());
            let what = match error.classify() {
                serde_json::error::Category::Data => {
                    "a field is missing, unknown or of the wrong kind"
                }
                _ => "it is not JSON",
            };
            format!(
                "{what} (line {line}, column {column}); it is a list of \
                 {{\"name\",\"sha256\",\"scopes\",\"projects\",\"expires_at\"?,\"admin\"?}}"
            )
        })?;
        written.into_iter().map(Token::check).collect()
    }

    fn check(written: Written) -> Result<Self, String> {
        let name = written.name;
        let wrong = |what: &str| format!("the token `{name}`: {what}");
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err("a token has no name, or one with control characters".to_owned());
        }
        let hash = parse_hash(&written.sha256)
            .ok_or_else(|| wrong("`sha256` is not 64 lower-case hex digits"))?;
        let expires_at = match written.expires_at.as_deref() {
            None => None,
            Some(text) => Some(
                parse_expiry(text)
                    .ok_or_else(|| wrong("`expires_at` is neither an RFC 3339 time nor a date"))?,
            ),
        };
        if written.scopes.is_empty() {
            return Err(wrong("`scopes` is empty"));
        }
        Ok(Token {
            hash,
            expires_at,
            scopes: written.scopes,
            projects: written.projects,
            admin: written.admin,
            name,
        })
    }

    /// The token with this secret, if it is valid now. Every hash is compared, each in constant
    /// time, so that the time taken tells nothing.
    pub fn find<'a>(tokens: &'a [Token], secret: &[u8], now: Timestamp) -> Option<&'a Token> {
        let presented: [u8; 32] = Sha256::digest(secret).into();
        let mut found = None;
        for token in tokens {
            if same(&token.hash, &presented) && found.is_none() {
                found = Some(token);
            }
        }
        found.filter(|token| token.expires_at.is_none_or(|end| now < end))
    }

    /// Whether it is for this project.
    pub fn names_project(&self, project: &Project) -> bool {
        let mut named = self.projects.iter();
        named.any(|name| name == "*" || project.is_named(name))
    }
}

/// Compares without telling where the first difference is.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let differences = a.iter().zip(b).fold(0u8, |all, (a, b)| all | (a ^ b));
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
    use super::*;

    /// SHA-256 of "secret".
    const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn list(fields: &str) -> Result<Vec<Token>, String> {
        Token::parse_list(&format!("[{{{fields}}}]"))
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
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
            let found = Token::find(&tokens, b"secret", time(now));
            assert_eq!(found.is_some(), valid, "{expiry} at {now}");
            assert_eq!(
                Token::find(&tokens, b"other", time("2020-01-01T00:00:00Z")),
                None
            );
        }
    }

    #[test]
    fn a_wrong_list_says_what_is_wrong_and_shows_no_value() {
        let right = format!(r#""name":"ci","sha256":"{HASH}","scopes":["api"],"projects":["*"]"#);
        assert!(list(&right).is_ok());
        for (change, with, problem) in [
            (
                HASH,
                "12ab",
                "the token `ci`: `sha256` is not 64 lower-case hex digits",
            ),
            (
                HASH,
                &HASH.to_uppercase(),
                "the token `ci`: `sha256` is not 64 lower-case hex digits",
            ),
            (r#"["api"]"#, "[]", "the token `ci`: `scopes` is empty"),
            (
                r#"["*"]"#,
                r#"["*"],"expires_at":"soon""#,
                "the token `ci`: `expires_at` is neither an RFC 3339 time nor a date",
            ),
            (
                r#""name":"ci""#,
                r#""name":"""#,
                "a token has no name, or one with control characters",
            ),
        ] {
            assert!(right.contains(change), "{change}");
            assert_eq!(list(&right.replace(change, with)), Err(problem.to_owned()));
        }
        for fields in [
            format!("{right},\"secret\":\"hunter2\""),
            right.replace("\"api\"", "\"hunter2\""),
            right.replace("\"scopes\"", "\"hunter2\""),
        ] {
            let problem = list(&fields).unwrap_err();
            assert!(problem.starts_with("a field is missing, unknown or of the wrong kind"));
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        assert!(
            Token::parse_list("[")
                .unwrap_err()
                .starts_with("it is not JSON")
        );
    }
}
