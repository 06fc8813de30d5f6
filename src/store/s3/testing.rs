//! An object store in memory, behind the port: as much of S3 as is asked of it, with faults, turns,
//! and the habits in which stores differ.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use super::write::{TRIAL, UPLOADS};
use super::{Config, S3};
use crate::http::client::{Client, Incoming, Outgoing, Payload, Unanswered};
use crate::http::{Headers, Method, Source, percent_decode, query_pairs};
use crate::store::testing::{Faults, Step, TestClock, TestEntropy, Turns};

pub const ENDPOINT: &str = "http://s3.example.com";

/// What two writers share.
#[derive(Default)]
pub struct Bucket {
    pub objects: BTreeMap<String, Vec<u8>>,
    pub uploads: BTreeMap<String, (String, BTreeMap<u32, Vec<u8>>)>,
    pub next: u64,
    /// Ignores `If-None-Match` of a write.
    pub overwrites: bool,
    /// Ignores `If-None-Match` of a copy.
    pub copies_over: bool,
    /// Knows no `If-None-Match` of a copy, and says so.
    pub copies_refuse: bool,
    /// Writes tags into XML without their quotes.
    pub bare_tags: bool,
    /// Answers a copy with a page of somebody's, and copies nothing.
    pub copies_nothing: bool,
    /// Ignores the condition on the source of a copy.
    pub copies_anything: bool,
    /// Keys in a page, where it is fewer than were asked for.
    pub page: Option<usize>,
    /// After so many more requests another puts these bytes in the place of every upload.
    pub swap_after: Option<(usize, Vec<u8>)>,
}

impl Bucket {
    /// Uploads that lie in it under keys of their own. What the store was tried on stays, and is none.
    pub fn staged(&self) -> usize {
        let keys = self.objects.keys();
        let keys = keys.filter(|key| key.contains(UPLOADS) && !key.ends_with(TRIAL));
        keys.count()
    }

    /// Zips that lie in it, of versions and under ids.
    pub fn zips(&self) -> usize {
        let keys = self.objects.keys();
        keys.filter(|key| key.ends_with(".zip")).count()
    }
}

pub type Shared = Arc<Mutex<Bucket>>;

/// Answers that come in place of the store's own, one for each request.
pub type Script = Rc<RefCell<Vec<Option<Odd>>>>;

/// An answer that is not what it should be.
#[derive(Clone)]
pub enum Odd {
    Unanswered(Unanswered),
    /// Status, header fields, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The right answer, its body broken after so many bytes.
    Broken(usize),
    /// The same, but nothing more comes in time.
    Late(usize),
    /// The same, and afterwards another has replaced the object.
    Replaced(usize),
}

pub struct TestClient {
    pub bucket: Shared,
    pub faults: Rc<Faults>,
    pub turns: Option<(&'static Turns, usize)>,
    pub script: Script,
    /// Method and path of what was asked.
    pub asked: Rc<RefCell<Vec<String>>>,
}

impl TestClient {
    pub fn new(bucket: &Shared) -> Self {
        TestClient {
            bucket: Arc::clone(bucket),
            faults: Rc::new(Faults::none()),
            turns: None,
            script: Script::default(),
            asked: Rc::default(),
        }
    }
}

pub fn config() -> Config {
    let mut config = Config::default();
    for (name, value) in [
        ("s3_endpoint", ENDPOINT),
        ("s3_bucket", "modules"),
        ("s3_prefix", "pre-fix"),
        ("s3_access_key", "AKIDEXAMPLE"),
        ("s3_secret_key", "not-to-be-printed"),
    ] {
        config.set(name, value).unwrap();
    }
    config
}

pub fn store_of(client: TestClient, now: i64, seed: u64) -> S3 {
    let clock = TestClock {
        inner: TestEntropy::new(now, seed),
        turns: client.turns,
        waited: Rc::default(),
    };
    S3::new(Rc::new(config()), Rc::new(client), Rc::new(clock))
}

impl Client for TestClient {
    fn send(&self, mut request: Outgoing<'_>) -> Result<Incoming, Unanswered> {
        let rest = request.url.strip_prefix("https://s3.example.com");
        let rest = rest.or(request.url.strip_prefix(ENDPOINT));
        let rest = rest.expect("the endpoint");
        assert!(rest.contains("X-Amz-Signature="), "{rest} is signed");
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let what = format!("{} {path}", request.method.as_str());
        self.asked.borrow_mut().push(what);
        if let Some((turns, seat)) = self.turns {
            turns.take(
                seat,
                match request.method {
                    Method::Get | Method::Head => Step::Read,
                    _ => Step::Write,
                },
            );
        }
        let mut body = Vec::new();
        match &mut request.body {
            Payload::Nothing => {}
            Payload::Bytes(bytes) => body.extend_from_slice(bytes),
            Payload::Stream(_, reader) => {
                reader.read_to_end(&mut body).expect("a body");
            }
        }
        let odd = match self.script.borrow_mut() {
            script if script.is_empty() => None,
            mut script => script.remove(0),
        };
        let answer = || {
            let mut bucket = self.bucket.lock().unwrap();
            Ok(bucket.answer(&request, path, query, body))
        };
        // A time-out is not tried again.
        let answer = self.faults.step(|| Unanswered::TimedOut, answer)?;
        self.bucket.lock().unwrap().swap();
        match odd {
            None => Ok(answer.into_incoming(None)),
            Some(Odd::Unanswered(why)) => Err(why),
            Some(Odd::Answer(status, headers, body)) => {
                let body = body.into_bytes();
                Ok(Told {
                    status,
                    headers,
                    body,
                }
                .into_incoming(None))
            }
            Some(Odd::Broken(after)) => Ok(answer.into_incoming(Some((after, ABORTED)))),
            Some(Odd::Late(after)) => {
                Ok(answer.into_incoming(Some((after, io::ErrorKind::TimedOut))))
            }
            Some(Odd::Replaced(after)) => {
                for bytes in self.bucket.lock().unwrap().objects.values_mut() {
                    bytes.push(0);
                }
                Ok(answer.into_incoming(Some((after, ABORTED))))
            }
        }
    }
}

struct Told {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

const ABORTED: io::ErrorKind = io::ErrorKind::ConnectionAborted;

/// A body in pieces, which may break.
struct Pieces(Vec<u8>, Option<(usize, io::ErrorKind)>);

impl Source for Pieces {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some((0, why)) = self.1 {
            return Err(why.into());
        }
        if self.0.is_empty() {
            return Ok(None);
        }
        let most = self.1.map_or(usize::MAX, |(left, _)| left);
        let length = self.0.len().min(1000).min(most);
        self.1 = self.1.map(|(left, why)| (left - length, why));
        Ok(Some(self.0.drain(..length).collect()))
    }
}

impl Told {
    fn into_incoming(self, broken: Option<(usize, io::ErrorKind)>) -> Incoming {
        let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, value) in self.headers {
            fields.push((name.to_owned(), value.into_bytes()));
        }
        let named = |name: &str| fields.iter().any(|(own, _)| own == name);
        if !named("content-length") {
            let length = self.body.len().to_string();
            fields.push(("Content-Length".to_owned(), length.into_bytes()));
        }
        let headers = Headers::new(fields);
        let length = headers.get("content-length");
        Incoming {
            status: self.status,
            length: length.and_then(|text| text.parse().ok()),
            headers: Box::new(headers),
            body: Box::new(Pieces(self.body, broken)),
        }
    }
}

fn tag(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(bytes);
    format!("\"{}\"", crate::hex::encode(&digest[..16]))
}

fn plain(status: u16, body: impl Into<Vec<u8>>) -> Told {
    Told {
        status,
        headers: Vec::new(),
        body: body.into(),
    }
}

fn error(status: u16, code: &str) -> Told {
    plain(status, format!("<Error><Code>{code}</Code></Error>"))
}

impl Bucket {
    fn swap(&mut self) {
        match &mut self.swap_after {
            Some((0, bytes)) => {
                for (key, value) in &mut self.objects {
                    if key.contains(".goproxy-edge/") {
                        value.clone_from(bytes);
                    }
                }
                self.swap_after = None;
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
    }

    fn answer(&mut self, request: &Outgoing<'_>, path: &str, query: &str, body: Vec<u8>) -> Told {
        let query: BTreeMap<String, String> = query_pairs(query).flatten().collect();
        let own = |name: &&String| !name.starts_with("X-Amz-");
        let names: Vec<&str> = query.keys().filter(own).map(String::as_str).collect();
        let header = |name: &str| {
            let found = request.headers.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| value.as_str())
        };
        let path = percent_decode(path).expect("a path");
        let key = path
            .strip_prefix("/modules")
            .expect("the bucket")
            .trim_start_matches('/');
        let key = key.to_owned();
        if key.is_empty() {
            return match names.contains(&"uploads") {
                true => self.list_uploads(&query),
                false => self.list(&query),
            };
        }
        match (&request.method, names.as_slice()) {
            (Method::Get | Method::Head, []) => self.get(&key, &header, &request.method),
            (Method::Delete, []) => {
                self.objects.remove(&key);
                plain(204, "")
            }
            (Method::Put, []) => match header("x-amz-copy-source") {
                Some(source) => self.copy(source, &key, &header),
                None => {
                    let new = header("if-none-match") == Some("*") && !self.overwrites;
                    if new && self.objects.contains_key(&key) {
                        return error(412, "PreconditionFailed");
                    }
                    let tag = tag(&body);
                    self.objects.insert(key, body);
                    Told {
                        headers: vec![("etag", tag)],
                        ..plain(200, "")
                    }
                }
            },
            (Method::Post, ["uploads"]) => {
                self.next += 1;
                let id = format!("id{}", self.next);
                let xml = format!("<R><UploadId>{id}</UploadId></R>");
                self.uploads.insert(id, (key, BTreeMap::new()));
                plain(200, xml)
            }
            (Method::Put, ["partNumber", "uploadId"]) => {
                let Some(upload) = self.uploads.get_mut(&query["uploadId"]) else {
                    return error(404, "NoSuchUpload");
                };
                assert_eq!(upload.0, key);
                let tag = tag(&body);
                upload.1.insert(query["partNumber"].parse().unwrap(), body);
                Told {
                    headers: vec![("etag", tag)],
                    ..plain(200, "")
                }
            }
            (Method::Post, ["uploadId"]) => {
                let Some((key, parts)) = self.uploads.remove(&query["uploadId"]) else {
                    return error(404, "NoSuchUpload");
                };
                let asked = String::from_utf8(body).unwrap();
                assert_eq!(asked.matches("<PartNumber>").count(), parts.len());
                let whole: Vec<u8> = parts.into_values().flatten().collect();
                let xml = format!("<R><ETag>{}</ETag></R>", self.tag_in_xml(&whole));
                self.objects.insert(key, whole);
                plain(200, xml)
            }
            (Method::Delete, ["uploadId"]) => {
                self.uploads.remove(&query["uploadId"]);
                plain(204, "")
            }
            (method, names) => panic!("{method:?} {key} {names:?}"),
        }
    }

    fn get<'a>(
        &self,
        key: &str,
        header: &dyn Fn(&str) -> Option<&'a str>,
        method: &Method,
    ) -> Told {
        let Some(bytes) = self.objects.get(key) else {
            return match method {
                Method::Head => plain(404, ""),
                _ => error(404, "NoSuchKey"),
            };
        };
        let tag = tag(bytes);
        if header("if-match").is_some_and(|wanted| wanted != tag) {
            return error(412, "PreconditionFailed");
        }
        let mut headers = vec![("etag", tag)];
        if *method == Method::Head {
            headers.push(("content-length", bytes.len().to_string()));
            return Told {
                headers,
                ..plain(200, "")
            };
        }
        let range = header("range").map(|range| {
            let headers = Headers::new(vec![("range".into(), range.as_bytes().to_vec())]);
            let tag = crate::http::ETag::strong("x");
            crate::http::requested_range(&headers, bytes.len() as u64, &tag)
        });
        match range {
            None | Some(crate::http::RangeRequest::Whole) => Told {
                headers,
                ..plain(200, bytes.clone())
            },
            Some(crate::http::RangeRequest::Unsatisfiable) => error(416, "InvalidRange"),
            Some(crate::http::RangeRequest::Part(range)) => {
                let all = bytes.len();
                let told = format!("bytes {}-{}/{all}", range.start, range.end - 1);
                headers.push(("content-range", told));
                let part = bytes[range.start as usize..range.end as usize].to_vec();
                Told {
                    headers,
                    ..plain(206, part)
                }
            }
        }
    }

    fn copy<'a>(
        &mut self,
        source: &str,
        key: &str,
        header: &dyn Fn(&str) -> Option<&'a str>,
    ) -> Told {
        let source = percent_decode(source).expect("a source");
        let source = source.strip_prefix("/modules/").expect("the bucket");
        if self.copies_refuse && header("if-none-match").is_some() {
            return error(501, "NotImplemented");
        }
        let new = header("if-none-match") == Some("*") && !self.copies_over;
        if new && self.objects.contains_key(key) {
            return error(412, "PreconditionFailed");
        }
        if source == key {
            return error(400, "InvalidRequest");
        }
        let Some(bytes) = self.objects.get(source).cloned() else {
            return error(404, "NoSuchKey");
        };
        let tag = tag(&bytes);
        let meant = header("x-amz-copy-source-if-match") == Some(tag.as_str());
        if !meant && !self.copies_anything {
            return error(412, "PreconditionFailed");
        }
        if self.copies_nothing {
            return plain(200, "<html>welcome</html>");
        }
        let tag = self.tag_in_xml(&bytes);
        self.objects.insert(key.to_owned(), bytes);
        plain(
            200,
            format!("<CopyObjectResult><ETag>{tag}</ETag></CopyObjectResult>"),
        )
    }

    fn tag_in_xml(&self, bytes: &[u8]) -> String {
        let quote = if self.bare_tags { "" } else { "&quot;" };
        tag(bytes).replace('"', quote)
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Told {
        assert_eq!(query["list-type"], "2");
        let most: usize = query["max-keys"].parse().unwrap();
        let most = self.page.unwrap_or(most).min(most);
        let after = query.get("continuation-token").or(query.get("start-after"));
        let matching = self.objects.iter().filter(|(key, _)| {
            key.starts_with(&query["prefix"]) && after.is_none_or(|after| *key > after)
        });
        let matching: Vec<_> = matching.collect();
        let mut xml = String::from("<ListBucketResult><EncodingType>url</EncodingType>");
        for (key, bytes) in matching.iter().take(most) {
            let key = key
                .replace('%', "%25")
                .replace('!', "%21")
                .replace('+', "%2B");
            xml += &format!(
                "<Contents><Key>{key}</Key><Size>{}</Size></Contents>",
                bytes.len()
            );
        }
        let cut = matching.len() > most;
        xml += &format!("<IsTruncated>{cut}</IsTruncated>");
        if cut {
            let last = matching[most - 1].0;
            xml += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
        }
        plain(200, xml + "</ListBucketResult>")
    }

    fn list_uploads(&self, query: &BTreeMap<String, String>) -> Told {
        let most: usize = query["max-uploads"].parse().unwrap();
        let most = self.page.unwrap_or(most).min(most);
        let marker = query.get("key-marker");
        let mut all: Vec<_> = self
            .uploads
            .iter()
            .map(|(id, (key, _))| (key, id))
            .collect();
        all.sort();
        all.retain(|(key, _)| {
            key.starts_with(&query["prefix"]) && marker.is_none_or(|marker| *key > marker)
        });
        let mut xml = format!("<R><IsTruncated>{}</IsTruncated>", all.len() > most);
        for (key, id) in all.into_iter().take(most) {
            xml += &format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>");
        }
        plain(200, xml + "</R>")
    }
}
