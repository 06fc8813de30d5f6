//! The cases of goproxy/goproxy's own tests (goproxy_test.go: TestGoproxyServeHTTP, TestGoproxyServeFetch,
//! TestGoproxyServeFetchQuery, TestGoproxyServeFetchList, TestGoproxyServeFetchDownload), with the answers that
//! this proxy gives: goproxy caches an exact version for a week and a bad path for a day, answers for an upstream,
//! and has no queries in `.mod` and `.zip`.

use crate::support::archive::module_zip;
use crate::support::http::Request;
use crate::support::server::Server;

const SHORT: &str = "public, max-age=60";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const INFO: &str = r#"{"Version":"v1.0.0","Time":"2000-01-01T00:00:00Z"}"#;

#[test]
fn goproxys_cases() {
    let server = Server::new();
    let zip = module_zip(
        "example.com",
        "v1.0.0",
        &[("go.mod", b"module example.com")],
    );
    server.publish(
        "/example.com/@v/v1.0.0.zip?time=2000-01-01T00:00:00Z&ref=refs/heads/master",
        zip.clone(),
    );
    let with_origin = INFO.replace('}', r#","Origin":{"VCS":"git","Ref":"refs/heads/master"}}"#);
    let zip_text = String::from_utf8_lossy(&zip).into_owned();
    // Name, method, path, status, Content-Type, Cache-Control, body.
    let rows: Vec<(&str, &str, &str, u16, &str, &str, &str)> = vec![
        (
            "the latest version",
            "GET",
            "/example.com/@latest",
            200,
            JSON,
            SHORT,
            &with_origin,
        ),
        (
            "the latest version by HEAD",
            "HEAD",
            "/example.com/@latest",
            200,
            JSON,
            SHORT,
            "",
        ),
        (
            "POST",
            "POST",
            "/example.com/@latest",
            405,
            TEXT,
            "no-store",
            "method not allowed: POST is not for this path: GET, HEAD\n",
        ),
        (
            "the root",
            "GET",
            "/",
            404,
            TEXT,
            SHORT,
            "not found: this is a Go module proxy: give its address to the go command, in GOPROXY\n",
        ),
        (
            "a dot",
            "GET",
            "/.",
            404,
            TEXT,
            SHORT,
            "not found: missing /@v/\n",
        ),
        (
            "a path that leaves the root",
            "GET",
            "/../example.com/@latest",
            404,
            TEXT,
            SHORT,
            "not found: invalid escaped module path \"../example.com\": malformed module path \"../example.com\": invalid path element \"..\"\n",
        ),
        (
            "a slash at the end",
            "GET",
            "/example.com/@latest/",
            404,
            TEXT,
            SHORT,
            "not found: missing /@v/\n",
        ),
        (
            "a checksum database that is not known",
            "GET",
            "/sumdb/sumdb.example.com/supported",
            404,
            TEXT,
            SHORT,
            "not found: missing /@v/\n",
        ),
        (
            "a list",
            "GET",
            "/example.com/@v/list",
            200,
            TEXT,
            SHORT,
            "v1.0.0\n",
        ),
        (
            "an .info",
            "GET",
            "/example.com/@v/v1.0.0.info",
            200,
            JSON,
            IMMUTABLE,
            &with_origin,
        ),
        (
            "a .mod",
            "GET",
            "/example.com/@v/v1.0.0.mod",
            200,
            TEXT,
            IMMUTABLE,
            "module example.com",
        ),
        (
            "a .zip",
            "GET",
            "/example.com/@v/v1.0.0.zip",
            200,
            "application/zip",
            IMMUTABLE,
            &zip_text,
        ),
        (
            "the query v1",
            "GET",
            "/example.com/@v/v1.info",
            200,
            JSON,
            SHORT,
            &with_origin,
        ),
        (
            "the query v1.0",
            "GET",
            "/example.com/@v/v1.0.info",
            200,
            JSON,
            SHORT,
            &with_origin,
        ),
        (
            "the query master",
            "GET",
            "/example.com/@v/master.info",
            200,
            JSON,
            SHORT,
            &with_origin,
        ),
        (
            "no /@v/",
            "GET",
            "/example.com",
            404,
            TEXT,
            SHORT,
            "not found: missing /@v/\n",
        ),
        (
            "an @ and nothing",
            "GET",
            "/example.com/@/",
            404,
            TEXT,
            SHORT,
            "not found: missing /@v/\n",
        ),
        (
            "a path without a dot",
            "GET",
            "/foobar/@latest",
            404,
            TEXT,
            SHORT,
            "not found: invalid escaped module path \"foobar\": malformed module path \"foobar\": missing dot in first path element\n",
        ),
        (
            "no extension",
            "GET",
            "/example.com/@v/foobar",
            404,
            TEXT,
            SHORT,
            "not found: no file extension in filename \"foobar\"\n",
        ),
        (
            "another extension",
            "GET",
            "/example.com/@v/foo.bar",
            404,
            TEXT,
            SHORT,
            "not found: unexpected extension \".bar\"\n",
        ),
        (
            "a bad escape",
            "GET",
            "/example.com/@v/!!v1.0.0.info",
            404,
            TEXT,
            SHORT,
            "not found: version \"!!v1.0.0\" invalid: invalid escaped form\n",
        ),
        (
            "the query latest, which goproxy refuses",
            "GET",
            "/example.com/@v/latest.info",
            200,
            JSON,
            SHORT,
            &with_origin,
        ),
        (
            "upgrade, which is a branch that is not there",
            "GET",
            "/example.com/@v/upgrade.info",
            404,
            TEXT,
            SHORT,
            "not found: example.com@upgrade: invalid version: only the go command knows what it has\n",
        ),
        (
            "patch, which is a branch that is not there",
            "GET",
            "/example.com/@v/patch.info",
            404,
            TEXT,
            SHORT,
            "not found: example.com@patch: invalid version: only the go command knows what it has\n",
        ),
        (
            "the .mod of a branch",
            "GET",
            "/example.com/@v/master.mod",
            404,
            TEXT,
            SHORT,
            "not found: example.com@master: unrecognized version: ask .info which version it means\n",
        ),
        (
            "a query of a module that is not there",
            "GET",
            "/foobar.example.com/@v/master.info",
            404,
            TEXT,
            SHORT,
            "not found: foobar.example.com: no such module\n",
        ),
        (
            "a list of a module that is not there",
            "GET",
            "/foobar.example.com/@v/list",
            404,
            TEXT,
            SHORT,
            "not found: foobar.example.com: no such module\n",
        ),
        (
            "a version that is not there",
            "GET",
            "/example.com/@v/v1.1.0.info",
            404,
            TEXT,
            SHORT,
            "not found: example.com@v1.1.0: no such version\n",
        ),
        (
            "a .zip that is not there",
            "GET",
            "/example.com/@v/v1.1.0.zip",
            404,
            TEXT,
            SHORT,
            "not found: example.com@v1.1.0: no such version\n",
        ),
        (
            "the .info of v2, which goproxy takes for a query",
            "GET",
            "/example.com/@v/v2.0.0.info",
            404,
            TEXT,
            SHORT,
            "not found: example.com@v2.0.0: version \"v2.0.0\" invalid: should be v0 or v1, not v2\n",
        ),
    ];
    let mut differences = String::new();
    for (name, method, path, status, content_type, age, body) in rows {
        let answer = Request::new(method, path).send(server.address());
        let seen = (
            answer.status,
            answer.header("content-type"),
            answer.header("cache-control"),
            answer.text(),
        );
        let expected = (status, Some(content_type), Some(age), body.to_owned());
        if seen != expected {
            differences +=
                &format!("## {name}: {method} {path}\nexpected {expected:?}\ngot      {seen:?}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
