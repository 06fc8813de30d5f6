//! Tokens: how one is made, and `goproxy-edge token`.
//!
//! Its form is the component's affair, which refuses one of a wrong form; the server knows a token by its
//! SHA-256 only.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use goproxy_edge::access::format;
use goproxy_edge::module::Timestamp;
use sha2::{Digest, Sha256};

/// A new token with 256 bits from the operating system's random source.
///
/// # Errors
/// When the operating system has no random source to give.
pub fn generate() -> Result<String, getrandom::Error> {
    let mut secret = [0u8; 32];
    getrandom::fill(&mut secret)?;
    Ok(format::from_secret(&secret))
}

/// The `sha256` member of a `tokens` entry: the token's SHA-256 in lower-case hex.
pub fn sha256_hex(token: &str) -> String {
    Sha256::digest(token.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// Make a token, and print it with its entry for the `tokens` setting
///
/// The first line is the token, for the publisher's secrets: it is shown this once and kept nowhere. The second is
/// for the server: one element of the JSON list in its `tokens` setting, with the token's hash only.
#[derive(clap::Args)]
pub struct Args {
    /// A name to know it by in logs
    #[arg(long, default_value = "publisher")]
    name: String,
    /// What it may do, as GitLab names it; once for each scope [default: write_package_registry, with --admin: api]
    #[arg(long = "scope", value_name = "SCOPE", value_enum)]
    scopes: Vec<Scope>,
    /// Where it may do it: a project's id or full path, or * for all; once for each
    #[arg(long = "project", value_name = "PROJECT", default_value = "*")]
    projects: Vec<String>,
    /// For how long, such as 12h, 90d or 52w, or never
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_lifetime)]
    expires_in: Lifetime,
    /// Let it care for the store, as `goproxy-edge repair` does
    #[arg(long)]
    admin: bool,
}

/// GitLab's token scopes, as far as they have a meaning here.
#[derive(Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Scope {
    /// Download
    ReadPackageRegistry,
    /// Download and publish
    WritePackageRegistry,
    /// Download
    ReadApi,
    /// Download and publish; with --admin, care for the store
    Api,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::ReadPackageRegistry => "read_package_registry",
            Self::WritePackageRegistry => "write_package_registry",
            Self::ReadApi => "read_api",
            Self::Api => "api",
        }
    }
}

/// How long a token is good for; for ever if there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lifetime {
    hours: Option<i64>,
}

fn parse_lifetime(text: &str) -> Result<Lifetime, &'static str> {
    const FORM: &str = "give a whole number of hours, days or weeks (12h, 90d, 52w), or never";
    if text == "never" {
        return Ok(Lifetime { hours: None });
    }
    let (number, hours) = match text.char_indices().last() {
        Some((at, 'h')) => (&text[..at], 1),
        Some((at, 'd')) => (&text[..at], 24),
        Some((at, 'w')) => (&text[..at], 7 * 24),
        _ => return Err(FORM),
    };
    // The upper bound keeps the sum within the years that RFC 3339 can write.
    match number.parse::<u32>() {
        Ok(number @ 1..=100_000) => Ok(Lifetime {
            hours: Some(i64::from(number) * hours),
        }),
        _ => Err(FORM),
    }
}

pub fn run(args: Args) -> Result<ExitCode, crate::Failure> {
    let token = generate()?;
    println!("{token}");
    println!("{}", entry(&args, &token, now()?)?);
    Ok(ExitCode::SUCCESS)
}

fn now() -> Result<Timestamp, crate::Failure> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = i64::try_from(since_1970.as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_unix(seconds, 0));
    Ok(now.ok_or("this machine's clock is past the year 9999")?)
}

/// The element for `tokens`.
fn entry(args: &Args, token: &str, now: Timestamp) -> Result<String, crate::Failure> {
    #[derive(serde::Serialize)]
    struct Entry<'a> {
        name: &'a str,
        sha256: String,
        scopes: Vec<&'a str>,
        projects: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<String>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        admin: bool,
    }
    let mut scopes: Vec<_> = args.scopes.iter().copied().map(Scope::name).collect();
    if scopes.is_empty() {
        scopes.push(
            if args.admin {
                Scope::Api
            } else {
                Scope::WritePackageRegistry
            }
            .name(),
        );
    }
    let expires_at = match args.expires_in.hours {
        Some(hours) => {
            let end = Timestamp::from_unix(now.unix_seconds() + hours * 3600, 0);
            Some(end.ok_or("--expires-in is past the year 9999")?.to_string())
        }
        None => None,
    };
    Ok(serde_json::to_string(&Entry {
        name: &args.name,
        sha256: sha256_hex(token),
        scopes,
        projects: &args.projects,
        expires_at,
        admin: args.admin,
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_are_never_the_same() {
        assert_ne!(generate().unwrap(), generate().unwrap());
    }

    #[test]
    fn the_hash_of_a_token_is_lower_case_hex() {
        assert_eq!(
            sha256_hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_lifetime_is_hours_days_weeks_or_never() {
        let hours = |hours| Ok(Lifetime { hours: Some(hours) });
        assert_eq!(parse_lifetime("12h"), hours(12));
        assert_eq!(parse_lifetime("90d"), hours(90 * 24));
        assert_eq!(parse_lifetime("52w"), hours(52 * 7 * 24));
        assert_eq!(parse_lifetime("never"), Ok(Lifetime { hours: None }));
        for wrong in [
            "", "d", "0d", "-1d", "90", "90m", "1.5d", "90 d", "100001d", "é",
        ] {
            assert!(parse_lifetime(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_entry_holds_the_hash_and_not_the_token() {
        let args = Args {
            name: "ci".to_owned(),
            scopes: Vec::new(),
            projects: vec!["*".to_owned()],
            expires_in: parse_lifetime("90d").unwrap(),
            admin: false,
        };
        let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00.5Z").unwrap();
        assert_eq!(
            entry(&args, "abc", now).unwrap(),
            r#"{"name":"ci","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","scopes":["write_package_registry"],"projects":["*"],"expires_at":"2026-04-01T00:00:00Z"}"#
        );
        let args = Args {
            name: "ops".to_owned(),
            scopes: vec![Scope::Api, Scope::ReadApi],
            projects: vec!["1".to_owned(), "a/b".to_owned()],
            expires_in: Lifetime { hours: None },
            admin: true,
        };
        assert_eq!(
            entry(&args, "abc", now).unwrap(),
            r#"{"name":"ops","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","scopes":["api","read_api"],"projects":["1","a/b"],"admin":true}"#
        );
    }
}
