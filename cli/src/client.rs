//! The HTTP side of what speaks to a server: one of them, asked until it gives a final answer.
//!
//! Knows addresses, credentials' header, retries and how a server's refusal reads. Knows nothing of modules.

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ureq::http::{Request, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, SendBody};

use crate::credential::{self, Credential};
use crate::{Failure, output, wrong_usage};

/// How long a server that has answered before may be away: a restart, a rolling deployment.
const PATIENCE: Duration = Duration::from_secs(60);
/// Long enough for a server to check 500 MiB before it answers.
const SILENCE: Duration = Duration::from_secs(300);
/// Uploads from here on ask first whether they are wanted (`Expect: 100-continue`).
const LARGE: u64 = 256 << 10;
/// More than any error text; a longer answer is cut here.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Which server, and with what right: the options that the subcommands share.
#[derive(clap::Args)]
pub struct ServerArgs {
    /// The server's address, with the base path if it has one [default: the server last started here]
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,
    /// The token; it shows in the list of processes, so this is for trials.
    /// Otherwise: GOPROXY_EDGE_TOKEN, the data folder's token if it is for this server, .netrc
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// The data folder of the server started here [default: the platform's]
    #[arg(long, value_name = "DIR")]
    pub data: Option<std::path::PathBuf>,
}

/// An `http` or `https` address without credentials, query or trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
    https: bool,
    host: String,
    /// Where the path begins in `text`.
    path_at: usize,
}

impl Address {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host name without the port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host name, with the port if the address names one.
    pub fn authority(&self) -> &str {
        let from = if self.https { "https://" } else { "http://" };
        &self.text[from.len()..self.path_at]
    }

    /// Whether a request to it stays on this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// The same server without a GitLab base, since care of the store is not a project's affair.
    pub fn without_project(&self) -> Self {
        let mut address = self.clone();
        let path = &self.text[self.path_at..];
        if let Some(at) = path
            .find("/api/v4/projects/")
            .filter(|_| path.ends_with("/packages/go"))
        {
            address.text.truncate(self.path_at + at);
        }
        address
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "give it as http://host:port or https://host/path";
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) =
            (uri.scheme_str(), uri.authority())
        else {
            return Err(FORM);
        };
        if authority.as_str().contains('@') {
            return Err(
                "it holds a credential; give that in GOPROXY_EDGE_TOKEN or in .netrc instead",
            );
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("a query or a fragment has no place in it");
        }
        let origin = format!("{scheme}://{authority}");
        Ok(Self {
            text: format!("{origin}{}", uri.path().trim_end_matches('/')),
            https: scheme == "https",
            host: authority.host().to_owned(),
            path_at: origin.len(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a server said, once it said something final.
pub struct Answer {
    pub status: u16,
    pub content_length: Option<u64>,
    /// As the server writes it, quotes included.
    pub etag: Option<String>,
    /// Cut at 1 MiB.
    pub body: Vec<u8>,
    location: Option<String>,
    retry_after: Option<Duration>,
}

impl Answer {
    /// One with this body and no more.
    #[cfg(test)]
    pub fn new(status: u16, body: &str) -> Self {
        Answer {
            status,
            content_length: None,
            etag: None,
            body: body.as_bytes().to_vec(),
            location: None,
            retry_after: None,
        }
    }

    /// The server's reason for a refusal, on one line or a few, and what its status asks for.
    pub fn reason(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let body = text.trim();
        let said = if body.is_empty() || body.starts_with('<') {
            format!("the server answered {}", self.status)
        } else {
            body.to_owned()
        };
        if let Some(location) = &self.location {
            // A query may be a signature.
            let location = location.split('?').next().unwrap_or_default();
            return format!(
                "{said}; it points to {location}: if that is the server you mean, name it with --to"
            );
        }
        said
    }
}

/// The body of a request. A file is sent from its start at each attempt; `sent` hears how many bytes have gone.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    None,
    File {
        file: &'a File,
        content_type: &'static str,
        sent: &'a dyn Fn(u64),
    },
    Json(&'a str),
}

/// One server. Shared by threads.
pub struct Client {
    agent: Agent,
    address: Address,
    credential: Option<Credential>,
    reached: AtomicBool,
}

impl Client {
    /// Finds the address and the credential that go with these options.
    pub fn new(args: ServerArgs) -> Result<Self, Failure> {
        let named = args.to.map(|to| {
            // Clap would show the address, which may hold a credential.
            to.parse::<Address>()
                .unwrap_or_else(|why| wrong_usage(format_args!("the address for --to: {why}")))
        });
        let (address, credential) = credential::look_up(named, args.token, args.data.as_deref())?;
        if !address.is_https() && !address.is_loopback() && credential.is_some() {
            output::note(format_args!(
                "warning: the token goes to {address} unencrypted; prefer https"
            ));
        }
        Ok(Self {
            agent: agent(&address)?,
            address,
            credential,
            reached: AtomicBool::new(false),
        })
    }

    /// The same server, without a GitLab base in its address.
    pub fn without_project(mut self) -> Self {
        self.address = self.address.without_project();
        self
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Asks until the answer is final: connections that fail and answers that ask for patience (429, 502,
    /// 503, 504) are tried again for a minute.
    ///
    /// # Errors
    /// When the server cannot be reached, and when the body cannot be read.
    pub fn ask(
        &self,
        method: &str,
        path_and_query: &str,
        body: Body<'_>,
    ) -> Result<Answer, Failure> {
        self.insist(|| self.attempt(method, path_and_query, None, body))
    }

    /// The same for a file of the server's, with `GET` or `HEAD`: all of it, or what this `Range` names.
    pub fn ask_for(
        &self,
        method: &str,
        path: &str,
        range: Option<&str>,
    ) -> Result<Answer, Failure> {
        self.insist(|| self.attempt(method, path, range, Body::None))
    }

    fn insist(&self, once: impl Fn() -> Result<Answer, Trouble>) -> Result<Answer, Failure> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(250);
        loop {
            let attempt = once();
            let wanted = match &attempt {
                Ok(answer) if matches!(answer.status, 429 | 502..=504) => answer.retry_after,
                Err(Trouble::Network(_)) if self.reached.load(Ordering::Relaxed) => None,
                _ => return attempt.map_err(|trouble| self.unreachable(trouble)),
            };
            let wait = wanted.unwrap_or(pause).min(Duration::from_secs(30));
            if begun.elapsed() + wait > PATIENCE {
                return attempt.map_err(|trouble| self.unreachable(trouble));
            }
            std::thread::sleep(wait);
            pause = (pause * 2).min(Duration::from_secs(8));
        }
    }

    fn attempt(
        &self,
        method: &str,
        path_and_query: &str,
        range: Option<&str>,
        body: Body<'_>,
    ) -> Result<Answer, Trouble> {
        let url = format!("{}{path_and_query}", self.address);
        let credential = self.credential.as_ref();
        let answer = exchange(&self.agent, method, &url, credential, range, body)?;
        self.reached.store(true, Ordering::Relaxed);
        Ok(answer)
    }

    fn unreachable(&self, trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Reading(error) => format!("cannot read what is to be sent: {error}").into(),
            Trouble::Network(error) if self.reached.load(Ordering::Relaxed) => {
                format!("{} went away: {}", self.address, plain(&error)).into()
            }
            Trouble::Network(error) if self.address.is_loopback() => format!(
                "cannot reach {}: {}; is it running? `goproxy-edge serve` starts one, --to names another",
                self.address,
                plain(&error)
            )
            .into(),
            Trouble::Network(error) | Trouble::Other(error) => {
                format!("cannot reach {}: {}", self.address, plain(&error)).into()
            }
        }
    }

    /// Puts a file to an address that the server gave for it, once. Our credential stays here, no redirect is
    /// followed, and what is wrong is told without the address, which is a secret while it lasts.
    ///
    /// # Errors
    /// When the file cannot be read, or the address is not https.
    pub fn put_elsewhere(
        &self,
        url: &str,
        file: &File,
        sent: &dyn Fn(u64),
    ) -> Result<Result<(), String>, Failure> {
        let (agent, address) = self.elsewhere(url)?;
        let body = Body::File {
            file,
            content_type: "application/zip",
            sent,
        };
        let host = address.authority();
        match exchange(&agent, "PUT", url, None, None, body) {
            Ok(answer) if answer.status == 200 => Ok(Ok(())),
            Ok(answer) => Ok(Err(format!("{host} answered {}", answer.status))),
            Err(Trouble::Reading(error)) => Err(self.unreachable(Trouble::Reading(error))),
            Err(Trouble::Network(error) | Trouble::Other(error)) => {
                Ok(Err(format!("{host} cannot be reached: {}", plain(&error))))
            }
        }
    }

    /// What an answer redirects to, if it can be had there without our credential; else the answer itself.
    pub fn follow(&self, method: &str, answer: Answer, range: Option<&str>) -> Answer {
        let url = answer.location.as_deref();
        let followed = url.filter(|_| answer.status == 302).and_then(|url| {
            let (agent, _) = self.elsewhere(url).ok()?;
            exchange(&agent, method, url, None, range, Body::None).ok()
        });
        followed.unwrap_or(answer)
    }

    fn elsewhere(&self, url: &str) -> Result<(Agent, Address), Failure> {
        let address = url.split('?').next().unwrap_or_default().parse::<Address>();
        match address {
            Ok(address) if address.is_https() => Ok((agent(&address)?, address)),
            _ => Err(format!(
                "{} names a place for its zips that is not at an https address",
                self.address
            )
            .into()),
        }
    }

    /// The text for a 401: it is the same for every request, so there is no use in going on.
    pub fn not_let_in(&self, answer: &Answer) -> Failure {
        match &self.credential {
            None => format!(
                "{}: {} wants a token; give one in GOPROXY_EDGE_TOKEN, with --token or in .netrc",
                answer.reason(),
                self.address
            ),
            Some(credential) => format!(
                "{}: {} does not take {credential}",
                answer.reason(),
                self.address
            ),
        }
        .into()
    }
}

/// Sends one request and reads the answer.
fn exchange(
    agent: &Agent,
    method: &str,
    url: &str,
    credential: Option<&Credential>,
    range: Option<&str>,
    body: Body<'_>,
) -> Result<Answer, Trouble> {
    let mut request = Request::builder().method(method).uri(url);
    if let Some(credential) = credential {
        request = request.header(credential.header(), credential.value());
    }
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let mut response = match body {
        Body::None => agent.run(request.body(())?)?,
        Body::Json(text) => {
            request = request.header("content-type", "application/json");
            agent.run(request.body(text)?)?
        }
        Body::File {
            mut file,
            content_type,
            sent,
        } => {
            let length = file.metadata().map_err(Trouble::Reading)?.len();
            file.rewind().map_err(Trouble::Reading)?;
            request = request
                .header("content-type", content_type)
                .header("content-length", length);
            if length >= LARGE {
                request = request.header("expect", "100-continue");
            }
            let failed = RefCell::new(None);
            let mut reader = Watched {
                file,
                gone: 0,
                sent,
                failed: &failed,
            };
            let result = agent.run(request.body(SendBody::from_reader(&mut reader))?);
            if let Some(error) = failed.take() {
                return Err(Trouble::Reading(error));
            }
            result?
        }
    };
    let header = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let content_length = header("content-length").and_then(|length| length.parse().ok());
    let etag = header("etag").map(str::to_owned);
    let location = header("location")
        .filter(|_| response.status().is_redirection())
        .map(str::to_owned);
    let retry_after = header("retry-after")
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    response
        .body_mut()
        .as_reader()
        .take(LONGEST_ANSWER)
        .read_to_end(&mut body)
        .map_err(|error| Trouble::Network(error.into()))?;
    Ok(Answer {
        status: response.status().as_u16(),
        content_length,
        etag,
        body,
        location,
        retry_after,
    })
}

/// Why there is no answer.
enum Trouble {
    /// The file to be sent cannot be read.
    Reading(io::Error),
    /// May pass: another attempt makes sense.
    Network(ureq::Error),
    /// Will not pass, such as a certificate that nobody here knows.
    Other(ureq::Error),
}

/// The operating system's own words where it is the one that failed.
fn plain(error: &ureq::Error) -> &dyn fmt::Display {
    match error {
        ureq::Error::Io(error) => error,
        error => error,
    }
}

impl From<ureq::Error> for Trouble {
    fn from(error: ureq::Error) -> Self {
        use ureq::Error::{ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
        match error {
            // A certificate that cannot be checked arrives as an I/O error that holds rustls's own.
            Io(error) if error.kind() == io::ErrorKind::InvalidData => Self::Other(Io(error)),
            Io(_) | Timeout(_) | ConnectionFailed | HostNotFound | Protocol(_) => {
                Self::Network(error)
            }
            _ => Self::Other(error),
        }
    }
}

impl From<ureq::http::Error> for Trouble {
    fn from(error: ureq::http::Error) -> Self {
        Self::Other(error.into())
    }
}

/// A file on its way out: tells how much has gone, and keeps its own errors apart from the network's.
struct Watched<'a> {
    file: &'a File,
    gone: u64,
    sent: &'a dyn Fn(u64),
    failed: &'a RefCell<Option<io::Error>>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.read(buffer) {
            Ok(count) => {
                self.gone += count as u64;
                (self.sent)(self.gone);
                Ok(count)
            }
            Err(error) => {
                let kind = error.kind();
                *self.failed.borrow_mut() = Some(error);
                Err(kind.into())
            }
        }
    }
}

fn agent(address: &Address) -> Result<Agent, Failure> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("goproxy-edge/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(Duration::from_secs(60)))
        .max_idle_connections(64)
        .max_idle_connections_per_host(64);
    if address.is_loopback() {
        config = config.proxy(None);
    }
    if address.is_https() {
        // The system's certificates, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let why = found
                .errors
                .first()
                .map_or_else(String::new, |error| format!(": {error}"));
            return Err(format!(
                "no certificate authorities to trust{why}; name a file in SSL_CERT_FILE"
            )
            .into());
        }
        let certificates: Vec<_> = found
            .certs
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect();
        let roots = RootCerts::new_with_certs(&certificates);
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    Ok(config.build().into())
}
