//! Publishing past the proxy: a host may let no large body through, so the client gets an address of the
//! object store, sends the zip there, and says when it is done.

use std::io::SeekFrom;

use super::params::Params;
use super::{Publisher, invalid, named, too_large};
use crate::http::{Failure, Kind, Response};
use crate::json::Writer;
use crate::module::{ModulePath, ModuleVersion, Timestamp};
use crate::proxy::route::Asked;
use crate::store::{Error, Presigned, failure};

/// What a `POST` asks for.
enum Step<'a> {
    /// `?uploads&size=<bytes>`
    Begin(u64),
    /// `?complete=<id>`, and the rest of the query: what a publisher may say beside.
    Complete(&'a str, String),
}

impl Publisher<'_> {
    /// `POST {module}/@v/{version}.zip`
    ///
    /// # Errors
    /// 404 for an upload that is not there, 409, 410, 413, 422, or the store's.
    pub fn post_zip(
        &self,
        presigned: &dyn Presigned,
        module: &ModulePath,
        asked: &Asked,
        query: &str,
    ) -> Result<Response, Failure> {
        let version = named(module, asked)?;
        match step(query)? {
            Step::Begin(size) => self.begin(presigned, &version, size),
            Step::Complete(id, rest) => {
                let params = Params::parse(&rest)?;
                if params.strip || params.subdir.is_some() {
                    let text =
                        "`strip` and `subdir` are for source archives: a module zip is needed here";
                    return Err(invalid(text));
                }
                self.complete(presigned, &version, id, &params)
            }
        }
    }

    fn begin(
        &self,
        presigned: &dyn Presigned,
        version: &ModuleVersion,
        size: u64,
    ) -> Result<Response, Failure> {
        if size > self.max_zip_bytes {
            return Err(too_large(version, self.max_zip_bytes));
        }
        self.refuse_withdrawn(version)?;
        let begun = presigned.begin(version, size);
        let begun = begun.map_err(|error| failure(version, error))?;
        let ends = self
            .now
            .unix_seconds()
            .saturating_add_unsigned(begun.seconds);
        let mut json = Writer::new();
        json.text("id", &begun.id);
        json.text("url", &begun.url);
        let expires = Timestamp::from_unix(ends, 0).unwrap_or(self.now);
        json.text("expires_at", &expires.to_string());
        Ok(Response::json(200, json))
    }

    /// Checks and commits what has arrived. From here on it is gone, whatever the outcome.
    fn complete(
        &self,
        presigned: &dyn Presigned,
        version: &ModuleVersion,
        id: &str,
        params: &Params,
    ) -> Result<Response, Failure> {
        let in_store = |error| failure(version, error);
        let staged = presigned.arrived(version, id).map_err(|error| match error {
            Error::NotFound => {
                let text = format!(
                    "{version}: nothing has arrived under this id, or it was a day ago or is done with: \
                     begin again with `?uploads`"
                );
                Failure::new(Kind::NotFound, text)
            }
            error => in_store(error),
        })?;
        self.refuse_withdrawn(version)?;
        let size = staged.reader().map_err(in_store)?.seek(SeekFrom::End(0));
        let size = size.map_err(|error| in_store(Error::from_io(error)))?;
        if size > self.max_zip_bytes {
            return Err(too_large(version, self.max_zip_bytes));
        }
        let (staged, checked) = self.check(version, staged, None)?;
        let release = self.release(version, checked, params);
        let outcome = staged.commit(&release).map_err(in_store)?;
        self.published(outcome, release)
    }
}

fn step(query: &str) -> Result<Step<'_>, Failure> {
    let (mut begins, mut size, mut id) = (false, None, None);
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("uploads", _) => begins = true,
            ("size", value) => size = Some(value),
            ("complete", value) => id = Some(value),
            _ => rest.push(pair),
        }
    }
    match (begins, size, id) {
        (true, Some(size), None) if rest.is_empty() => match size.parse() {
            Ok(size) if size > 0 => Ok(Step::Begin(size)),
            _ => Err(invalid(
                "the parameter `size`: it is the zip's size in bytes",
            )),
        },
        (false, None, Some(id)) => Ok(Step::Complete(id, rest.join("&"))),
        _ => Err(invalid(
            "a POST begins an upload past the proxy, `?uploads&size=<bytes>`, or ends it, \
             `?complete=<id>`",
        )),
    }
}
