//! The GOPROXY protocol: a resource in, an answer out (golang.org/ref/mod#goproxy-protocol). Reads a
//! store, changes nothing.

mod query;
pub mod route;

use std::ops::Range;

use crate::http::{
    Body, ETag, Failure, Headers, Kind, RangeRequest, Response, Source, Wanted, none_match,
    requested_range,
};
use crate::module::{ModulePath, ModuleVersion, Version, gomod};
use crate::store::{Content, Detail, Error, File, Index, Object, Store, failure};
use sha2::{Digest, Sha256};

use route::Asked;

/// What never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Answers reads from a store.
pub struct Proxy<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The request's header fields, for conditions and ranges.
    pub headers: &'a Headers,
    /// Whether it is a `HEAD`.
    pub head: bool,
    /// Seconds that a cache may keep what may change.
    pub list_max_age: u64,
    /// Zips of more bytes are fetched from the object store itself; none: never.
    #[cfg(feature = "s3")]
    pub redirect_over: Option<u64>,
}

impl Proxy<'_> {
    /// `{module}/@v/list`. Where a path may name no module, its list is empty.
    ///
    /// # Errors
    /// 404 for no such module, or the store's.
    pub fn list(&self, module: &ModulePath, may_be_none: bool) -> Result<Response, Failure> {
        let body = match self.stored_index(module, Detail::Names)? {
            None if !may_be_none => return Err(no_such_module(module)),
            index => index.map_or_else(String::new, |index| index.list()),
        };
        Ok(self.changing("text/plain; charset=utf-8", body.into_bytes()))
    }

    /// `{module}/@latest`
    ///
    /// # Errors
    /// 404 for no such module or no version, or the store's.
    pub fn latest(&self, module: &ModulePath) -> Result<Response, Failure> {
        self.info_of_query(module, "latest")
    }

    /// `{module}/@v/{version}.info`
    ///
    /// # Errors
    /// 404, 410, or the store's.
    pub fn info(&self, module: &ModulePath, asked: &Asked) -> Result<Response, Failure> {
        match asked {
            Asked::Exactly(version) => {
                let version = fits(module, version)?;
                let object = self.read(&version, File::Info)?;
                let cache = match object.provisional {
                    true => self.short(),
                    false => IMMUTABLE.to_owned(),
                };
                self.send(&version, "application/json", &cache, object)
            }
            // The `go` command answers these itself, from what it has.
            Asked::Query(query) if query == "upgrade" || query == "patch" => Err(not_found(
                format!("{module}@{query}: invalid version: only the go command knows what it has"),
            )),
            Asked::Query(query) => self.info_of_query(module, query),
        }
    }

    /// `{module}/@v/{version}.mod`
    ///
    /// # Errors
    /// As [`Proxy::info`].
    pub fn go_mod(&self, module: &ModulePath, asked: &Asked) -> Result<Response, Failure> {
        self.file(module, asked, File::Mod, "text/plain; charset=utf-8")
    }

    /// `{module}/@v/{version}.zip`
    ///
    /// # Errors
    /// As [`Proxy::info`].
    pub fn zip(&self, module: &ModulePath, asked: &Asked) -> Result<Response, Failure> {
        let response = self.file(module, asked, File::Zip, "application/zip")?;
        Ok(match response.status {
            302 => response,
            _ => response.with("accept-ranges", "bytes"),
        })
    }

    fn file(
        &self,
        module: &ModulePath,
        asked: &Asked,
        file: File,
        content_type: &'static str,
    ) -> Result<Response, Failure> {
        let (version, cache) = match asked {
            Asked::Exactly(version) => (fits(module, version)?, IMMUTABLE.to_owned()),
            Asked::Query(query) if query == "latest" => {
                (self.resolve(module, query)?, self.short())
            }
            Asked::Query(query) => {
                return Err(not_found(format!(
                    "{module}@{query}: unrecognized version: ask .info which version it means"
                )));
            }
        };
        #[cfg_attr(not(feature = "s3"), allow(unused_mut))]
        let mut object = self.read_asked(&version, file)?;
        #[cfg(feature = "s3")]
        if let Some(redirect) = self.redirect(&version, &mut object)? {
            return Ok(redirect);
        }
        self.send(&version, content_type, &cache, object)
    }

    /// Sends the client of a large zip to where it is fetched instead. Conditions and ranges are the object
    /// store's to judge, by its own tags, and a redirect comes before them (RFC 9110, 13.2.1). The store
    /// has been asked for the zip, or is now, in one request, as with every hit: what can't be read there
    /// is told here. A body that came with it, not read, is let go.
    #[cfg(feature = "s3")]
    fn redirect(
        &self,
        version: &ModuleVersion,
        object: &mut Object,
    ) -> Result<Option<Response>, Failure> {
        let large = self.redirect_over.is_some_and(|most| object.size > most);
        let Some(elsewhere) = object.elsewhere.take().filter(|_| large) else {
            return Ok(None);
        };
        let address = elsewhere(self.head).map_err(|error| failure(version, error))?;
        let text = "found: the object store gives it out, at the address in Location\n";
        let body = Body::Bytes(text.as_bytes().to_vec());
        let mut response = Response::new(302, "text/plain; charset=utf-8", body)
            .with("location", address)
            .with("cache-control", "no-store");
        response.afterwards = object.afterwards.take();
        Ok(Some(response))
    }

    fn info_of_query(&self, module: &ModulePath, query: &str) -> Result<Response, Failure> {
        let version = self.resolve(module, query)?;
        let object = self.read(&version, File::Info)?;
        let bytes = object
            .into_bytes()
            .map_err(|error| failure(&version, error))?;
        Ok(self.changing("application/json", bytes))
    }

    fn resolve(&self, module: &ModulePath, query: &str) -> Result<ModuleVersion, Failure> {
        let detail = match query == "latest" || route::is_version_prefix(query) {
            true => Detail::Names,
            false => Detail::Origins,
        };
        let index = self.index(module, detail)?;
        let mut has_go_mod = |version: &Version| self.has_go_mod(module, version);
        let found = query::resolve(query, &index, &mut has_go_mod)
            .map_err(|error| failure(module, error))?
            .ok_or_else(|| not_found(format!("{module}@{query}: no version matches")))?;
        fits(module, &found)
    }

    /// Whether a version has a go.mod that is more than the one made up for modules without.
    fn has_go_mod(&self, module: &ModulePath, version: &Version) -> Result<bool, Error> {
        let Ok(version) = ModuleVersion::new(module.clone(), version.clone()) else {
            return Ok(false);
        };
        let go_mod = self.store.read(&version, File::Mod)?;
        let made_up = gomod::legacy_go_mod(module);
        Ok(go_mod.size != made_up.len() as u64 || go_mod.into_bytes()? != made_up.as_bytes())
    }

    fn index(&self, module: &ModulePath, detail: Detail) -> Result<Index, Failure> {
        let index = self.stored_index(module, detail)?;
        index.ok_or_else(|| no_such_module(module))
    }

    fn stored_index(&self, module: &ModulePath, detail: Detail) -> Result<Option<Index>, Failure> {
        let index = self.store.index(module, detail);
        index.map_err(|error| failure(module, error))
    }

    fn read(&self, version: &ModuleVersion, file: File) -> Result<Object, Failure> {
        self.store
            .read(version, file)
            .map_err(|error| failure(version, error))
    }

    /// As much of a file as the request asks for.
    fn read_asked(&self, version: &ModuleVersion, file: File) -> Result<Object, Failure> {
        let wanted = Wanted::of(self.head, self.headers);
        self.store
            .read_for(version, file, &wanted)
            .map_err(|error| failure(version, error))
    }

    fn short(&self) -> String {
        format!("public, max-age={}", self.list_max_age)
    }

    /// What may be another tomorrow.
    fn changing(&self, content_type: &'static str, bytes: Vec<u8>) -> Response {
        let digest = Sha256::digest(&bytes);
        let tag = ETag::strong(crate::hex::encode(digest.get(..16).unwrap_or_default()));
        let cache = self.short();
        if self.is_known(&tag) {
            return not_modified(&tag, &cache);
        }
        let response = Response::new(200, content_type, Body::Bytes(bytes));
        tagged(response, &tag, &cache)
    }

    fn is_known(&self, tag: &ETag) -> bool {
        let condition = self.headers.get("if-none-match");
        condition.is_some_and(|value| none_match(value, tag))
    }

    fn send(
        &self,
        version: &ModuleVersion,
        content_type: &'static str,
        cache: &str,
        object: Object,
    ) -> Result<Response, Failure> {
        let tag = object.etag.clone();
        if self.is_known(&tag) {
            return Ok(not_modified(&tag, cache));
        }
        let size = object.size;
        let asked = match self.head {
            // Ranges are for GET alone (RFC 9110, 14.2).
            true => RangeRequest::Whole,
            false => requested_range(self.headers, size, &tag),
        };
        let (status, range) = match asked {
            RangeRequest::Whole => (200, 0..size),
            RangeRequest::Part(range) => (206, range),
            RangeRequest::Unsatisfiable => {
                let text = format!("there are {size} bytes");
                return Err(Failure::new(Kind::RangeNotSatisfiable(size), text));
            }
        };
        let body = match object.content {
            // The length is what counts.
            _ if self.head => Body::Stream(range.end - range.start, Box::new(Unread)),
            Content::Bytes(bytes) => Body::Bytes(cut(bytes, &range)),
            Content::Stored(open) => {
                open(range.clone()).map_err(|error| failure(version, error))?
            }
        };
        let mut response = tagged(Response::new(status, content_type, body), &tag, cache);
        if status == 206 {
            let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            response = response.with("content-range", content_range);
        }
        response.afterwards = object.afterwards;
        Ok(response)
    }
}

/// The body of an answer to `HEAD`, which nobody reads.
struct Unread;

impl Source for Unread {
    fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

fn tagged(response: Response, tag: &ETag, cache: &str) -> Response {
    response.with("etag", tag).with("cache-control", cache)
}

fn not_modified(tag: &ETag, cache: &str) -> Response {
    tagged(Response::bare(304), tag, cache)
}

fn cut(mut bytes: Vec<u8>, range: &Range<u64>) -> Vec<u8> {
    bytes.truncate(usize::try_from(range.end).unwrap_or(usize::MAX));
    let start = usize::try_from(range.start).unwrap_or(usize::MAX);
    bytes.drain(..start.min(bytes.len()));
    bytes
}

/// The version of a module, if its major version fits the path.
///
/// # Errors
/// 404: the `go` command asks its next proxy.
pub fn fits(module: &ModulePath, version: &Version) -> Result<ModuleVersion, Failure> {
    ModuleVersion::new(module.clone(), version.clone())
        .map_err(|error| not_found(format!("{module}@{version}: {error}")))
}

fn no_such_module(module: &ModulePath) -> Failure {
    not_found(format!("{module}: no such module"))
}

fn not_found(text: String) -> Failure {
    Failure::new(Kind::NotFound, text)
}
