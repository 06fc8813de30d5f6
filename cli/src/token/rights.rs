//! What a token is to be good for: the options that `token new` and `token add` share, and the entry that they make,
//! which is a member of the setting `tokens` and what the server takes alike.

use std::time::{SystemTime, UNIX_EPOCH};

use goproxy_edge::module::Timestamp;

use crate::{Failure, wrong_usage};

#[derive(clap::Args)]
pub struct Rights {
    /// What it may do, as GitLab names it; once for each scope [default: write_package_registry, with --admin: api]
    #[arg(long = "scope", value_name = "SCOPE", value_enum)]
    scopes: Vec<Scope>,
    /// Where it may do it: a project's id or full path, a group's path, or * for all; once for each
    #[arg(long = "project", value_name = "PROJECT", default_value = "*")]
    projects: Vec<String>,
    /// For how long, such as 12h, 90d or 52w, or never
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_lifetime)]
    expires_in: Lifetime,
    /// Let it administer: `goproxy-edge project`, `token` and `repair`; needs the scope api
    #[arg(long)]
    admin: bool,
}

/// GitLab's token scopes, as far as they have a meaning here.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Scope {
    /// Download
    ReadPackageRegistry,
    /// Download and publish
    WritePackageRegistry,
    /// Download
    ReadApi,
    /// Download and publish; with --admin, administer
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

impl Rights {
    /// Ends the process where the rights contradict each other.
    pub fn check(&self) {
        if let Some(why) = self.contradiction() {
            wrong_usage(why);
        }
    }

    /// An administrator's flag is worth nothing without the scope: the server would take the token, and refuse it
    /// wherever it administers.
    fn contradiction(&self) -> Option<&'static str> {
        let administers = self.scopes.is_empty() || self.scopes.contains(&Scope::Api);
        (self.admin && !administers).then_some(
            "--admin takes the scope `api`: add --scope api, or leave out --scope, or --admin",
        )
    }

    /// The entry of a token that is made now; without its hash, of one whose secret stays.
    pub fn entry(&self, name: &str, sha256: Option<&str>) -> Result<String, Failure> {
        self.entry_at(name, sha256, now()?)
    }

    fn entry_at(
        &self,
        name: &str,
        sha256: Option<&str>,
        now: Timestamp,
    ) -> Result<String, Failure> {
        #[derive(serde::Serialize)]
        struct Entry<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            sha256: Option<&'a str>,
            scopes: Vec<&'a str>,
            projects: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            expires_at: Option<String>,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            admin: bool,
        }
        let mut scopes: Vec<_> = self.scopes.iter().copied().map(Scope::name).collect();
        if scopes.is_empty() {
            let default = match self.admin {
                true => Scope::Api,
                false => Scope::WritePackageRegistry,
            };
            scopes.push(default.name());
        }
        let expires_at = match self.expires_in.hours {
            Some(hours) => {
                let end = Timestamp::from_unix(now.unix_seconds() + hours * 3600, 0);
                Some(end.ok_or("--expires-in is past the year 9999")?.to_string())
            }
            None => None,
        };
        Ok(serde_json::to_string(&Entry {
            name,
            sha256,
            scopes,
            projects: &self.projects,
            expires_at,
            admin: self.admin,
        })?)
    }
}

/// The time on this machine's clock.
pub fn now() -> Result<Timestamp, Failure> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = i64::try_from(since_1970.as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_unix(seconds, 0));
    Ok(now.ok_or("this machine's clock is past the year 9999")?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_administrator_has_the_scope_api() {
        let refused =
            "--admin takes the scope `api`: add --scope api, or leave out --scope, or --admin";
        for (scopes, admin, expected) in [
            (vec![], true, None),
            (vec![Scope::Api], true, None),
            (vec![Scope::ReadApi, Scope::Api], true, None),
            (vec![Scope::ReadApi], false, None),
            (vec![Scope::ReadApi], true, Some(refused)),
            (
                vec![Scope::ReadPackageRegistry, Scope::WritePackageRegistry],
                true,
                Some(refused),
            ),
        ] {
            let rights = Rights {
                scopes,
                projects: vec!["*".to_owned()],
                expires_in: Lifetime { hours: None },
                admin,
            };
            assert_eq!(rights.contradiction(), expected);
        }
    }

    #[test]
    fn an_entry_holds_the_hash_the_rights_and_the_end() {
        let rights = Rights {
            scopes: Vec::new(),
            projects: vec!["*".to_owned()],
            expires_in: parse_lifetime("90d").unwrap(),
            admin: false,
        };
        let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00.5Z").unwrap();
        assert_eq!(
            rights.entry_at("ci", Some("00ff"), now).unwrap(),
            r#"{"name":"ci","sha256":"00ff","scopes":["write_package_registry"],"projects":["*"],"expires_at":"2026-04-01T00:00:00Z"}"#
        );
        let rights = Rights {
            scopes: vec![Scope::Api, Scope::ReadApi],
            projects: vec!["1".to_owned(), "a/b".to_owned()],
            expires_in: Lifetime { hours: None },
            admin: true,
        };
        assert_eq!(
            rights.entry_at("ops", Some("00ff"), now).unwrap(),
            r#"{"name":"ops","sha256":"00ff","scopes":["api","read_api"],"projects":["1","a/b"],"admin":true}"#
        );
    }
}
