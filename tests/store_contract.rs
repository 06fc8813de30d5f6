//! The contract that every store passes, through the component: the same suite as natively, over a
//! store that is reached by HTTP.

use std::io::{self, Cursor, Write};
use std::ops::Range;
use std::rc::Rc;

use goproxy_edge::http::{Body, ETag};
use goproxy_edge::module::{ModulePath, ModuleVersion};
use goproxy_edge::store::contract::check_all;
use goproxy_edge::store::{
    Content, Detail, Entry, Error, File, Index, Info, Object, Outcome, ReadSeek, Release, Repaired,
    Staged, Staging, Store,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::support::http::{Answer, Request};
use crate::support::server::{Setup, TOKEN};

/// The store behind a running server.
#[derive(Clone)]
pub struct Remote(Rc<str>);

impl Remote {
    /// The server at this `host:port`, which knows the token of the tests.
    pub fn at(address: &str) -> Self {
        Self(address.into())
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        Request::new(method, path)
            .token(TOKEN)
            .body(body)
            .send(&self.0)
    }

    fn path(version: &ModuleVersion, extension: &str) -> String {
        let (path, name) = (version.path().escaped(), version.version().escaped());
        format!("/{path}/@v/{name}{extension}").replace('+', "%2B")
    }
}

/// What a status says, in the words of the contract.
fn outcome(answer: &Answer) -> Result<Outcome, Error> {
    match answer.status {
        200 | 204 => Ok(Outcome::Unchanged),
        201 => Ok(Outcome::Created),
        404 => Err(Error::NotFound),
        409 => Err(Error::Conflict(answer.text())),
        410 => Err(Error::Withdrawn),
        _ => panic!("{}", answer.show()),
    }
}

impl Store for Remote {
    fn read(&self, version: &ModuleVersion, file: File) -> Result<Object, Error> {
        let path = Remote::path(version, &format!(".{}", file.extension()));
        let answer = self.ask("GET", &path, b"");
        outcome(&answer)?;
        let tag = answer.header("etag").expect("a tag").replace('"', "");
        let size = answer.body.len() as u64;
        assert_eq!(
            answer.header("content-length"),
            Some(size.to_string().as_str())
        );
        let whole = answer.body.clone();
        let remote = self.clone();
        let open = move |range: Range<u64>| {
            if range == (0..size) {
                return Ok(Body::Bytes(whole));
            }
            if range.is_empty() {
                return Ok(Body::empty());
            }
            let bytes = format!("bytes={}-{}", range.start, range.end - 1);
            let request = Request::new("GET", &path).header("Range", bytes);
            let part = request.send(&remote.0);
            assert_eq!(part.status, 206, "{}", part.show());
            Ok(Body::Bytes(part.body))
        };
        let mut object = Object::from_bytes(Vec::new(), ETag::strong(tag));
        (object.size, object.content) = (size, Content::Stored(Box::new(open)));
        Ok(object)
    }

    fn index(&self, module: &ModulePath, _: Detail) -> Result<Option<Index>, Error> {
        let answer = self.ask("GET", &format!("/{}/@v/list", module.escaped()), b"");
        if answer.status == 404 {
            return Ok(None);
        }
        outcome(&answer)?;
        let mut entries = Vec::new();
        for line in answer.text().lines() {
            let version = goproxy_edge::module::Version::parse(line).expect("a version");
            let version = ModuleVersion::new(module.clone(), version).expect("one that fits");
            let info = self.read(&version, File::Info)?.into_bytes()?;
            entries.push(Entry::published(&Info::parse(&info).expect("an info")));
        }
        Ok(Some(Index::new(entries)))
    }

    fn stage(&self, _: &ModuleVersion) -> Result<Box<dyn Staging>, Error> {
        Ok(Box::new(Upload {
            remote: self.clone(),
            bytes: Vec::new(),
        }))
    }

    fn put_mod(&self, version: &ModuleVersion, go_mod: &[u8]) -> Result<Outcome, Error> {
        outcome(&self.ask("PUT", &Remote::path(version, ".mod"), go_mod))
    }

    fn withdraw(&self, version: &ModuleVersion) -> Result<Outcome, Error> {
        let gone = self.ask("GET", &Remote::path(version, ".info"), b"").status == 410;
        let withdrawn = outcome(&self.ask("DELETE", &Remote::path(version, ""), b""))?;
        // Both are 204: what was there before tells them apart.
        Ok(if gone { withdrawn } else { Outcome::Created })
    }

    fn repair(&self, _: Option<&str>, _: &dyn Fn() -> bool) -> Result<Repaired, Error> {
        let answer = self.ask("POST", "/-/admin/repair", b"");
        outcome(&answer)?;
        let json: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let count = |name: &str| json[name].to_string().parse().expect("a number");
        assert_eq!(json["done"], true, "{json}");
        Ok(Repaired {
            cursor: None,
            modules: count("modules"),
            versions: count("versions"),
            indexed: count("indexed"),
            removed: count("removed"),
            problems: vec![String::new(); json["problems"].as_array().map_or(1, Vec::len)],
        })
    }

    fn document(&self, _: &str) -> Result<Option<Vec<u8>>, Error> {
        Err(Error::Refused("no request reads a document".to_owned()))
    }

    fn set_document(&self, _: &str, _: &[u8]) -> Result<(), Error> {
        Err(Error::Refused("no request writes a document".to_owned()))
    }

    fn remove_document(&self, _: &str) -> Result<(), Error> {
        Err(Error::Refused("no request removes a document".to_owned()))
    }

    fn document_names(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, Error> {
        Err(Error::Refused("no request lists documents".to_owned()))
    }

    fn ready(&self) -> Result<(), Error> {
        outcome(&self.ask("GET", "/readyz", b"")).map(|_| ())
    }
}

struct Upload {
    remote: Remote,
    bytes: Vec<u8>,
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Staging for Upload {
    fn finish(self: Box<Self>) -> Result<Box<dyn Staged>, Error> {
        Ok(self)
    }
}

impl Staged for Upload {
    fn reader(&self) -> Result<Box<dyn ReadSeek + '_>, Error> {
        Ok(Box::new(Cursor::new(&self.bytes)))
    }

    fn commit(self: Box<Self>, release: &Release) -> Result<Outcome, Error> {
        let path = Remote::path(&release.version, ".zip");
        let time = release.info.time.to_string();
        let mut query = format!("time={}", utf8_percent_encode(&time, NON_ALPHANUMERIC));
        if let Some(origin) = &release.info.origin {
            let json = origin.to_json();
            query += &format!("&origin={}", utf8_percent_encode(&json, NON_ALPHANUMERIC));
        }
        outcome(
            &self
                .remote
                .ask("PUT", &format!("{path}?{query}"), &self.bytes),
        )
    }
}

#[test]
fn the_key_value_store_keeps_the_contract_through_the_component() {
    let server = Setup::new().set("kv_chunk_bytes", 1024).start();
    check_all(&Remote::at(server.address()));
}

#[test]
fn the_store_in_a_folder_keeps_the_contract_through_the_component() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("dir:{}", folder.path().display());
    let server = Setup::new().set("store", store).start();
    check_all(&Remote::at(server.address()));
}
