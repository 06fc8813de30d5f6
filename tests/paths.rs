//! Paths that can name no module and no version: each a 404 with its reason, so that `go` asks its next proxy.

use crate::support::http::{Request, refusal};
use crate::support::server::{Server, TOKEN};

#[test]
fn a_path_that_can_name_nothing_is_a_404_with_the_reason() {
    let server = Server::new();
    let long = format!("/example.com/{}/@v/list", "x".repeat(9000));
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "nothing",
            b"/".to_vec(),
            "this is a Go module proxy: give its address to the go command, in GOPROXY",
        ),
        ("no @v", b"/example.com/m".to_vec(), "missing /@v/"),
        (
            "a folder",
            b"/example.com/m/@v/".to_vec(),
            "no file extension in filename \"\"",
        ),
        (
            "another @",
            b"/example.com/m/@x/list".to_vec(),
            "missing /@v/",
        ),
        (
            "something behind a list",
            b"/example.com/m/@v/list/more".to_vec(),
            "missing /@v/",
        ),
        (
            "something behind latest",
            b"/example.com/m/@latest/more".to_vec(),
            "missing /@v/",
        ),
        (
            "a .ziphash",
            b"/example.com/m/@v/v1.0.0.ziphash".to_vec(),
            "unexpected extension \".ziphash\"",
        ),
        (
            "a .lock",
            b"/example.com/m/@v/v1.0.0.lock".to_vec(),
            "unexpected extension \".lock\"",
        ),
        (
            "a .partial",
            b"/example.com/m/@v/v1.0.0.partial".to_vec(),
            "unexpected extension \".partial\"",
        ),
        (
            "no extension",
            b"/example.com/m/@v/v1".to_vec(),
            "no file extension in filename \"v1\"",
        ),
        (
            "an extension in capitals",
            b"/example.com/m/@v/v1.0.0.INFO".to_vec(),
            "unexpected extension \".INFO\"",
        ),
        (
            "no version",
            b"/example.com/m/@v/.info".to_vec(),
            "version \"\" invalid: empty path element",
        ),
        (
            "a bad percent-escape",
            b"/example.com/m%2/@v/list".to_vec(),
            "\"m%2\" is not valid percent-encoding of UTF-8",
        ),
        (
            "a percent-escape of no digits",
            b"/example.com/%zz/@v/list".to_vec(),
            "\"%zz\" is not valid percent-encoding of UTF-8",
        ),
        (
            "a percent-escape of no UTF-8",
            b"/example.com/%ff/@v/list".to_vec(),
            "\"%ff\" is not valid percent-encoding of UTF-8",
        ),
        (
            "a NUL",
            b"/example.com/m%00/@v/list".to_vec(),
            "the path has a NUL in it",
        ),
        (
            "a NUL in the version",
            b"/example.com/m/@v/v1.0.0%00.info".to_vec(),
            "the path has a NUL in it",
        ),
        (
            "a slash in an element",
            b"/example.com%2Fm/@v/list".to_vec(),
            "%2F in \"example.com/m\" does not separate path elements",
        ),
        (
            "a slash in a version",
            b"/example.com/m/@v/v1.0.0%2f..%2fx.mod".to_vec(),
            "example.com/m@v1.0.0/../x: unrecognized version: ask .info which version it means",
        ),
        (
            "..",
            b"/example.com/../m/@v/list".to_vec(),
            "invalid escaped module path \"example.com/../m\": malformed module path \"example.com/../m\": invalid path element \"..\"",
        ),
        (
            ".. at the front",
            b"/../example.com/m/@v/list".to_vec(),
            "invalid escaped module path \"../example.com/m\": malformed module path \"../example.com/m\": invalid path element \"..\"",
        ),
        (
            ".. in disguise",
            b"/example.com/%2e%2e/m/@v/list".to_vec(),
            "invalid escaped module path \"example.com/../m\": malformed module path \"example.com/../m\": invalid path element \"..\"",
        ),
        (
            ".",
            b"/example.com/./m/@v/list".to_vec(),
            "invalid escaped module path \"example.com/./m\": malformed module path \"example.com/./m\": invalid path element \".\"",
        ),
        (
            "//",
            b"/example.com//m/@v/list".to_vec(),
            "invalid escaped module path \"example.com//m\": malformed module path \"example.com//m\": double slash",
        ),
        (
            "// at the front",
            b"//example.com/m/@v/list".to_vec(),
            "invalid escaped module path \"/example.com/m\": malformed module path \"/example.com/m\": empty path element",
        ),
        (
            "no dot in the first element",
            b"/example/m/@v/list".to_vec(),
            "invalid escaped module path \"example/m\": malformed module path \"example/m\": missing dot in first path element",
        ),
        (
            "a capital",
            b"/example.com/M/@v/list".to_vec(),
            "invalid escaped module path \"example.com/M\": malformed module path \"example.com/M\": invalid escaped form",
        ),
        (
            "a bad escape",
            b"/example.com/!M/@v/list".to_vec(),
            "invalid escaped module path \"example.com/!M\": malformed module path \"example.com/!M\": invalid escaped form",
        ),
        (
            "an escape of nothing",
            b"/example.com/m!/@v/list".to_vec(),
            "invalid escaped module path \"example.com/m!\": malformed module path \"example.com/m!\": invalid escaped form",
        ),
        (
            "a capital in a version",
            b"/example.com/m/@v/v1.0.0-RC1.info".to_vec(),
            "version \"v1.0.0-RC1\" invalid: invalid escaped form",
        ),
        (
            "a bad escape in a version",
            b"/example.com/m/@v/!!v1.0.0.info".to_vec(),
            "version \"!!v1.0.0\" invalid: invalid escaped form",
        ),
        (
            "a name that Windows cannot have",
            b"/example.com/aux/@v/list".to_vec(),
            "invalid escaped module path \"example.com/aux\": malformed module path \"example.com/aux\": \"aux\" disallowed as path element component on Windows",
        ),
        (
            "a path of /v1",
            b"/example.com/m/v1/@v/list".to_vec(),
            "invalid escaped module path \"example.com/m/v1\": malformed module path \"example.com/m/v1\": invalid version",
        ),
        (
            "a gopkg.in path without a version",
            b"/gopkg.in/yaml/@v/list".to_vec(),
            "invalid escaped module path \"gopkg.in/yaml\": malformed module path \"gopkg.in/yaml\": invalid version",
        ),
        (
            "a major version that is not the path's",
            b"/example.com/m/@v/v2.0.0.mod".to_vec(),
            "example.com/m@v2.0.0: version \"v2.0.0\" invalid: should be v0 or v1, not v2",
        ),
        (
            "a version that is not canonical, as a .zip",
            b"/example.com/m/@v/v1.0.0+build.zip".to_vec(),
            "example.com/m@v1.0.0+build: unrecognized version: ask .info which version it means",
        ),
        (
            "a backslash",
            b"/example.com/m\\x/@v/list".to_vec(),
            "invalid escaped module path \"example.com/m\\\\x\": malformed module path \"example.com/m\\\\x\": invalid char '\\\\'",
        ),
        (
            "a query in place of the path",
            b"/?/example.com/m/@v/list".to_vec(),
            "this is a Go module proxy: give its address to the go command, in GOPROXY",
        ),
        (
            "a path that is too long",
            long.into_bytes(),
            "the path is too long",
        ),
        (
            "a project's path with a bare slash",
            b"/api/v4/projects/default/modules/packages/go/example.com/m/@v/list".to_vec(),
            "invalid escaped module path \"api/v4/projects/default/modules/packages/go/example.com/m\": malformed module path \"api/v4/projects/default/modules/packages/go/example.com/m\": missing dot in first path element",
        ),
        (
            "another GitLab API",
            b"/api/v4/projects/1/packages/npm/example.com/m/@v/list".to_vec(),
            "invalid escaped module path \"api/v4/projects/1/packages/npm/example.com/m\": malformed module path \"api/v4/projects/1/packages/npm/example.com/m\": missing dot in first path element",
        ),
        (
            "a checksum database",
            b"/sumdb/sum.golang.org/supported".to_vec(),
            "missing /@v/",
        ),
        ("something else", b"/favicon.ico".to_vec(), "missing /@v/"),
    ];
    let mut differences = String::new();
    for (name, path, why) in rows {
        let answer = Request::new("GET", path).send(server.address()).show();
        let expected = refusal(
            404,
            "public, max-age=60",
            "",
            &format!("not found: {why}\n"),
        );
        if answer != expected {
            differences += &format!("## {name}\nexpected {expected}\ngot {answer}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn a_project_that_is_not_there_is_as_one_that_one_may_not_see() {
    let server = Server::new();
    for project in ["2", "other%2Fmodules"] {
        let path = format!("/api/v4/projects/{project}/packages/go/example.com/m/@v/list");
        let answer = Request::new("GET", &path).send(server.address());
        assert_eq!(answer.status, 401, "{answer}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Basic realm=\"goproxy-edge\"")
        );
        let answer = Request::new("GET", &path)
            .token(TOKEN)
            .send(server.address());
        assert_eq!(answer.status, 404, "{answer}");
    }
}
