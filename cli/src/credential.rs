//! Where a token comes from, and which server it may be sent to.
//!
//! In this order: `--token`, `GOPROXY_EDGE_TOKEN`, the data folder's `token` file, `.netrc`. The first two are
//! meant for the server named beside them. The file names its server, and only that one is sent it. `.netrc`
//! names hosts: over `http` its passwords go to this machine only, as the `go` command has it.
//!
//! Each is sent as the server wants it: the token of a GitLab job is one only as `Job-Token`, or as the password of the
//! user `gitlab-ci-token`, which a `.netrc` names.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::Failure;
use crate::client::Address;
use crate::data::{self, TokenFile};

/// A token, and where it was found. Never shows itself.
#[derive(Clone)]
pub struct Credential {
    header: &'static str,
    value: String,
    source: String,
}

impl Credential {
    /// # Errors
    /// When it has a character that no header field can have, as one of several lines has.
    fn token(token: &str, source: impl Into<String>) -> Result<Self, Failure> {
        let (token, source) = (token.trim(), source.into());
        let fine = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        match token.bytes().all(fine) {
            true => Ok(Self {
                header: "authorization",
                value: format!("Bearer {token}"),
                source,
            }),
            false => Err(format!(
                "the token from {source} can't be one: it has a line break, or another character \
                 that none has"
            )
            .into()),
        }
    }

    /// The same for a token that somebody gave us, and that is a job's if GitLab has given this job the same.
    fn given(token: &str, source: &str, of_job: Option<&str>) -> Result<Self, Failure> {
        let credential = Self::token(token, source)?;
        let (token, of_job) = (token.trim(), of_job.map(str::trim));
        Ok(match of_job {
            Some(of_job) if of_job == token && !token.is_empty() => Self {
                header: "job-token",
                value: token.to_owned(),
                ..credential
            },
            _ => credential,
        })
    }

    fn basic(user: &str, password: &str, source: String) -> Self {
        let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
        Self {
            header: "authorization",
            value: format!("Basic {pair}"),
            source,
        }
    }

    /// The name of the header that carries it.
    pub fn header(&self) -> &'static str {
        self.header
    }

    /// The header's value.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token from {}", self.source)
    }
}

/// The server to speak to, and what lets us in, if anything was found.
///
/// # Errors
/// When no server is named and none was started here; when a file that should hold a token cannot be read;
/// when what is given can be no token.
pub fn look_up(
    to: Option<Address>,
    token: Option<String>,
    data: Option<&Path>,
) -> Result<(Address, Option<Credential>), Failure> {
    let from_environment = || {
        std::env::var("GOPROXY_EDGE_TOKEN")
            .ok()
            .filter(|token| !token.is_empty())
    };
    let given = match token {
        Some(token) => Some((token, "--token")),
        None => from_environment().map(|token| (token, "GOPROXY_EDGE_TOKEN")),
    };
    let of_job = std::env::var("CI_JOB_TOKEN").ok();
    let given = given.map(|(token, source)| Credential::given(&token, source, of_job.as_deref()));
    let given = given.transpose()?;
    if let (Some(address), Some(given)) = (&to, &given) {
        return Ok((address.clone(), Some(given.clone())));
    }
    let saved = saved(data)?;
    let Some(address) = to.or_else(|| saved.as_ref().map(|saved| saved.address.clone())) else {
        return Err(
            "no server: name one with --to, or start one here with `goproxy-edge serve`".into(),
        );
    };
    let saved = saved
        .filter(|saved| same_server(&saved.address, &address))
        .map(|saved| saved.credential);
    let credential = match given.or(saved) {
        Some(credential) => Some(credential),
        None => from_netrc(&address)?,
    };
    Ok((address, credential))
}

/// The server last started here, and its token.
struct Saved {
    address: Address,
    credential: Credential,
}

fn saved(data: Option<&Path>) -> Result<Option<Saved>, Failure> {
    let folder = match data {
        Some(folder) => folder.to_owned(),
        None => match data::default_folder() {
            Ok(folder) => folder,
            // Nothing can have been saved there.
            Err(_) => return Ok(None),
        },
    };
    let Some(file) = TokenFile::read(&folder)? else {
        return Ok(None);
    };
    let address = file
        .address
        .parse()
        .map_err(|why| format!("{} holds no address: {why}", folder.join("token").display()))?;
    let credential = Credential::token(&file.token, folder.join("token").display().to_string())?;
    Ok(Some(Saved {
        address,
        credential,
    }))
}

/// Whether both addresses lead to one server: a base path behind the host changes nothing.
fn same_server(saved: &Address, named: &Address) -> bool {
    named
        .as_str()
        .strip_prefix(saved.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn from_netrc(address: &Address) -> Result<Option<Credential>, Failure> {
    if !address.is_https() && !address.is_loopback() {
        return Ok(None);
    }
    let Some(file) = netrc_file() else {
        return Ok(None);
    };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read {}: {error}", file.display()).into()),
    };
    let login = netrc_login(&text, &[address.authority(), address.host()]);
    Ok(login
        .map(|(user, password)| Credential::basic(&user, &password, file.display().to_string())))
}

fn netrc_file() -> Option<PathBuf> {
    if let Some(file) = std::env::var_os("NETRC").filter(|file| !file.is_empty()) {
        return Some(file.into());
    }
    let name = if cfg!(windows) { "_netrc" } else { ".netrc" };
    std::env::home_dir().map(|home| home.join(name))
}

/// Login and password of the first complete entry for one of these names, by the rules of
/// cmd/go/internal/auth/netrc.go: no `default`, and a macro's lines count for nothing. That of `host:port` is what
/// `go` looks for, that of `host` what curl does.
fn netrc_login(text: &str, hosts: &[&str]) -> Option<(String, String)> {
    let (mut machine, mut login, mut password) = (None, None, None);
    let mut in_macro = false;
    for line in text.lines() {
        if in_macro {
            in_macro = !line.trim().is_empty();
            continue;
        }
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "machine" => {
                    machine = words.next();
                    (login, password) = (None, None);
                }
                // Stands last and is for every host: not what a token should do.
                "default" => return None,
                "login" => login = words.next(),
                "password" => password = words.next(),
                "macdef" => in_macro = true,
                _ => {}
            }
            if let (Some(machine), Some(login), Some(password)) = (machine, login, password)
                && hosts.contains(&machine)
            {
                return Some((login.to_owned(), password.to_owned()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netrc_gives_the_password_of_the_host_that_is_asked() {
        let rows = [
            (
                "one line",
                "machine a.example login me password s3cret",
                Some(("me", "s3cret")),
            ),
            (
                "several lines",
                "machine a.example\n  login me\n  password s3cret\n",
                Some(("me", "s3cret")),
            ),
            (
                "the second entry",
                "machine b.example login x password y\nmachine a.example login me password s3cret",
                Some(("me", "s3cret")),
            ),
            (
                "the first of two for one host",
                "machine a.example login me password s3cret\nmachine a.example login x password y",
                Some(("me", "s3cret")),
            ),
            ("another host", "machine b.example login x password y", None),
            (
                "a host whose name only ends alike",
                "machine xa.example login x password y",
                None,
            ),
            (
                "an entry without password",
                "machine a.example login me\nmachine b.example login x password y",
                None,
            ),
            (
                "default is no host",
                "default login me password s3cret",
                None,
            ),
            (
                "a macro",
                "macdef init\nmachine a.example login x password y\n\nmachine a.example login me password s3cret",
                Some(("me", "s3cret")),
            ),
            (
                "a host with its port",
                "machine a.example:8443 login me password s3cret",
                Some(("me", "s3cret")),
            ),
            (
                "a host with another port",
                "machine a.example:443 login x password y",
                None,
            ),
            ("empty", "", None),
        ];
        for (name, text, expected) in rows {
            let expected =
                expected.map(|(login, password)| (login.to_owned(), password.to_owned()));
            assert_eq!(
                netrc_login(text, &["a.example:8443", "a.example"]),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn a_saved_token_goes_to_the_server_that_it_was_made_for_and_to_no_other() {
        let rows = [
            ("http://127.0.0.1:3000", true),
            ("http://127.0.0.1:3000/", true),
            ("http://127.0.0.1:3000/api/v4/projects/1/packages/go", true),
            ("http://127.0.0.1:30001", false),
            ("http://127.0.0.1:3001", false),
            ("https://127.0.0.1:3000", false),
            ("http://127.0.0.1.evil.example:3000", false),
            ("http://evil.example/http://127.0.0.1:3000", false),
        ];
        let saved: Address = "http://127.0.0.1:3000".parse().unwrap();
        for (named, expected) in rows {
            assert_eq!(
                same_server(&saved, &named.parse().unwrap()),
                expected,
                "{named}"
            );
        }
    }

    #[test]
    fn a_credential_does_not_show_its_token() {
        let credential = Credential::token("s3cret", "--token").unwrap();
        assert_eq!(credential.to_string(), "the token from --token");
    }

    #[test]
    fn a_token_is_a_jobs_where_gitlab_gave_the_job_the_same() {
        let bearer = ("authorization", "Bearer s3cret");
        for (of_job, expected) in [
            (None, bearer),
            (Some(""), bearer),
            (Some("other"), bearer),
            (Some("s3cret"), ("job-token", "s3cret")),
            (Some("s3cret\n"), ("job-token", "s3cret")),
        ] {
            let credential = Credential::given(" s3cret", "--token", of_job).unwrap();
            let found = (credential.header(), credential.value());
            assert_eq!(found, expected, "{of_job:?}");
        }
        let nothing = Credential::given("", "--token", Some("")).unwrap();
        assert_eq!(nothing.header(), "authorization");
        let netrc = Credential::basic("gitlab-ci-token", "s3cret", ".netrc".to_owned());
        assert_eq!(
            (netrc.header(), netrc.value()),
            ("authorization", "Basic Z2l0bGFiLWNpLXRva2VuOnMzY3JldA==")
        );
    }

    #[test]
    fn what_no_header_field_can_hold_is_refused_without_being_shown() {
        for token in ["s3cret\nsecond", "s3cret\tx", "s3cr\u{e9}t", "s3cret\0"] {
            let refused = Credential::token(token, "--token").err().unwrap();
            assert_eq!(
                refused.to_string(),
                "the token from --token can't be one: it has a line break, or another character that none \
                 has"
            );
        }
        let padded = Credential::token(" s3cret\n", "--token").unwrap();
        assert_eq!(padded.value(), "Bearer s3cret");
    }
}
