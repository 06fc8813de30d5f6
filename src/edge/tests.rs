//! Whole requests over a store in memory: each row of the URL space, its status, headers and body.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::Cursor;

use super::*;
use crate::http::Headers;
#[cfg(any(feature = "s3", feature = "oidc"))]
use crate::http::client::{Incoming, Outgoing, Unanswered};
use crate::store::contract::{module_zip, version};
use crate::store::dir::StdDisk;
use crate::store::testing::{Faults, TestEntropy};

mod access;
#[cfg(feature = "admin")]
mod admin;
#[cfg(feature = "oidc")]
mod judges;
#[cfg(feature = "admin")]
mod kept;
#[cfg(feature = "s3")]
mod presigned;

/// SHA-256 of "secret".
const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

#[derive(Default)]
struct Map {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    /// What every call answers instead.
    failure: RefCell<Option<Error>>,
    /// Where one fails.
    faults: RefCell<Option<Faults>>,
    /// How many there were.
    calls: Cell<usize>,
    /// How many values were asked for, which a host without a call for many asks for one by one.
    values_asked: Cell<usize>,
    /// How many of those there were.
    values_found: Cell<usize>,
}

impl Map {
    fn call<T>(&self, action: impl FnOnce() -> T) -> Result<T, Error> {
        self.calls.set(self.calls.get() + 1);
        self.failure.borrow().clone().map_or(Ok(()), Err)?;
        match &*self.faults.borrow() {
            None => Ok(action()),
            Some(faults) => {
                let failure = || Error::Unavailable("a fault".to_owned());
                faults.step(failure, || Ok(action()))
            }
        }
    }
}

impl KeyValue for Map {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.call(|| self.values.borrow().get(key).cloned())
    }
    #[cfg(feature = "admin")]
    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let asked = self.values_asked.get() + keys.len();
        self.values_asked.set(asked);
        let values = self.values.borrow();
        let found: Vec<_> = keys.iter().map(|key| values.get(*key).cloned()).collect();
        let there = self.values_found.get() + found.iter().flatten().count();
        self.values_found.set(there);
        self.call(|| found)
    }
    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.call(|| {
            let mut values = self.values.borrow_mut();
            values.insert(key.to_owned(), value.to_vec());
        })
    }
    fn delete(&self, keys: &[String]) -> Result<(), Error> {
        self.call(|| {
            let mut values = self.values.borrow_mut();
            values.retain(|key, _| !keys.contains(key));
        })
    }
    fn keys(&self) -> Result<Vec<String>, Error> {
        self.call(|| self.values.borrow().keys().cloned().collect())
    }
}

type Values = Vec<(String, String)>;

struct TestHost {
    settings: Values,
    /// The host does not tell them.
    untold: bool,
    /// What they were when they were last read, which takes longer than most answers.
    read: RefCell<Option<(Values, Rc<Settings>)>>,
    #[cfg(any(feature = "s3", feature = "oidc"))]
    client: Rc<dyn Client>,
    map: Rc<Map>,
    now: Cell<i64>,
    /// How often chance was asked for.
    chances: Cell<u64>,
    /// When that was nought.
    #[cfg(feature = "admin")]
    zero: Instant,
    /// The lines that administrators left in the log.
    #[cfg(feature = "admin")]
    audit: RefCell<Vec<String>>,
}

impl TestHost {
    fn new() -> Self {
        let tokens = format!(
            r#"[{{"name":"ci","sha256":"{SECRET}","scopes":["api"],"projects":["1"],"admin":true}}]"#
        );
        TestHost {
            settings: vec![("tokens".to_owned(), tokens)],
            untold: false,
            read: RefCell::default(),
            #[cfg(any(feature = "s3", feature = "oidc"))]
            client: Rc::new(Offline),
            map: Rc::default(),
            now: Cell::new(1_700_000_000),
            chances: Cell::new(0),
            #[cfg(feature = "admin")]
            zero: Instant::now(),
            #[cfg(feature = "admin")]
            audit: RefCell::default(),
        }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    fn ask(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Told {
        ask(self, method, target, headers, body)
    }

    fn get(&self, target: &str) -> Told {
        self.ask(Method::Get, target, &[], b"")
    }

    fn put(&self, target: &str, body: &[u8]) -> Told {
        self.ask(Method::Put, target, &[("private-token", "secret")], body)
    }
}

fn ask(
    host: &dyn Host,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Told {
    let response = answer(host, method, target, headers, body);
    let body = match response.body {
        Body::Bytes(bytes) => bytes,
        Body::Stream(_, mut source) => {
            let mut bytes = Vec::new();
            while let Some(piece) = source.next().unwrap() {
                bytes.extend(piece);
            }
            bytes
        }
    };
    Told {
        status: response.status,
        headers: response.headers,
        length: response.length,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

fn answer(
    host: &dyn Host,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let field = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    let mut request = Request {
        method,
        target: target.to_owned(),
        headers: Headers::new(headers.iter().map(field).collect()),
        body: Box::new(Cursor::new(body.to_vec())),
    };
    handle(host, &mut request).response
}

impl Host for TestHost {
    #[cfg(feature = "admin")]
    fn begun(&self) -> Instant {
        let seconds = u64::try_from(self.now.get()).unwrap();
        self.zero + Duration::from_secs(seconds)
    }
    #[cfg(feature = "admin")]
    fn audit(&self, line: &str) {
        self.audit.borrow_mut().push(line.to_owned());
    }
    fn settings(&self) -> Result<Rc<Settings>, NoSettings> {
        if self.untold {
            return Err(NoSettings::Untold);
        }
        let mut read = self.read.borrow_mut();
        match &*read {
            Some((values, settings)) if *values == self.settings => Ok(Rc::clone(settings)),
            _ => {
                let settings = Rc::new(Settings::read(self.settings.iter().cloned())?);
                *read = Some((self.settings.clone(), Rc::clone(&settings)));
                Ok(settings)
            }
        }
    }
    fn key_value(&self, _: &str) -> Result<Rc<dyn KeyValue>, Error> {
        Ok(self.map.clone())
    }
    fn disk(&self) -> Rc<dyn Disk> {
        Rc::new(StdDisk)
    }
    #[cfg(any(feature = "s3", feature = "oidc"))]
    fn client(&self) -> Rc<dyn Client> {
        Rc::clone(&self.client)
    }
    fn entropy(&self) -> Rc<dyn Entropy> {
        self.chances.set(self.chances.get() + 1);
        Rc::new(TestEntropy::new(self.now.get(), self.chances.get()))
    }
}

/// No other server can be reached.
#[cfg(any(feature = "s3", feature = "oidc"))]
struct Offline;

#[cfg(any(feature = "s3", feature = "oidc"))]
impl Client for Offline {
    fn send(&self, _: Outgoing<'_>) -> Result<Incoming, Unanswered> {
        Err(Unanswered::Denied)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    status: u16,
    headers: Vec<(&'static str, String)>,
    length: Option<u64>,
    body: String,
}

impl Told {
    fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(own, _)| *own == name)
            .map(|(_, value)| value.as_str())
    }
}

fn published() -> TestHost {
    let host = TestHost::new();
    let zip = module_zip(&version("example.com/m", "v1.0.0"), b"text");
    let told = host.put(
        "/example.com/m/@v/v1.0.0.zip?time=2020-01-02T03:04:05Z&ref=main",
        &zip,
    );
    assert_eq!(told.status, 201, "{told:?}");
    host
}

#[test]
fn reads_are_answered_with_type_age_and_length() {
    let host = published();
    let immutable = "public, max-age=31536000, immutable";
    let short = "public, max-age=60";
    let info = r#"{"Version":"v1.0.0","Time":"2020-01-02T03:04:05Z","Origin":{"VCS":"git","Ref":"refs/heads/main"}}"#;
    let (text, json) = ("text/plain; charset=utf-8", "application/json");
    for base in [
        "",
        "/api/v4/projects/1/packages/go",
        "/api/v4/projects/default%2Fmodules/packages/go",
    ] {
        for (file, content_type, cache, body) in [
            ("@v/list", text, short, "v1.0.0\n"),
            ("@latest", json, short, info),
            ("@v/latest.info", json, short, info),
            ("@v/v1.info", json, short, info),
            ("@v/main.info", json, short, info),
            ("@v/v1.0.0.info", json, immutable, info),
            ("@v/1.0.0.info", json, immutable, info),
            (
                "@v/v1.0.0.mod",
                text,
                immutable,
                "module example.com/m\n\ngo 1.25\n",
            ),
            (
                "@v/latest.mod",
                text,
                short,
                "module example.com/m\n\ngo 1.25\n",
            ),
        ] {
            let target = format!("{base}/example.com/m/{file}");
            let told = host.get(&target);
            let tag = told.header("etag").unwrap().to_owned();
            let expected = Told {
                status: 200,
                headers: vec![
                    ("content-type", content_type.to_owned()),
                    ("etag", tag.clone()),
                    ("cache-control", cache.to_owned()),
                ],
                length: Some(body.len() as u64),
                body: body.to_owned(),
            };
            assert_eq!(told, expected, "{target}");
            let head = host.ask(Method::Head, &target, &[], b"");
            assert_eq!(
                head,
                Told {
                    body: String::new(),
                    ..expected.clone()
                },
                "{target}"
            );
            let again = host.ask(Method::Get, &target, &[("if-none-match", &tag)], b"");
            let not_modified = Told {
                status: 304,
                headers: expected.headers[1..].to_vec(),
                length: None,
                body: String::new(),
            };
            assert_eq!(again, not_modified, "{target}");
        }
    }
}

#[test]
fn a_zip_is_served_whole_and_in_parts() {
    let host = published();
    let target = "/example.com/m/@v/v1.0.0.zip";
    let whole = host.get(target);
    assert_eq!(whole.status, 200);
    assert_eq!(whole.header("content-type"), Some("application/zip"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let size = whole.length.unwrap();
    let part = host.ask(Method::Get, target, &[("range", "bytes=0-3")], b"");
    assert_eq!(
        (part.status, part.body.as_str(), part.length),
        (206, "PK\u{3}\u{4}", Some(4))
    );
    let content_range = format!("bytes 0-3/{size}");
    assert_eq!(part.header("content-range"), Some(content_range.as_str()));
    let past = host.ask(Method::Get, target, &[("range", "bytes=99999-")], b"");
    assert_eq!(past.status, 416);
    assert_eq!(
        past.header("content-range"),
        Some(format!("bytes */{size}").as_str())
    );
    let other = [("range", "bytes=0-3"), ("if-range", "\"other\"")];
    assert_eq!(host.ask(Method::Get, target, &other, b"").status, 200);
    // Ranges are for GET alone.
    let head = host.ask(Method::Head, target, &[("range", "bytes=99999-")], b"");
    assert_eq!((head.status, head.length), (200, Some(size)));
}

#[test]
fn an_info_that_was_made_up_for_want_of_a_stored_one_is_not_for_good() {
    let name = format!("goproxy-edge-made-up-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let versions = folder.join("example.com/m/@v");
    std::fs::create_dir_all(&versions).unwrap();
    let zip = module_zip(&version("example.com/m", "v1.0.0"), b"text");
    let write = |file: &str, bytes: &[u8]| std::fs::write(versions.join(file), bytes).unwrap();
    write("v1.0.0.zip", &zip);
    write("v1.0.0.mod", b"module example.com/m\n\ngo 1.25\n");
    let store = format!("dir:{}", folder.display());
    let host = TestHost::new().set("store", &store);
    let cached = || {
        let told = host.get("/example.com/m/@v/v1.0.0.info");
        assert_eq!(told.status, 200);
        told.header("cache-control").unwrap().to_owned()
    };
    assert_eq!(cached(), "public, max-age=60");
    let stored = br#"{"Version":"v1.0.0","Time":"2020-01-02T03:04:05Z"}"#;
    write("v1.0.0.info", stored);
    assert_eq!(cached(), "public, max-age=31536000, immutable");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn refusals_say_whose_turn_it_is() {
    let host = published();
    let token = ("private-token", "secret");
    let get = Method::Get;
    for (method, target, headers, status, body) in [
        (
            &get,
            "/",
            &[][..],
            404,
            "not found: this is a Go module proxy: give its address to the go command, in GOPROXY\n",
        ),
        (
            &get,
            "/example.com/absent/@v/list",
            &[],
            404,
            "not found: example.com/absent: no such module\n",
        ),
        (
            &get,
            "/example.com/m/@v/v1.0.1.info",
            &[],
            404,
            "not found: example.com/m@v1.0.1: no such version\n",
        ),
        (
            &get,
            "/example.com/m/@v/v2.0.0.info",
            &[],
            404,
            "not found: example.com/m@v2.0.0: version \"v2.0.0\" invalid: should be v0 or v1, not v2\n",
        ),
        (
            &get,
            "/example.com/m/@v/upgrade.info",
            &[],
            404,
            "not found: example.com/m@upgrade: invalid version: only the go command knows what it has\n",
        ),
        (
            &get,
            "/example.com/m/@v/nothing.info",
            &[],
            404,
            "not found: example.com/m@nothing: no version matches\n",
        ),
        (
            &get,
            "/example.com/m/@v/main.mod",
            &[],
            404,
            "not found: example.com/m@main: unrecognized version: ask .info which version it means\n",
        ),
        (
            &get,
            "/example.com/m/@v/v1.0.0",
            &[],
            404,
            "not found: a version has .info, .mod and .zip, and nothing under its bare name\n",
        ),
        (
            &get,
            "/api/v4/projects/2/packages/go/example.com/m/@v/list",
            &[token],
            404,
            "not found: there is no project \"2\" here\n",
        ),
        (
            &get,
            "/example.com/m/@v/list",
            &[("authorization", "Bearer wrong")],
            401,
            "unauthorized: the token presented is unknown, expired or malformed: check .netrc, the address in GOPROXY, or the header that carries it\n",
        ),
        (
            &Method::Put,
            "/example.com/m/@v/v1.1.0.zip",
            &[],
            401,
            "unauthorized: this takes a token: as the password of HTTP Basic, as `Authorization: Bearer`, or as `Private-Token`, `Job-Token` or `Deploy-Token`\n",
        ),
        (
            &Method::Put,
            "/example.com/m/@v/list",
            &[token],
            405,
            "method not allowed: PUT is not for this path: GET, HEAD\n",
        ),
        (
            &Method::Post,
            "/example.com/m/@v/v1.0.0.zip",
            &[token],
            405,
            "method not allowed: POST is not for this path: GET, HEAD, PUT\n",
        ),
        (
            &Method::Delete,
            "/healthz",
            &[token],
            405,
            "method not allowed: DELETE is not for this path: GET, HEAD\n",
        ),
        (
            &get,
            "/upload",
            &[],
            405,
            "method not allowed: GET is not for this path: PUT\n",
        ),
        (
            &Method::Other("PATCH".to_owned()),
            "/example.com/m/@v/v1.0.0",
            &[token],
            405,
            "method not allowed: PATCH is not for this path: DELETE\n",
        ),
        (
            &Method::Put,
            "/nodot/@v/v1.0.0.zip",
            &[token],
            422,
            "invalid: invalid escaped module path \"nodot\": malformed module path \"nodot\": missing dot in first path element\n",
        ),
        (
            &Method::Put,
            "/example.com/m/@v/main.zip",
            &[token],
            422,
            "invalid: example.com/m@main: a canonical version such as v1.2.3 is needed\n",
        ),
        (
            &Method::Put,
            "/example.com/m/@v/v1.1.0.mod",
            &[token],
            422,
            "invalid: example.com/m@v1.1.0: the body is no go.mod: it has no module line\n",
        ),
        (
            &Method::Delete,
            "/example.com/m/@v/v1.0.1",
            &[token],
            404,
            "not found: example.com/m@v1.0.1: no such version\n",
        ),
        (
            &Method::Post,
            "/-/admin/forget",
            &[token],
            404,
            if cfg!(feature = "admin") {
                "not found: there is no verb \"forget\" in /-/admin/: `repair`, `projects` and `tokens` are known\n"
            } else {
                "not found: there is no verb \"forget\" in /-/admin/: `repair` is known, and more with the cargo feature `admin`\n"
            },
        ),
        (
            &Method::Post,
            "/-/admin/repair",
            &[],
            401,
            "unauthorized: this takes a token: as the password of HTTP Basic, as `Authorization: Bearer`, or as `Private-Token`, `Job-Token` or `Deploy-Token`\n",
        ),
    ] {
        let told = host.ask(method.clone(), target, headers, b"");
        assert_eq!(
            (told.status, told.body.as_str()),
            (status, body),
            "{method:?} {target}"
        );
        let cache = if status == 404 && !target.starts_with("/api/v4/projects/2/") {
            "public, max-age=60"
        } else {
            "no-store"
        };
        assert_eq!(
            told.header("cache-control"),
            Some(cache),
            "{method:?} {target}"
        );
        assert_eq!(
            told.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
}

#[test]
fn a_version_is_published_once_withdrawn_once_and_never_again() {
    let host = published();
    let target = "/example.com/m/@v/v1.0.0.zip";
    let zip = module_zip(&version("example.com/m", "v1.0.0"), b"text");
    let again = host.put(target, &zip);
    assert_eq!(again.status, 200);
    assert!(again.body.starts_with(r#"{"Version":"v1.0.0","Time":"2020-01-02T03:04:05Z","GoSum":["example.com/m v1.0.0 h1:"#), "{}", again.body);
    let other = module_zip(&version("example.com/m", "v1.0.0"), b"other");
    let conflict = host.put(target, &other);
    assert_eq!(conflict.status, 409);
    assert!(conflict.body.starts_with("conflict: example.com/m@v1.0.0: published already with other content: the zip that stands is h1:"), "{}", conflict.body);
    let token = [("private-token", "secret")];
    let withdraw = || host.ask(Method::Delete, "/example.com/m/@v/v1.0.0", &token, b"");
    assert_eq!((withdraw().status, withdraw().status), (204, 204));
    let gone = "withdrawn: example.com/m@v1.0.0: withdrawn by its publisher\n";
    for answer in [
        host.get(target),
        host.get("/example.com/m/@v/v1.0.0.info"),
        host.put(target, &zip),
    ] {
        assert_eq!((answer.status, answer.body.as_str()), (410, gone));
    }
    assert_eq!(host.get("/example.com/m/@v/v1.0.0.mod").status, 200);
    assert_eq!(host.get("/example.com/m/@v/list").body, "");
    assert_eq!(host.get("/example.com/m/@latest").status, 404);
}

#[test]
fn who_publishes_or_withdraws_looks_at_the_list_again_once_that_is_answered() {
    let host = published();
    let index = "example.com=2Fm=2F=40v=2Flist";
    let old = host.map.values.borrow().get(index).cloned().unwrap();
    let zip = module_zip(&version("example.com/m", "v1.1.0"), b"text");
    for (method, target, body, status, list) in [
        (
            Method::Put,
            "/example.com/m/@v/v1.1.0.zip",
            &zip[..],
            201,
            "v1.0.0\nv1.1.0\n",
        ),
        (Method::Delete, "/example.com/m/@v/v1.0.0", b"", 204, ""),
    ] {
        let token = [("private-token", "secret")];
        let response = answer(&host, method.clone(), target, &token, body);
        assert_eq!(response.status, status);
        // A slow writer's, who had read it before.
        let mut values = host.map.values.borrow_mut();
        values.insert(index.to_owned(), old.clone());
        drop(values);
        assert_eq!(host.get("/example.com/m/@v/list").body, "v1.0.0\n");
        response.afterwards.unwrap()();
        assert_eq!(host.get("/example.com/m/@v/list").body, list);
        // Where nothing was written, nothing is to be looked at.
        let again = answer(&host, method, target, &token, body);
        assert!(again.status < 300 && again.afterwards.is_none());
    }
}

#[test]
fn an_upload_in_giteas_form_is_named_by_its_zip() {
    let host = TestHost::new();
    let zip = module_zip(&version("example.com/Up/m", "v1.0.0"), b"text");
    assert_eq!(host.put("/upload", &zip).status, 201);
    assert_eq!(host.get("/example.com/%21up/m/@v/list").body, "v1.0.0\n");
    for (body, text) in [
        (
            &b"PK"[..],
            "invalid: the body is not a zip: it does not begin with a file\n",
        ),
        (
            &[b"PK\x03\x04", &[0u8; 22][..], &[3, 0, 0, 0], b"abc"].concat(),
            "invalid: the first file \"abc\" of the zip does not begin with module@version/\n",
        ),
    ] {
        let told = host.put("/upload", body);
        assert_eq!((told.status, told.body.as_str()), (422, text));
    }
}

#[test]
fn a_body_over_the_limit_is_refused_before_and_while_it_is_read() {
    let host = published().set("max_zip_bytes", "100");
    let zip = module_zip(&version("example.com/m", "v1.1.0"), b"text");
    let length = zip.len().to_string();
    let announced = [("private-token", "secret"), ("content-length", &length)];
    let target = "/example.com/m/@v/v1.1.0.zip";
    let before = host.map.values.borrow().len();
    for told in [
        host.ask(Method::Put, target, &announced, &zip),
        host.put(target, &zip),
    ] {
        let text = "too large: example.com/m@v1.1.0: the body is larger than 100 bytes (`max_zip_bytes`)\n";
        assert_eq!((told.status, told.body.as_str()), (413, text));
    }
    assert_eq!(
        host.map.values.borrow().len(),
        before,
        "nothing stays in the store"
    );
}

#[test]
fn without_tokens_nothing_can_be_published_and_the_answer_names_the_setting() {
    let host = TestHost::new().set("tokens", "");
    let mut bare = host;
    bare.settings.remove(0);
    let told = bare.ask(Method::Put, "/example.com/m/@v/v1.0.0.zip", &[], b"");
    let text = "forbidden: no tokens are configured, so nothing can be published: the operator sets `tokens`\n";
    assert_eq!((told.status, told.body.as_str()), (403, text));
}

#[test]
fn a_wrong_setting_stops_every_request_and_is_named() {
    let host = TestHost::new().set("tokens", "hunter2");
    for target in ["/healthz", "/example.com/m/@v/list"] {
        let told = host.get(target);
        let text =
            "internal error: the setting `tokens` is wrong: it is not JSON (line 1, column 1)\n";
        assert_eq!((told.status, told.body.as_str()), (500, text));
    }
}

#[test]
fn a_host_that_does_not_tell_the_settings_has_nothing_served_until_it_does() {
    let mut host = published();
    host.untold = true;
    let text = "unavailable: the host does not tell the settings now: its own log says why (a provider of \
                variables or secrets that does not answer?), and another attempt may do\n";
    for target in [
        "/healthz",
        "/example.com/m/@v/list",
        "/example.com/m/@v/v1.0.0.zip",
    ] {
        let told = host.get(target);
        assert_eq!((told.status, told.body.as_str()), (503, text), "{target}");
    }
    host.untold = false;
    assert_eq!(host.get("/example.com/m/@v/v1.0.0.zip").status, 200);
}

#[test]
fn an_object_store_that_this_build_has_not_is_refused_and_the_feature_named() {
    let host = TestHost::new().set("store", "blobstore:zips");
    for target in ["/readyz", "/example.com/m/@v/list"] {
        let told = host.get(target);
        let why =
            "this build has no object store of its host: it needs the cargo feature `wasmcloud`\n";
        assert_eq!(told.status, 503, "{target}: {}", told.body);
        assert!(told.body.ends_with(why), "{target}: {}", told.body);
    }
}

#[test]
fn a_store_that_fails_is_never_a_404() {
    let host = published();
    for (error, status, text) in [
        (
            Error::Unavailable("disk I/O error".to_owned()),
            503,
            "store unavailable: example.com/m@v1.0.0: the store failed: disk I/O error\n",
        ),
        (
            Error::Refused("access denied".to_owned()),
            503,
            "store unavailable: example.com/m@v1.0.0: the store refuses access: access denied\n",
        ),
        (
            Error::TimedOut("10 s".to_owned()),
            504,
            "store timed out: example.com/m@v1.0.0: the store did not answer in time: 10 s\n",
        ),
        (
            Error::Corrupt("x".to_owned()),
            500,
            "internal error: example.com/m@v1.0.0: the store holds what can't be right: x\n",
        ),
    ] {
        host.map.failure.replace(Some(error));
        let told = host.get("/example.com/m/@v/v1.0.0.info");
        assert_eq!((told.status, told.body.as_str()), (status, text));
        assert_eq!(host.get("/readyz").status, 503);
        assert_eq!(host.get("/healthz").status, 200);
        assert_ne!(host.get("/example.com/m/@v/list").status, 404);
    }
    host.map.failure.replace(None);
    assert_eq!(host.get("/readyz").body, "ready\n");
}

#[test]
fn repair_answers_in_json() {
    let host = published();
    let told = host.ask(
        Method::Post,
        "/-/admin/repair",
        &[("job-token", "secret")],
        b"",
    );
    let json = "{\"done\":true,\"cursor\":null,\"modules\":1,\"versions\":1,\"indexed\":0,\"removed\":0,\"problems\":[]}\n";
    assert_eq!((told.status, told.body.as_str()), (200, json));
}
