//! Publishing: an upload in, a verified, canonical, committed version out.
//!
//! The body goes into the store first, unseen, is checked from there, and is committed then: it is
//! never whole in memory, and whatever fails leaves nothing visible. Bytes that were published never
//! change: the same content again is fine, other content is a conflict.

mod params;
#[cfg(feature = "s3")]
mod presigned;

use std::fmt::Write as _;
use std::io::{self, Read};

use crate::http::{Failure, Kind, Request, Response};
use crate::json::Writer;
use crate::module::zip::{self, Checked, SourceOptions, ZipError};
use crate::module::{ModulePath, ModuleVersion, Timestamp, Version, gomod, hash};
use crate::proxy::route::Asked;
use crate::store::{Error, File, Info, Outcome, Release, Staged, Staging, Store, failure};

use params::Params;
pub use params::without_secrets;

/// As many problems of one upload as an answer lists.
const LISTED_PROBLEMS: usize = 200;
/// Bytes copied at once from a request into the store.
const PIECE: usize = 64 * 1024;
/// Where the name stands in a local file header of a zip (APPNOTE.TXT, 4.3.7).
const NAME_LENGTH_AT: usize = 26;
const NAME_AT: usize = 30;

/// Publishes into a store.
pub struct Publisher<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The largest body, in bytes.
    pub max_zip_bytes: u64,
    /// The time, for versions that say nothing of theirs.
    pub now: Timestamp,
}

/// The answer to a publication.
struct Published {
    version: String,
    time: Option<String>,
    go_sum: Vec<String>,
}

impl Publisher<'_> {
    /// `PUT {module}/@v/{version}.zip`
    ///
    /// # Errors
    /// 409, 410, 413, 422, or the store's.
    pub fn put_zip(
        &self,
        module: &ModulePath,
        asked: &Asked,
        request: &mut Request,
    ) -> Result<Response, Failure> {
        let version = named(module, asked)?;
        self.publish(&version, request, &[])
    }

    /// `PUT upload`: path and version are those that the zip's names start with. `allow` is asked as
    /// soon as the path is known.
    ///
    /// # Errors
    /// As [`Publisher::put_zip`], and those of `allow`.
    pub fn upload(
        &self,
        request: &mut Request,
        allow: &dyn Fn(&ModulePath) -> Result<(), Failure>,
    ) -> Result<Response, Failure> {
        let mut begin = vec![0; NAME_AT];
        let read = fill(&mut request.body, &mut begin)?;
        begin.truncate(read);
        let length = match begin.get(NAME_LENGTH_AT..NAME_LENGTH_AT + 2) {
            Some(&[low, high]) if begin.starts_with(b"PK\x03\x04") => {
                usize::from(u16::from_le_bytes([low, high]))
            }
            _ => {
                return Err(invalid(
                    "the body is not a zip: it does not begin with a file",
                ));
            }
        };
        let mut name = vec![0; length];
        let read = fill(&mut request.body, &mut name)?;
        name.truncate(read);
        let version = prefix_of(&name).ok_or_else(|| {
            let name = String::from_utf8_lossy(&name);
            invalid(format!(
                "the first file {name:?} of the zip does not begin with module@version/"
            ))
        })?;
        allow(version.path())?;
        begin.append(&mut name);
        self.publish(&version, request, &begin)
    }

    /// `PUT {module}/@v/{version}.mod`
    ///
    /// # Errors
    /// As [`Publisher::put_zip`].
    pub fn put_mod(
        &self,
        module: &ModulePath,
        asked: &Asked,
        request: &mut Request,
    ) -> Result<Response, Failure> {
        let version = named(module, asked)?;
        let limit = zip::Limits::default().max_go_mod;
        let mut go_mod = Vec::new();
        self.refuse_large(&version, request, limit)?;
        let mut body = (&mut request.body).take(limit + 1);
        body.read_to_end(&mut go_mod).map_err(broken_off)?;
        if go_mod.len() as u64 > limit {
            return Err(too_large(&version, limit));
        }
        if gomod::module_path(&go_mod).is_none() {
            let text = format!("{version}: the body is no go.mod: it has no module line");
            return Err(invalid(text));
        }
        let outcome = self.store.put_mod(&version, &go_mod);
        let outcome = outcome.map_err(|error| failure(&version, error))?;
        let answer = Published {
            version: version.version().to_string(),
            time: None,
            go_sum: vec![hash::go_mod_sum_line(&version, &go_mod)],
        };
        Ok(done(outcome, &answer))
    }

    /// `DELETE {module}/@v/{version}`
    ///
    /// # Errors
    /// 404 when it is not published, or the store's.
    pub fn withdraw(&self, module: &ModulePath, asked: &Asked) -> Result<Response, Failure> {
        let version = named(module, asked)?;
        let outcome = self.store.withdraw(&version);
        let outcome = outcome.map_err(|error| failure(&version, error))?;
        Ok(self.looking_again(outcome, &version, Response::bare(204)))
    }

    /// Takes a zip in; `begin` was read from its body already.
    fn publish(
        &self,
        version: &ModuleVersion,
        request: &mut Request,
        begin: &[u8],
    ) -> Result<Response, Failure> {
        let params = Params::parse(request.query())?;
        self.refuse_large(version, request, self.max_zip_bytes)?;
        let in_store = |error| failure(version, error);
        self.refuse_withdrawn(version)?;
        let mut staging = self.store.stage(version).map_err(in_store)?;
        let mut body = begin.chain(&mut request.body);
        self.receive(version, &mut body, &mut *staging)?;
        let staged = staging.finish().map_err(in_store)?;
        let options = SourceOptions {
            strip: params.strip,
            subdir: params.subdir.as_deref(),
        };
        let (staged, checked) = self.check(version, staged, Some(&options))?;
        let release = self.release(version, checked, &params);
        let outcome = staged.commit(&release).map_err(in_store)?;
        self.published(outcome, release)
    }

    fn refuse_withdrawn(&self, version: &ModuleVersion) -> Result<(), Failure> {
        match self.store.read(version, File::Info) {
            Err(Error::Withdrawn) => Err(failure(version, Error::Withdrawn)),
            _ => Ok(()),
        }
    }

    fn refuse_large(
        &self,
        version: &ModuleVersion,
        request: &Request,
        limit: u64,
    ) -> Result<(), Failure> {
        match request.content_length() {
            Some(length) if length > limit => Err(too_large(version, limit)),
            _ => Ok(()),
        }
    }

    /// Copies the body into the store.
    fn receive(
        &self,
        version: &ModuleVersion,
        body: &mut dyn Read,
        staging: &mut dyn Staging,
    ) -> Result<(), Failure> {
        let mut piece = vec![0; PIECE];
        let mut received = 0;
        loop {
            let read = match body.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken_off(error)),
            };
            received += read as u64;
            if received > self.max_zip_bytes {
                return Err(too_large(version, self.max_zip_bytes));
            }
            staging
                .write_all(piece.get(..read).unwrap_or_default())
                .map_err(|error| failure(version, Error::from_io(error)))?;
        }
    }

    /// Checks what has arrived. A source archive, where one is taken, becomes a module zip, itself in
    /// the store.
    fn check(
        &self,
        version: &ModuleVersion,
        staged: Box<dyn Staged>,
        source: Option<&SourceOptions>,
    ) -> Result<(Box<dyn Staged>, Checked), Failure> {
        let in_store = |error| failure(version, error);
        let refused = |error| refusal(version, error);
        let limits = zip::Limits {
            max_zip_bytes: self.max_zip_bytes,
            ..zip::Limits::default()
        };
        let mut reader = staged.reader().map_err(in_store)?;
        match zip::kind(&mut reader).map_err(refused)? {
            zip::Kind::Module { .. } => {
                let checked = zip::check(&mut reader, version, &limits).map_err(refused)?;
                drop(reader);
                Ok((staged, checked))
            }
            zip::Kind::Source => {
                let options = source.ok_or_else(|| {
                    invalid(format!(
                        "{version}: it is no module zip, and past the proxy none is made of a source \
                         archive"
                    ))
                })?;
                let mut canonical = self.store.stage(version).map_err(in_store)?;
                let checked = zip::create(&mut reader, &mut canonical, version, options, &limits)
                    .map_err(refused)?;
                Ok((canonical.finish().map_err(in_store)?, checked))
            }
        }
    }

    fn release(&self, version: &ModuleVersion, checked: Checked, params: &Params) -> Release {
        let own_time = version.version().pseudo_time().or(checked.newest);
        let info = Info {
            version: version.version().clone(),
            time: params.time.or(own_time).unwrap_or(self.now),
            origin: params.origin(version, checked.commit),
        };
        let synthesised = || gomod::legacy_go_mod(version.path()).into_bytes();
        Release {
            version: version.clone(),
            info,
            go_mod: checked.go_mod.unwrap_or_else(synthesised),
            zip_hash: checked.h1,
        }
    }

    fn published(&self, outcome: Outcome, release: Release) -> Result<Response, Failure> {
        let version = &release.version;
        // Of two publishers with the same content the first one's time stands.
        let standing = self
            .store
            .read(version, File::Info)
            .and_then(|info| info.into_bytes())
            .map_err(|error| failure(version, error))?;
        let info = Info::parse(&standing).unwrap_or(release.info);
        let answer = Published {
            version: version.version().to_string(),
            time: Some(info.time.to_string()),
            go_sum: vec![
                hash::go_sum_line(version, &release.zip_hash),
                hash::go_mod_sum_line(version, &release.go_mod),
            ],
        };
        Ok(self.looking_again(outcome, version, done(outcome, &answer)))
    }

    /// The answer to a writer, who looks at the list once more afterwards: not where nothing was written, since that
    /// holds a place at the host for a while.
    fn looking_again(
        &self,
        outcome: Outcome,
        version: &ModuleVersion,
        mut response: Response,
    ) -> Response {
        if outcome == Outcome::Created {
            response.afterwards = self.store.look_again(version);
        }
        response
    }
}

fn done(outcome: Outcome, answer: &Published) -> Response {
    let status = match outcome {
        Outcome::Created => 201,
        Outcome::Unchanged => 200,
    };
    let mut json = Writer::new();
    json.text("Version", &answer.version);
    if let Some(time) = &answer.time {
        json.text("Time", time);
    }
    json.texts("GoSum", &answer.go_sum);
    Response::json(status, json)
}

/// The version that a publisher names: exactly, and fitting its path.
fn named(module: &ModulePath, asked: &Asked) -> Result<ModuleVersion, Failure> {
    let version = match asked {
        Asked::Exactly(version) => version,
        Asked::Query(text) => {
            return Err(invalid(format!(
                "{module}@{text}: a canonical version such as v1.2.3 is needed"
            )));
        }
    };
    ModuleVersion::new(module.clone(), version.clone())
        .map_err(|error| invalid(format!("{module}@{version}: {error}")))
}

/// Reads until the buffer is full or the body ends.
fn fill(body: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, Failure> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match body.read(rest).map_err(broken_off)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// `example.com/m@v1.2.3/…` as the module version at its start.
fn prefix_of(name: &[u8]) -> Option<ModuleVersion> {
    let (path, rest) = std::str::from_utf8(name).ok()?.split_once('@')?;
    let (version, _) = rest.split_once('/')?;
    let path = ModulePath::parse(path).ok()?;
    ModuleVersion::new(path, Version::parse(version).ok()?).ok()
}

fn invalid(text: impl Into<String>) -> Failure {
    Failure::new(Kind::Invalid, text)
}

fn too_large(version: &ModuleVersion, limit: u64) -> Failure {
    let text = format!("{version}: the body is larger than {limit} bytes (`max_zip_bytes`)");
    Failure::new(Kind::TooLarge, text)
}

/// The client has gone, most likely; if it has not, this is what it did wrong.
fn broken_off(error: io::Error) -> Failure {
    invalid(format!("the body broke off: {error}"))
}

/// What is wrong with an archive, all of it.
fn refusal(version: &ModuleVersion, error: ZipError) -> Failure {
    let problems = match error {
        ZipError::Io(error) => return failure(version, Error::from_io(error)),
        ZipError::TooLarge(what) => return invalid(format!("{version}: {what}")),
        ZipError::Invalid(problems) => problems,
    };
    let mut text = version.to_string();
    text.push(':');
    if let [one] = problems.as_slice() {
        let _ = write!(text, " {one}");
        return invalid(text);
    }
    let _ = write!(text, " {} problems:", problems.len());
    for problem in problems.iter().take(LISTED_PROBLEMS) {
        let _ = write!(text, "\n{problem}");
    }
    if problems.len() > LISTED_PROBLEMS {
        let _ = write!(text, "\nand {} more", problems.len() - LISTED_PROBLEMS);
    }
    invalid(text)
}
