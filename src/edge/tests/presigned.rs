//! Zips past the proxy, as whole requests over an object store in memory, alone and beside a key-value store:
//! what is redirected and what is not, uploads in both bases, and what is refused.

use super::*;
use crate::http::client::Payload;
use crate::json::Json;
use crate::store::s3::testing::{Shared, TestClient};

const NOW: i64 = 1_700_000_000;
const MODULE: &str = "/example.com/m/@v/v1.0.0.zip";
const STORES: [&str; 2] = ["s3", "s3+kv"];
const BASES: [&str; 2] = ["", "/api/v4/projects/1/packages/go"];

/// A host whose stores are in memory.
struct S3Host {
    settings: Vec<(String, String)>,
    client: Rc<TestClient>,
    map: Rc<Map>,
    now: i64,
}

impl S3Host {
    fn new(store: &str) -> Self {
        let tokens = format!(
            r#"[{{"name":"ci","sha256":"{SECRET}","scopes":["api"],"projects":["1"],"admin":true}},
                {{"name":"reader","sha256":"{}","scopes":["read_api"],"projects":["1"]}}]"#,
            crate::hex::encode(&sha2::Digest::finalize(sha2::Digest::chain_update(
                <sha2::Sha256 as sha2::Digest>::new(),
                b"reader"
            )))
        );
        let host = S3Host {
            settings: Vec::new(),
            client: Rc::new(TestClient::new(&Shared::default())),
            map: Rc::default(),
            now: NOW,
        };
        [
            ("tokens", tokens.as_str()),
            ("store", store),
            ("s3_endpoint", "https://s3.example.com"),
            ("s3_bucket", "modules"),
            ("s3_access_key", "AKIDEXAMPLE"),
            ("s3_secret_key", "not-to-be-printed"),
            ("redirect_over", "2000"),
            ("max_zip_bytes", "10000"),
        ]
        .into_iter()
        .fold(host, |host, (name, value)| host.set(name, value))
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another over the same stores.
    fn again(&self) -> Self {
        S3Host {
            settings: self.settings.clone(),
            client: Rc::clone(&self.client),
            map: Rc::clone(&self.map),
            now: self.now,
        }
    }

    fn ask(&self, method: Method, target: &str, headers: &[(&str, &str)]) -> Told {
        ask(self, method, target, headers, b"")
    }

    fn put(&self, target: &str, body: &[u8]) -> Told {
        ask(
            self,
            Method::Put,
            target,
            &[("private-token", "secret")],
            body,
        )
    }

    fn post(&self, target: &str) -> Told {
        self.ask(Method::Post, target, &[("private-token", "secret")])
    }

    /// Does what an address says, with nothing but the address.
    fn follow(&self, method: Method, url: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let request = Outgoing {
            method,
            url,
            headers: Vec::new(),
            body: Payload::Bytes(body),
            patience: std::time::Duration::ZERO,
        };
        let mut answer = self.client.send(request).unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = answer.body.next().unwrap() {
            bytes.extend(piece);
        }
        (answer.status, bytes)
    }

    /// Begins an upload and sends it: its id.
    fn sent(&self, target: &str, zip: &[u8]) -> String {
        let told = self.post(&format!("{target}?uploads&size={}", zip.len()));
        assert_eq!(told.status, 200, "{told:?}");
        let json = Json::parse(told.body.as_bytes()).unwrap();
        let text = |name| json.get(name).and_then(Json::text).unwrap().to_owned();
        assert_eq!(told.header("cache-control"), Some("no-store"));
        assert_eq!(text("expires_at"), "2023-11-14T22:28:20Z");
        let url = text("url");
        assert!(
            url.starts_with("https://s3.example.com/modules/.goproxy-edge/"),
            "{url}"
        );
        assert!(
            url.contains("X-Amz-SignedHeaders=content-length%3Bhost&"),
            "{url}"
        );
        assert_eq!(self.follow(Method::Put, &url, zip).0, 200);
        text("id")
    }

    fn uploads(&self) -> usize {
        self.client.bucket.lock().unwrap().staged()
    }

    fn zips(&self) -> usize {
        self.client.bucket.lock().unwrap().zips()
    }

    /// Method and path of what the object store was asked.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.client.asked.borrow_mut())
    }
}

impl Host for S3Host {
    #[cfg(feature = "admin")]
    fn begun(&self) -> Instant {
        Instant::now()
    }
    #[cfg(feature = "admin")]
    fn audit(&self, _: &str) {}
    fn settings(&self) -> Result<Rc<Settings>, NoSettings> {
        Ok(Rc::new(Settings::read(self.settings.iter().cloned())?))
    }
    fn key_value(&self, bucket: &str) -> Result<Rc<dyn KeyValue>, Error> {
        assert_eq!(bucket, "default");
        Ok(self.map.clone())
    }
    fn disk(&self) -> Rc<dyn Disk> {
        Rc::new(StdDisk)
    }
    fn client(&self) -> Rc<dyn Client> {
        self.client.clone()
    }
    fn entropy(&self) -> Rc<dyn Entropy> {
        let seed = self.client.bucket.lock().unwrap().next;
        self.client.bucket.lock().unwrap().next += 1;
        Rc::new(TestEntropy::new(self.now, seed))
    }
}

fn noise(length: u32) -> Vec<u8> {
    let numbers = 0..length / 4;
    numbers
        .flat_map(|it| it.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect()
}

/// What `git archive` gives.
fn source_archive() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("go.mod", options).unwrap();
    std::io::Write::write_all(&mut writer, b"module example.com/m\n").unwrap();
    writer.finish().unwrap().into_inner()
}

fn small() -> Vec<u8> {
    module_zip(&version("example.com/m", "v1.0.0"), b"text")
}

fn large(name: &str) -> Vec<u8> {
    let zip = module_zip(&version("example.com/m", name), &noise(4000));
    assert!(zip.len() > 2000 && zip.len() < 10_000);
    zip
}

#[test]
fn a_large_zip_is_redirected_and_everything_else_is_not() {
    for place in STORES {
        let host = S3Host::new(place);
        let zip = large("v1.1.0");
        assert_eq!(host.put(MODULE, &small()).status, 201);
        assert_eq!(host.put("/example.com/m/@v/v1.1.0.zip", &zip).status, 201);
        let text = "found: the object store gives it out, at the address in Location\n";
        for base in BASES {
            host.asked();
            for (method, file, headers) in [
                (Method::Get, "v1.1.0.zip", vec![]),
                (Method::Head, "v1.1.0.zip", vec![]),
                (Method::Get, "v1.1.0.zip", vec![("range", "bytes=0-9")]),
                (Method::Get, "v1.1.0.zip", vec![("range", "bytes=90000-")]),
                (Method::Get, "v1.1.0.zip", vec![("if-none-match", "*")]),
                (Method::Get, "latest.zip", vec![]),
            ] {
                let told = host.ask(
                    method.clone(),
                    &format!("{base}/example.com/m/@v/{file}"),
                    &headers,
                );
                let location = told.header("location").unwrap_or_default().to_owned();
                let expected = Told {
                    status: 302,
                    headers: vec![
                        ("content-type", "text/plain; charset=utf-8".to_owned()),
                        ("location", location.clone()),
                        ("cache-control", "no-store".to_owned()),
                    ],
                    length: Some(text.len() as u64),
                    body: if method == Method::Head { "" } else { text }.to_owned(),
                };
                assert_eq!(told, expected, "{method:?} {file} {headers:?}");
                let address = match place {
                    "s3" => "https://s3.example.com/modules/example.com/m/%40v/v1.1.0.zip?",
                    _ => "https://s3.example.com/modules/zips/",
                };
                assert!(location.starts_with(address), "{location}");
                assert!(location.contains("&X-Amz-Expires=300&"), "{location}");
                // The end of a zip is looked at where no record has its size, and a range that is not there
                // is told without the size, which takes a look.
                let requests = match (place, headers.first()) {
                    ("s3", Some(("range", "bytes=90000-"))) => 3,
                    ("s3", _) => 2,
                    _ => 1,
                };
                let asked = host.asked();
                let lists = place == "s3" && file == "latest.zip";
                assert!(lists || asked.len() == requests, "{asked:?}");
                let (status, found) = host.follow(method.clone(), &location, b"");
                assert_eq!(status, 200);
                assert!(method == Method::Head || found == zip);
                host.asked();
            }
            for file in [
                "v1.0.0.zip",
                "v1.1.0.mod",
                "v1.1.0.info",
                "list",
                "v1.2.0.zip",
            ] {
                let told = host.ask(Method::Get, &format!("{base}/example.com/m/@v/{file}"), &[]);
                let status = if file == "v1.2.0.zip" { 404 } else { 200 };
                assert_eq!(
                    (told.status, told.header("location")),
                    (status, None),
                    "{file}"
                );
            }
        }
        let never = host.again().set("redirect_over", "9000");
        let told = never.ask(Method::Get, "/example.com/m/@v/v1.1.0.zip", &[]);
        assert_eq!((told.status, told.length), (200, Some(zip.len() as u64)));
    }
}

#[test]
fn only_who_may_read_a_private_module_gets_its_address() {
    for place in STORES {
        let projects =
            r#"[{"id":1,"path":"g/p","modules":["example.com"],"visibility":"private"}]"#;
        let host = S3Host::new(place).set("projects", projects);
        assert_eq!(host.put(MODULE, &large("v1.0.0")).status, 201);
        let told = host.ask(Method::Get, MODULE, &[]);
        assert_eq!((told.status, told.header("location")), (401, None));
        let told = host.ask(Method::Get, MODULE, &[("private-token", "reader")]);
        assert_eq!(told.status, 302, "{told:?}");
        assert_eq!(told.header("cache-control"), Some("no-store"));
        assert_eq!(told.header("vary"), Some(crate::access::HEADERS));
    }
}

#[test]
fn where_go_would_take_credentials_along_every_request_says_what_is_set_wrong() {
    for place in STORES {
        let host = S3Host::new(place);
        for name in ["s3.example.com", "example.com:8443"] {
            for path in [MODULE, "/readyz"] {
                let told = host.ask(Method::Get, path, &[("host", name)]);
                let text = format!(
                    "internal error: the setting `redirect_over` is wrong: the object store's host is {name} \
                     or below it: `go` would not follow there, or take its credentials along, which the store \
                     refuses\n"
                );
                assert_eq!((told.status, told.body), (500, text), "{path}");
            }
        }
        let told = host.ask(Method::Get, "/readyz", &[("host", "goproxy.example.com")]);
        assert_eq!(told.status, 200, "{told:?}");
    }
}

#[test]
fn a_zip_is_published_past_the_proxy_in_both_bases() {
    for place in STORES {
        for base in BASES {
            let host = S3Host::new(place);
            let target = format!("{base}{MODULE}");
            let zip = large("v1.0.0");
            let id = host.sent(&target, &zip);
            assert_eq!(
                host.ask(Method::Get, &target, &[]).status,
                404,
                "nobody sees it"
            );
            let facts =
                "time=2020-01-02T03:04:05Z&origin=%7B%22VCS%22:%22git%22,%22Hash%22:%22abc%22%7D";
            let told = host.post(&format!("{target}?complete={id}&{facts}&ref=main"));
            assert_eq!(told.status, 201, "{told:?}");
            let through = TestHost::new().put(&format!("{MODULE}?{facts}&ref=main"), &zip);
            assert_eq!(told, through, "it is answered as a PUT is");
            let info = host.ask(Method::Get, &target.replace(".zip", ".info"), &[]);
            let expected = r#"{"Version":"v1.0.0","Time":"2020-01-02T03:04:05Z","Origin":{"VCS":"git","Ref":"refs/heads/main","Hash":"abc"}}"#;
            assert_eq!(
                Json::parse(info.body.as_bytes()).unwrap().get("Time"),
                Json::parse(expected.as_bytes()).unwrap().get("Time")
            );
            assert!(
                info.body.contains("refs/heads/main") && info.body.contains("abc"),
                "{info:?}"
            );
            assert_eq!(host.uploads(), 0);
            // The same once more, then another.
            let id = host.sent(&target, &zip);
            assert_eq!(host.post(&format!("{target}?complete={id}")).status, 200);
            let other = module_zip(&version("example.com/m", "v1.0.0"), &noise(4400));
            let id = host.sent(&target, &other);
            let told = host.post(&format!("{target}?complete={id}"));
            assert_eq!(told.status, 409, "{told:?}");
            assert_eq!(
                (host.uploads(), host.zips()),
                (0, 1),
                "refused, it is removed"
            );
            let location = host.ask(Method::Get, &target, &[]);
            let location = location.header("location").unwrap();
            assert!(host.follow(Method::Get, location, b"").1 == zip);
        }
    }
}

#[test]
fn bytes_that_are_swapped_after_the_check_are_a_409() {
    for place in STORES {
        let zip = large("v1.0.0");
        let mut seen = std::collections::BTreeSet::new();
        for step in 0.. {
            let host = S3Host::new(place);
            let id = host.sent(MODULE, &zip);
            let swap = Some((step, b"PK\x03\x04 other".to_vec()));
            host.client.bucket.lock().unwrap().swap_after = swap;
            let told = host.post(&format!("{MODULE}?complete={id}"));
            seen.insert(told.status);
            match told.status {
                201 => {
                    let location = host.ask(Method::Get, MODULE, &[]);
                    let location = location.header("location").unwrap();
                    assert!(
                        host.follow(Method::Get, location, b"").1 == zip,
                        "step {step}"
                    );
                }
                status => {
                    assert_eq!(status, 409, "step {step}: {told:?}");
                    assert_eq!(host.ask(Method::Get, MODULE, &[]).status, 404);
                    assert_eq!(host.zips(), 0, "step {step}");
                }
            }
            assert_eq!(host.uploads(), 0, "step {step}");
            if host.client.bucket.lock().unwrap().swap_after.is_some() {
                break;
            }
        }
        assert_eq!(Vec::from_iter(seen), [201, 409]);
    }
}

#[test]
fn what_may_not_begin_does_not() {
    for place in STORES {
        let host = S3Host::new(place);
        let steps = "invalid: a POST begins an upload past the proxy, `?uploads&size=<bytes>`, or ends it, \
                     `?complete=<id>`\n";
        let size = "invalid: the parameter `size`: it is the zip's size in bytes\n";
        for (target, status, text) in [
            ("/example.com/m/@v/v1.0.0.zip", 422, steps),
            ("/example.com/m/@v/v1.0.0.zip?uploads", 422, steps),
            (
                "/example.com/m/@v/v1.0.0.zip?uploads&size=9&time=x",
                422,
                steps,
            ),
            (
                "/example.com/m/@v/v1.0.0.zip?uploads&size=9&complete=x",
                422,
                steps,
            ),
            ("/example.com/m/@v/v1.0.0.zip?uploads&size=0", 422, size),
            ("/example.com/m/@v/v1.0.0.zip?uploads&size=-1", 422, size),
            (
                "/example.com/m/@v/v1.0.0.zip?uploads&size=10001",
                413,
                "too large: example.com/m@v1.0.0: the body is larger than 10000 bytes (`max_zip_bytes`)\n",
            ),
            (
                "/example.com/m/@v/main.zip?uploads&size=9",
                422,
                "invalid: example.com/m@main: a canonical version such as v1.2.3 is needed\n",
            ),
            (
                "/example.com/m/@v/v1.0.0.mod?uploads&size=9",
                405,
                "method not allowed: POST is not for this path: GET, HEAD, PUT\n",
            ),
        ] {
            let told = host.post(target);
            assert_eq!(
                (told.status, told.body.as_str()),
                (status, text),
                "{target}"
            );
        }
        let begin = format!("{MODULE}?uploads&size=9");
        assert_eq!(host.ask(Method::Post, &begin, &[]).status, 401);
        let reader = host.ask(Method::Post, &begin, &[("private-token", "reader")]);
        assert_eq!(reader.status, 403, "{reader:?}");
        let told = host.ask(Method::Delete, MODULE, &[]);
        assert_eq!(told.header("allow"), Some("GET, HEAD, PUT, POST"));
        let text = "method not allowed: uploads go through this proxy, by PUT; past it they go where `store` is \
                    `s3` or `s3+kv` and `redirect_over` is set\n";
        let kv = TestHost::new().ask(Method::Post, &begin, &[("private-token", "secret")], b"");
        let mut never = S3Host::new(place);
        never.settings.retain(|(name, _)| name != "redirect_over");
        for told in [kv, never.post(&begin)] {
            assert_eq!((told.status, told.body.as_str()), (405, text));
            assert_eq!(told.header("allow"), Some("GET, HEAD, PUT"));
        }
        assert!(host.asked().is_empty(), "the store heard nothing of it");
    }
}

#[test]
fn what_may_not_be_completed_is_not_and_is_removed() {
    for place in STORES {
        let host = S3Host::new(place);
        let gone = |version: &str| {
            format!(
                "not found: example.com/m@{version}: nothing has arrived under this id, or it was a day ago or \
                 is done with: begin again with `?uploads`\n"
            )
        };
        let id = host.sent(MODULE, &large("v1.0.0"));
        let complete = format!("{MODULE}?complete={id}");
        let strip =
            "invalid: `strip` and `subdir` are for source archives: a module zip is needed here\n";
        let time =
            "invalid: the parameter `time`: it is no RFC 3339 time, such as 2006-01-02T15:04:05Z\n";
        for (target, status, text) in [
            (format!("{complete}&strip=1"), 422, strip.to_owned()),
            (format!("{complete}&subdir=a"), 422, strip.to_owned()),
            (format!("{complete}&time=now"), 422, time.to_owned()),
            (format!("{MODULE}?complete="), 404, gone("v1.0.0")),
            (
                format!("/example.com/m/@v/v1.1.0.zip?complete={id}"),
                404,
                gone("v1.1.0"),
            ),
        ] {
            let told = host.post(&target);
            assert_eq!((told.status, told.body), (status, text), "{target}");
        }
        assert_eq!(host.ask(Method::Post, &complete, &[]).status, 401);
        let reader = host.ask(Method::Post, &complete, &[("private-token", "reader")]);
        assert_eq!(reader.status, 403);
        assert_eq!(host.uploads(), 1, "nobody who may has judged it");
        let late = S3Host {
            now: NOW + 24 * 60 * 60,
            ..host.again()
        };
        let told = late.post(&complete);
        assert_eq!((told.status, told.body), (404, gone("v1.0.0")));
        for (what, zip, status, words) in [
            ("nothing", vec![1], 422, "not a zip file"),
            ("another version", large("v1.9.0"), 422, "v1.9.0"),
            (
                "a source archive",
                source_archive(),
                422,
                "it is no module zip, and past the proxy none is made of a source archive",
            ),
        ] {
            let id = host.sent("/example.com/m/@v/v1.2.0.zip", &zip);
            let told = host.post(&format!("/example.com/m/@v/v1.2.0.zip?complete={id}"));
            assert_eq!(told.status, status, "{what}: {told:?}");
            assert!(told.body.contains(words), "{what}: {told:?}");
            assert_eq!((host.uploads(), host.zips()), (1, 0), "{what} is removed");
        }
        // The store let more through than was signed.
        let begun = host.sent("/example.com/m/@v/v1.2.0.zip", b"x");
        let key = {
            let bucket = host.client.bucket.lock().unwrap();
            let found = bucket.objects.keys().find(|key| key.contains(&begun));
            found.unwrap().clone()
        };
        host.client
            .bucket
            .lock()
            .unwrap()
            .objects
            .insert(key, vec![0; 10_001]);
        let told = host.post(&format!("/example.com/m/@v/v1.2.0.zip?complete={begun}"));
        assert_eq!(told.status, 413, "{told:?}");
        assert_eq!((host.uploads(), host.zips()), (1, 0));
        assert_eq!(host.post(&complete).status, 201);
        let id = host.sent(MODULE, &large("v1.0.0"));
        assert_eq!(
            host.ask(
                Method::Delete,
                "/example.com/m/@v/v1.0.0",
                &[("private-token", "secret")]
            )
            .status,
            204
        );
        assert_eq!(host.post(&format!("{MODULE}?complete={id}")).status, 410);
        assert_eq!(host.post(&format!("{MODULE}?uploads&size=9")).status, 410);
        assert_eq!(host.uploads(), 0);
    }
}

#[test]
fn an_id_is_of_no_use_for_another_module_or_to_who_may_not_write_it() {
    let projects = r#"[{"id":1,"path":"g/p","modules":["example.com/m"],"visibility":"public"},
                       {"id":2,"path":"g/q","modules":["example.com/n"],"visibility":"public"}]"#;
    for place in STORES {
        let host = S3Host::new(place).set("projects", projects);
        let mut theirs = host.again();
        let tokens = format!(
            r#"[{{"name":"theirs","sha256":"{SECRET}","scopes":["api"],"projects":["2"]}}]"#
        );
        theirs.settings.retain(|(name, _)| name != "tokens");
        let theirs = theirs.set("tokens", &tokens);
        let zip = large("v1.0.0");
        let id = host.sent(MODULE, &zip);
        for (target, status) in [
            (format!("{MODULE}?complete={id}"), 403),
            (
                format!("/api/v4/projects/1/packages/go{MODULE}?complete={id}"),
                403,
            ),
            (
                format!("/api/v4/projects/2/packages/go{MODULE}?complete={id}"),
                404,
            ),
            (format!("/example.com/n/@v/v1.0.0.zip?complete={id}"), 404),
        ] {
            assert_eq!(theirs.post(&target).status, status, "{target} of {place}");
        }
        assert_eq!((host.uploads(), host.zips()), (1, 0));
        assert_eq!(host.post(&format!("{MODULE}?complete={id}")).status, 201);
    }
}

#[test]
fn an_answer_that_sends_elsewhere_still_brings_the_index_in_order() {
    let host = S3Host::new("s3+kv");
    assert_eq!(host.put(MODULE, &large("v1.0.0")).status, 201);
    let mut request = Request {
        method: Method::Get,
        target: MODULE.to_owned(),
        headers: Headers::new(Vec::new()),
        body: Box::new(Cursor::new(Vec::new())),
    };
    let response = handle(&host, &mut request).response;
    assert_eq!(response.status, 302);
    assert!(response.afterwards.is_some(), "its record is young");
}

#[test]
fn a_zip_that_lies_in_chunks_is_given_out_here_and_an_object_that_is_gone_is_no_404() {
    let host = S3Host::new("s3+kv");
    let before = host.again().set("store", "kv");
    let (old, new) = (large("v1.0.0"), large("v1.1.0"));
    assert_eq!(before.put(MODULE, &old).status, 201);
    let target = "/example.com/m/@v/v1.1.0.zip";
    assert_eq!(host.put(target, &new).status, 201);
    let told = host.ask(Method::Get, MODULE, &[]);
    assert_eq!((told.status, told.length), (200, Some(old.len() as u64)));
    assert_eq!(host.ask(Method::Get, target, &[]).status, 302);
    host.client.bucket.lock().unwrap().objects.clear();
    let told = host.ask(Method::Get, target, &[]);
    assert_eq!((told.status, told.header("location")), (500, None));
    assert!(told.body.contains(" is gone"), "{told:?}");
    // Through here too, and of which version is said.
    let through = host.again().set("redirect_over", "99999999");
    let told = through.ask(Method::Get, target, &[]);
    let start = "internal error: example.com/m@v1.1.0: ";
    assert!(told.body.starts_with(start), "{told:?}");
    assert!(told.body.contains(" is gone"), "{told:?}");
}

#[test]
fn an_upload_past_the_proxy_tells_nobody_that_a_private_project_is_there() {
    let private = r#"[{"id":1,"path":"team/m","modules":["example.com/m"]}]"#;
    for place in STORES {
        let mut host = S3Host::new(place).set("projects", private);
        let hash = crate::hex::encode(&<sha2::Sha256 as sha2::Digest>::digest(b"stranger"));
        for (_, tokens) in host
            .settings
            .iter_mut()
            .filter(|(name, _)| name == "tokens")
        {
            let stranger = format!(
                r#",{{"name":"stranger","sha256":"{hash}","scopes":["api"],"projects":["9"]}}]"#
            );
            let end = tokens.len() - 1;
            tokens.replace_range(end.., &stranger);
        }
        for step in ["uploads&size=9", "complete=0123456789abcdef"] {
            for (secret, status) in [
                (None, 401),
                (Some("gpe_wrong"), 401),
                (Some("stranger"), 404),
            ] {
                let told = ["1", "77"].map(|id| {
                    let target = format!("/api/v4/projects/{id}/packages/go{MODULE}?{step}");
                    let headers: Vec<_> =
                        secret.map(|it| ("private-token", it)).into_iter().collect();
                    let mut told = host.ask(Method::Post, &target, &headers);
                    told.body = told.body.replace(&format!("{id:?}"), "ID");
                    for (_, value) in &mut told.headers {
                        value.retain(|letter| !letter.is_ascii_digit());
                    }
                    told.length = None;
                    told
                });
                assert_eq!(told[0].status, status, "{step} {secret:?}: {told:?}");
                assert_eq!(told[0], told[1], "{step} {secret:?}");
            }
            let target = format!("/api/v4/projects/1/packages/go{MODULE}?{step}");
            let reader = host.ask(Method::Post, &target, &[("private-token", "reader")]);
            assert_eq!(reader.status, 403, "{step}: {reader:?}");
        }
        assert!(host.asked().is_empty(), "the store heard nothing of it");
    }
}
