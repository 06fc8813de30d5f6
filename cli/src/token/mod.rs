//! `goproxy-edge token`: tokens, made here and kept by a running edge, or made for its configuration.
//!
//! A token's form is the component's affair, which refuses one of a wrong form; the server is only ever told its
//! SHA-256.

mod existing;
mod rights;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::builder::NonEmptyStringValueParser;
use goproxy_edge::access::format;
use goproxy_edge::module::Timestamp;
use sha2::{Digest, Sha256};

use crate::admin::{Admin, ListArgs, Outcome, Place, print_list};
use crate::client::{Body, ServerArgs};
use crate::url::element;
use crate::{Failure, output};
use rights::Rights;
pub use rights::now;

/// A new token with 256 bits from the operating system's random source.
///
/// # Errors
/// When the operating system has no random source to give.
pub fn generate() -> Result<String, getrandom::Error> {
    let mut secret = [0u8; 32];
    getrandom::fill(&mut secret)?;
    Ok(format::from_secret(&secret))
}

/// What the server knows a token by.
pub fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The `sha256` member of a token's entry: its SHA-256 in lower-case hex.
pub fn sha256_hex(token: &str) -> String {
    hex(&sha256(token))
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Add, list and revoke the tokens of a running server, or make one for its configuration
///
/// `add`, `list` and `revoke` are for a running server, which keeps tokens in its store where its setting `admin` is
/// on, as `goproxy-edge serve` has it. They need a token with scope `api` and the administrator flag: the first one is
/// made by `new`, or by `goproxy-edge serve` at its first start.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Add(Add),
    /// List the tokens, those of the configuration first; neither they nor their hashes are shown
    List(ListArgs),
    Revoke(Revoke),
    New(New),
}

/// Add a token, and print it
///
/// It is printed this once, alone on standard output, and kept nowhere: the server is sent its hash. Of a token of this
/// name that is there already the secret stays, and nothing is printed: what it may do is from now on what is said here.
/// With --replace it gets another secret, and the old one stops working. With --existing it is one that somebody has,
/// such as a personal access token of GitLab, so that their .netrc stays as it is.
#[derive(clap::Args)]
struct Add {
    /// A name to know it by, in lists and logs
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    rights: Rights,
    /// Read the token on standard input, one line, and print nothing; only its hash is sent
    #[arg(long)]
    existing: bool,
    /// Make another secret for a token that is there already; the one that it has stops working
    #[arg(long, conflicts_with = "existing")]
    replace: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Revoke a token: it stops working
#[derive(clap::Args)]
struct Revoke {
    /// The name that it was added with
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Make a token, and print it with its entry for the `tokens` setting; no server is asked
///
/// The first line is the token, for whoever is to have it: it is shown this once and kept nowhere. The second is for
/// the server, and has the token's hash only: it goes into the list `[ … ]` that its setting `tokens` is, after a comma
/// if there are others.
#[derive(clap::Args)]
struct New {
    /// A name to know it by, in lists and logs
    #[arg(default_value = "publisher", value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    rights: Rights,
}

pub fn run(args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Verb::Add(add) => run_add(add)?,
        Verb::List(list) => run_list(list)?,
        Verb::Revoke(revoke) => run_revoke(revoke)?,
        Verb::New(New { name, rights }) => {
            rights.check();
            let token = generate()?;
            let entry = rights.entry(&name, Some(&sha256_hex(&token)))?;
            output::deliver(format_args!("{token}\n{entry}")).map_err(|error| {
                format!(
                    "cannot write to standard output: {error}; the token is lost, so make another"
                )
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

const TOKENS: &str = "/-/admin/tokens";

/// What was done to a token, in words.
fn did(outcome: Outcome, changed: &'static str) -> &'static str {
    match outcome {
        Outcome::Created => "added",
        Outcome::Unchanged => "is there already, just so",
        _ => changed,
    }
}

fn run_add(args: Add) -> Result<(), Failure> {
    args.rights.check();
    let said = |admin: &Admin, did: &str| {
        let address = admin.address();
        output::note(format_args!("token {} {did}: {address}", args.name));
    };
    if args.existing {
        let token = existing::read()?;
        let entry = args.rights.entry(&args.name, Some(&sha256_hex(&token)))?;
        let admin = Admin::new(args.server)?;
        let did = did(admin.change("PUT", TOKENS, Body::Json(&entry))?, "changed");
        said(&admin, did);
        return Ok(());
    }
    let token = generate()?;
    let entry = args.rights.entry(&args.name, Some(&sha256_hex(&token)))?;
    let admin = Admin::new(args.server)?;
    if !args.replace {
        let without_secret = args.rights.entry(&args.name, None)?;
        let stayed = admin.change_if_there("PUT", TOKENS, Body::Json(&without_secret))?;
        if let Some(outcome) = stayed {
            let did = did(outcome, "changed");
            said(
                &admin,
                &format!(
                    "{did}; its secret stays, and is not shown again (--replace makes another)"
                ),
            );
            return Ok(());
        }
    }
    let outcome = admin.change("PUT", TOKENS, Body::Json(&entry))?;
    let did = did(outcome, "replaced, and the one before it stopped working");
    said(&admin, did);
    output::deliver(&token).map_err(|error| {
        format!(
            "the token was added, but cannot be printed: {error}; make another in its place with --replace"
        )
    })?;
    Ok(())
}

fn run_revoke(args: Revoke) -> Result<(), Failure> {
    let admin = Admin::new(args.server)?;
    let path = format!("{TOKENS}/{}", element(&args.name));
    let did = match admin.change("DELETE", &path, Body::None)? {
        Outcome::Absent => "is not there",
        _ => "revoked",
    };
    let address = admin.address();
    output::print(format_args!("token {} {did}: {address}", args.name))
}

/// A token as a list shows it.
#[derive(serde::Deserialize)]
struct Listed {
    name: String,
    scopes: Vec<String>,
    projects: Vec<String>,
    #[serde(default)]
    expires_at: Option<String>,
    #[serde(default)]
    admin: bool,
    #[serde(flatten)]
    place: Place,
}

fn run_list(args: ListArgs) -> Result<(), Failure> {
    let tokens = Admin::new(args.server)?.list(TOKENS)?;
    let now = now()?;
    let row = |token: &Listed| {
        vec![
            token.name.clone(),
            token.scopes.join(", "),
            token.projects.join(", "),
            expiry(token.expires_at.as_deref(), now),
            if token.admin { "yes" } else { "no" }.to_owned(),
            token.place.words(),
        ]
    };
    let columns = ["NAME", "SCOPES", "PROJECTS", "EXPIRES", "ADMIN", "SOURCE"];
    print_list(&tokens, args.json, &columns, row, |token| &token.place)
}

fn expiry(end: Option<&str>, now: Timestamp) -> String {
    match end {
        None => "never".to_owned(),
        Some(end) if Timestamp::parse_rfc3339(end).is_some_and(|end| end <= now) => {
            format!("{end} (expired)")
        }
        Some(end) => end.to_owned(),
    }
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
    fn an_expiry_that_is_past_says_so() {
        let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
        for (end, shown) in [
            (None, "never"),
            (Some("2026-01-01T00:00:01Z"), "2026-01-01T00:00:01Z"),
            (
                Some("2026-01-01T00:00:00Z"),
                "2026-01-01T00:00:00Z (expired)",
            ),
        ] {
            assert_eq!(expiry(end, now), shown);
        }
    }
}
