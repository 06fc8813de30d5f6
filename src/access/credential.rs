//! How a token arrives: as the password of HTTP Basic with any user name (what `.netrc` and
//! `https://user:token@host` send), as a Bearer token, or in one of GitLab's headers.

use std::cell::OnceCell;

use sha2::{Digest, Sha256};

use crate::http::Headers;

/// All headers that may hold a token, as `Vary` lists them.
pub const HEADERS: &str = "Authorization, Private-Token, Job-Token, Deploy-Token";

/// What the token of a CI job begins with (GitLab's documentation, Token prefixes).
const OF_JOB: &[u8] = b"glcbt-";

/// A token as a request presents it. Has no `Debug`: it is a secret.
pub struct Credential {
    secret: Vec<u8>,
    of_job: bool,
    sha256: OnceCell<[u8; 32]>,
}

/// Something stands where a credential would, and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Credential {
    /// What the request presents: none, a token, or something malformed, as are two tokens that differ: the one
    /// that is wrong would go unnoticed. An empty value is no credential, as a script sends it whose variable is
    /// not set.
    pub fn presented(headers: &Headers) -> Option<Result<Self, Malformed>> {
        let mut presented: Option<(Vec<u8>, bool)> = None;
        for (name, value) in headers.all().filter(|(_, value)| !value.is_empty()) {
            let is = |own: &str| name.eq_ignore_ascii_case(own);
            let next = if is("authorization") {
                from_authorization(value)
            } else if is("private-token") || is("deploy-token") {
                from_secret(value.trim_ascii(), false)
            } else if is("job-token") {
                from_secret(value.trim_ascii(), true)
            } else {
                continue;
            };
            presented = match (presented, next) {
                (None, Some(next)) => Some(next),
                (Some((first, of_job)), Some((next, too))) if first == next => {
                    Some((first, of_job || too))
                }
                _ => return Some(Err(Malformed)),
            };
        }
        presented.map(|(secret, of_job)| {
            Ok(Credential {
                secret,
                of_job,
                sha256: OnceCell::new(),
            })
        })
    }

    /// Whether it is the token of a CI job, as GitLab's documentation has it: presented as `Job-Token` or
    /// with the user name `gitlab-ci-token`, or with the prefix that GitLab gives such tokens.
    pub fn is_of_job(&self) -> bool {
        self.of_job || self.secret.starts_with(OF_JOB)
    }

    /// The token.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Its SHA-256, by which tokens are known.
    pub fn sha256(&self) -> &[u8; 32] {
        let hash = || Sha256::digest(&self.secret).into();
        self.sha256.get_or_init(hash)
    }
}

/// A secret, and whether it is said to be the token of a job.
fn from_authorization(value: &[u8]) -> Option<(Vec<u8>, bool)> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let (scheme, rest) = text.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return from_secret(rest.as_bytes(), false);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = decode_base64(rest)?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let password = decoded.get(colon + 1..)?;
    from_secret(password, decoded.get(..colon)? == b"gitlab-ci-token")
}

/// An empty secret is none: everybody would have it.
fn from_secret(secret: &[u8], of_job: bool) -> Option<(Vec<u8>, bool)> {
    (!secret.is_empty()).then(|| (secret.to_vec(), of_job))
}

/// Standard base64, padded or not (RFC 7617 sends it padded).
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let mut bits = 0u32;
    let mut held = 0u32;
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    // A last digit that holds no whole byte is cut off text.
    (held < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(name: &str, value: &str) -> Option<Result<String, Malformed>> {
        let headers = Headers::new(vec![(name.to_owned(), value.as_bytes().to_vec())]);
        let credential = Credential::presented(&headers)?;
        Some(credential.map(|it| String::from_utf8(it.secret).unwrap()))
    }

    #[test]
    fn a_token_arrives_in_each_of_the_documented_ways() {
        for (name, value, token) in [
            ("Authorization", "Basic dXNlcjpzZWNyZXQ=", "secret"),
            ("Authorization", "basic OnNlY3JldA==", "secret"),
            ("Authorization", "Basic dXNlcjpzZTpjcmV0", "se:cret"),
            ("Authorization", "Basic dXNlcjpzZWNyZXQ", "secret"),
            ("authorization", "Bearer secret", "secret"),
            ("AUTHORIZATION", "bearer  secret ", "secret"),
            ("Private-Token", "secret", "secret"),
            ("Job-Token", "secret", "secret"),
            ("Deploy-Token", " secret", "secret"),
        ] {
            let expected = Some(Ok(token.to_owned()));
            assert_eq!(presented(name, value), expected, "{name}: {value}");
        }
    }

    #[test]
    fn an_empty_header_hides_no_other() {
        let names = [
            "authorization",
            "private-token",
            "job-token",
            "deploy-token",
        ];
        for empty in names {
            for other in names.into_iter().filter(|name| *name != empty) {
                let value = if other == "authorization" {
                    "Bearer secret"
                } else {
                    "secret"
                };
                let fields = [(empty, ""), (other, value)];
                let fields =
                    fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
                let credential = Credential::presented(&Headers::new(fields.into()));
                let secret = credential.map(|it| it.map(|it| it.secret));
                assert_eq!(secret, Some(Ok(b"secret".to_vec())), "{empty}, {other}");
            }
        }
    }

    #[test]
    fn two_tokens_that_differ_are_none_and_twice_the_same_is_one() {
        let basic = ("authorization", "Basic dXNlcjpzZWNyZXQ=");
        for (one, two, secret) in [
            (basic, ("private-token", "secret"), Some("secret")),
            (basic, ("authorization", "Bearer secret"), Some("secret")),
            (basic, ("private-token", "other"), None),
            (basic, ("authorization", "Bearer other"), None),
            (
                ("authorization", ""),
                ("authorization", "Bearer other"),
                Some("other"),
            ),
            (basic, ("authorization", "nonsense"), None),
            (
                ("private-token", "secret"),
                ("private-token", "other"),
                None,
            ),
            (("private-token", "secret"), ("job-token", "other"), None),
        ] {
            for fields in [[one, two], [two, one]] {
                let owned = fields.map(|(name, value)| (name.to_owned(), value.into()));
                let presented = Credential::presented(&Headers::new(owned.into()));
                let found = presented.map(|it| it.map(|it| it.secret));
                let expected = secret.map(|it| it.as_bytes().to_vec()).ok_or(Malformed);
                assert_eq!(found, Some(expected), "{fields:?}");
            }
        }
        let twice = ["private-token", "job-token"].map(|name| (name.to_owned(), b"x".to_vec()));
        let presented = Credential::presented(&Headers::new(twice.into()));
        assert!(presented.is_some_and(|it| it.is_ok_and(|it| it.is_of_job())));
    }

    #[test]
    fn the_token_of_a_job_is_told_by_how_it_comes_and_how_it_begins() {
        for (name, value, of_job) in [
            ("Job-Token", "secret", true),
            ("Private-Token", "secret", false),
            ("Private-Token", "glcbt-64_x", true),
            ("Authorization", "Bearer secret", false),
            ("Authorization", "Bearer glcbt-64_x", true),
            ("Authorization", "Basic YWxpY2U6Z2xjYnQtNjRfeA==", true),
            ("Authorization", "Basic dXNlcjpzZWNyZXQ=", false),
            (
                "Authorization",
                "Basic Z2l0bGFiLWNpLXRva2VuOnNlY3JldA==",
                true,
            ),
        ] {
            let headers = Headers::new(vec![(name.to_owned(), value.as_bytes().to_vec())]);
            let credential = Credential::presented(&headers).unwrap();
            assert_eq!(credential.map(|it| it.is_of_job()), Ok(of_job), "{name}");
        }
    }

    #[test]
    fn nonsense_in_authorization_is_malformed_and_no_anonymous_request() {
        for value in [
            "Basic",
            "Basic !!!",
            "Basic dXNlcg==",
            "Basic dXNlcjo=",
            "Basic Og==",
            "Bearer ",
            "Basic A",
            "Digest x",
            "secret",
        ] {
            let expected = Some(Err(Malformed));
            assert_eq!(presented("Authorization", value), expected, "{value}");
        }
        assert_eq!(presented("Authorization", ""), None);
        assert_eq!(presented("Private-Token", ""), None);
        assert_eq!(presented("Private-Token", " "), Some(Err(Malformed)));
        assert_eq!(presented("Cookie", "x"), None);
    }
}
