//! Every kind of upload that is refused: what is answered, and that nothing of it stays.

use std::io::Write as _;
use std::time::Duration;

use zip::write::SimpleFileOptions;

use crate::support::archive::{Entry, module_zip, noise, raw_zip, small_module, zip};
use crate::support::http::{Request, refusal};
use crate::support::server::{Server, Setup, TOKEN};

const URL: &str = "/example.com/m/@v/v1.0.0.zip";
const PREFIX: &str = "example.com/m@v1.0.0/";

/// A refusal of the module at [`URL`].
fn invalid(why: &str) -> String {
    refusal(
        422,
        "no-store",
        "",
        &format!("invalid: example.com/m@v1.0.0: {why}\n"),
    )
}

fn go_mod() -> Entry {
    Entry::stored(&format!("{PREFIX}go.mod"), b"module example.com/m\n")
}

fn file(name: &str) -> Entry {
    Entry::stored(&format!("{PREFIX}{name}"), b"package m\n")
}

/// A module zip with a go.mod and these entries.
fn with(entries: &[Entry]) -> Vec<u8> {
    raw_zip(b"", &[&[go_mod()], entries].concat())
}

/// A name, where it is sent, what is sent, and why it is refused.
struct Row {
    name: &'static str,
    url: String,
    body: Vec<u8>,
    answer: String,
}

fn row(name: &'static str, body: Vec<u8>, why: &str) -> Row {
    Row {
        name,
        url: URL.to_owned(),
        body,
        answer: invalid(why),
    }
}

/// Sent to somewhere else, and so answered otherwise.
fn at(url: &str, name: &'static str, body: Vec<u8>, why: &str) -> Row {
    let answer = refusal(422, "no-store", "", &format!("invalid: {why}\n"));
    Row {
        name,
        url: url.to_owned(),
        body,
        answer,
    }
}

fn rows() -> Vec<Row> {
    let truncated = || {
        let whole = small_module("example.com/m", "v1.0.0");
        whole[..whole.len() - 30].to_vec()
    };
    vec![
        row(
            "no zip",
            b"this is no zip".to_vec(),
            "not a zip file, or cut off: it has no end record",
        ),
        row(
            "empty",
            Vec::new(),
            "not a zip file, or cut off: it has no end record",
        ),
        row(
            "truncated",
            truncated(),
            "not a zip file, or cut off: it has no end record",
        ),
        row(
            "the prefix of another module",
            small_module("example.com/other", "v1.0.0"),
            "2 problems:\nexample.com/other@v1.0.0/go.mod: path does not have prefix \"example.com/m@v1.0.0/\"\nexample.com/other@v1.0.0/m.go: path does not have prefix \"example.com/m@v1.0.0/\"",
        ),
        row(
            "the prefix of another version",
            small_module("example.com/m", "v1.0.1"),
            "2 problems:\nexample.com/m@v1.0.1/go.mod: path does not have prefix \"example.com/m@v1.0.0/\"\nexample.com/m@v1.0.1/m.go: path does not have prefix \"example.com/m@v1.0.0/\"",
        ),
        row(
            "an entry outside the prefix",
            with(&[file("m.go"), Entry::stored("elsewhere/m.go", b"package m")]),
            "elsewhere/m.go: path does not have prefix \"example.com/m@v1.0.0/\"",
        ),
        row(
            "a source archive of another module",
            zip(
                "",
                &[
                    ("go.mod", b"module example.com/other"),
                    ("m.go", b"package m"),
                ],
            ),
            "go.mod: module line names \"example.com/other\", not \"example.com/m\"",
        ),
        row(
            "a source archive with a go.mod that is none",
            zip("", &[("go.mod", b"modul example.com/m")]),
            "go.mod: missing module line",
        ),
        row(
            "names that collide by case",
            with(&[
                file("a.go"),
                file("A.go"),
                file("sub/x.go"),
                file("SUB/y.go"),
            ]),
            "2 problems:\nexample.com/m@v1.0.0/A.go: case-insensitive file name collision: \"a.go\" and \"A.go\"\nexample.com/m@v1.0.0/SUB/y.go: case-insensitive file name collision: \"sub\" and \"SUB\"",
        ),
        row(
            "a name twice",
            with(&[file("a.go"), file("a.go")]),
            "example.com/m@v1.0.0/a.go: multiple entries for file \"a.go\"",
        ),
        row(
            "a file that is a folder too",
            with(&[file("a"), file("a/b.go")]),
            "example.com/m@v1.0.0/a/b.go: entry \"a\" is both a file and a directory",
        ),
        row(
            "a name that leaves the root",
            with(&[file("../evil.go"), file("sub/../../evil.go")]),
            "2 problems:\nexample.com/m@v1.0.0/../evil.go: malformed file path \"../evil.go\": invalid path element \"..\"\nexample.com/m@v1.0.0/sub/../../evil.go: file path is not clean",
        ),
        row(
            "an absolute name",
            raw_zip(b"", &[go_mod(), Entry::stored("/etc/passwd", b"x")]),
            "/etc/passwd: path does not have prefix \"example.com/m@v1.0.0/\"",
        ),
        row(
            "names that some systems cannot have",
            with(&[
                file("aux.go"),
                file("a:b.go"),
                file("back\\slash.go"),
                file("dot./x.go"),
                file("double//slash.go"),
                file("nul\0.go"),
            ]),
            "6 problems:\nexample.com/m@v1.0.0/aux.go: malformed file path \"aux.go\": \"aux\" disallowed as path element component on Windows\nexample.com/m@v1.0.0/a:b.go: malformed file path \"a:b.go\": invalid char ':'\nexample.com/m@v1.0.0/back\\slash.go: malformed file path \"back\\\\slash.go\": invalid char '\\\\'\nexample.com/m@v1.0.0/dot./x.go: malformed file path \"dot./x.go\": trailing dot in path element\nexample.com/m@v1.0.0/double//slash.go: file path is not clean\nexample.com/m@v1.0.0/nul\0.go: malformed file path \"nul\\0.go\": invalid char '\\0'",
        ),
        row(
            "a name that is not UTF-8",
            with(&[Entry {
                name: [PREFIX.as_bytes(), b"\xff.go"].concat(),
                ..file("x")
            }]),
            "example.com/m@v1.0.0/�.go: malformed file path \"�.go\": invalid UTF-8",
        ),
        row(
            "a go.mod in a sub-folder",
            with(&[file("sub/go.mod")]),
            "example.com/m@v1.0.0/sub/go.mod: go.mod file not in module root directory",
        ),
        row(
            "a GO.MOD",
            with(&[file("GO.MOD")]),
            "example.com/m@v1.0.0/GO.MOD: case-insensitive file name collision: \"go.mod\" and \"GO.MOD\"",
        ),
        row(
            "a symlink in a module zip",
            with(&[Entry {
                external_attributes: 0o120_777 << 16,
                ..file("link.go")
            }]),
            "example.com/m@v1.0.0/link.go: file is a symbolic link",
        ),
        row(
            "encrypted",
            with(&[Entry {
                flags: 1,
                ..file("secret.go")
            }]),
            "example.com/m@v1.0.0/secret.go: entry is encrypted",
        ),
        row(
            "a compression that is neither stored nor deflate",
            with(&[Entry {
                method: 12,
                ..file("packed.go")
            }]),
            "example.com/m@v1.0.0/packed.go: unsupported compression method 12",
        ),
        row(
            "bytes before the first entry",
            raw_zip(b"#!/bin/sh\n", &[go_mod(), file("m.go")]),
            "10 bytes belong to no entry",
        ),
        row(
            "overlapping entries",
            with(&[
                file("a.go"),
                Entry {
                    shares_header_of: Some(1),
                    ..file("b.go")
                },
            ]),
            "2 problems:\nexample.com/m@v1.0.0/a.go: entry overlaps what follows it\nexample.com/m@v1.0.0/b.go: local header contradicts the central directory: name",
        ),
        row(
            "a local header with another name",
            with(&[Entry {
                local_name: Some(format!("{PREFIX}other.go").into_bytes()),
                ..file("named.go")
            }]),
            "example.com/m@v1.0.0/named.go: local header contradicts the central directory: name",
        ),
        row(
            "a local header with another size",
            with(&[Entry {
                local_size: Some(3),
                ..file("sized.go")
            }]),
            "example.com/m@v1.0.0/sized.go: local header contradicts the central directory: sizes",
        ),
        row(
            "contents with another checksum",
            with(&[Entry {
                crc: 1,
                ..file("damaged.go")
            }]),
            "example.com/m@v1.0.0/damaged.go: checksum mismatch",
        ),
        row(
            "a declared size that is too small",
            with(&[Entry {
                size: 5,
                ..Entry::deflated(
                    &format!("{PREFIX}lie.go"),
                    b"package m // longer than it says",
                )
            }]),
            "example.com/m@v1.0.0/lie.go: uncompressed size is larger than declared size (5 bytes)",
        ),
        row(
            "a declared size that is too large",
            with(&[Entry {
                size: 500,
                ..Entry::deflated(&format!("{PREFIX}lie.go"), b"package m")
            }]),
            "example.com/m@v1.0.0/lie.go: uncompressed size is smaller than declared size (500 bytes)",
        ),
        row(
            "a small zip that inflates past the limit",
            bomb(),
            "total uncompressed size of module contents too large (max size is 524288000 bytes)",
        ),
        row(
            "a declared size past the limit",
            with(&[Entry {
                size: 600 << 20,
                ..Entry::deflated(&format!("{PREFIX}lie"), b"small")
            }]),
            "total uncompressed size of module contents too large (max size is 524288000 bytes)",
        ),
        row(
            "a go.mod past its limit",
            module_zip(
                "example.com/m",
                "v1.0.0",
                &[("go.mod", &vec![b'\n'; (16 << 20) + 1])],
            ),
            "example.com/m@v1.0.0/go.mod: go.mod file too large (max size is 16777216 bytes)",
        ),
        row(
            "several problems at once",
            with(&[
                file("a.go"),
                file("A.go"),
                file("aux.go"),
                file("sub/go.mod"),
                file("../x.go"),
            ]),
            "4 problems:\nexample.com/m@v1.0.0/A.go: case-insensitive file name collision: \"a.go\" and \"A.go\"\nexample.com/m@v1.0.0/aux.go: malformed file path \"aux.go\": \"aux\" disallowed as path element component on Windows\nexample.com/m@v1.0.0/sub/go.mod: go.mod file not in module root directory\nexample.com/m@v1.0.0/../x.go: malformed file path \"../x.go\": invalid path element \"..\"",
        ),
        at(
            "/example.com/m/@v/v2.0.0.zip",
            "a major version that is not the path's",
            small_module("example.com/m", "v2.0.0"),
            "example.com/m@v2.0.0: version \"v2.0.0\" invalid: should be v0 or v1, not v2",
        ),
        at(
            "/example.com/m/v2/@v/v1.0.0.zip",
            "a path's major that is not the version's",
            small_module("example.com/m/v2", "v1.0.0"),
            "example.com/m/v2@v1.0.0: version \"v1.0.0\" invalid: should be v2, not v1",
        ),
        at(
            "/example.com/m/@v/v1.zip",
            "a version that is not canonical",
            small_module("example.com/m", "v1"),
            "example.com/m@v1: a canonical version such as v1.2.3 is needed",
        ),
        at(
            "/example.com/m/@v/main.zip",
            "a version that is none",
            small_module("example.com/m", "main"),
            "example.com/m@main: a canonical version such as v1.2.3 is needed",
        ),
        at(
            "/nodot/@v/v1.0.0.zip",
            "a path without a dot",
            small_module("nodot", "v1.0.0"),
            "invalid escaped module path \"nodot\": malformed module path \"nodot\": missing dot in first path element",
        ),
        at(
            "/example.com/M/@v/v1.0.0.zip",
            "a path that is not escaped",
            small_module("example.com/M", "v1.0.0"),
            "invalid escaped module path \"example.com/M\": malformed module path \"example.com/M\": invalid escaped form",
        ),
        at(
            &format!("{URL}?time=yesterday"),
            "a time that is none",
            small_module("example.com/m", "v1.0.0"),
            "the parameter `time`: it is no RFC 3339 time, such as 2006-01-02T15:04:05Z",
        ),
        at(
            &format!("{URL}?origin=%7B"),
            "an origin that is no JSON",
            small_module("example.com/m", "v1.0.0"),
            "the parameter `origin`: it is no JSON object of the go command's Origin",
        ),
        at(
            &format!("{URL}?subdir=../up"),
            "a sub-folder outside",
            small_module("example.com/m", "v1.0.0"),
            "the parameter `subdir`: it is no folder inside the archive",
        ),
        at(
            &format!("{URL}?tiem=2020"),
            "a parameter that is not known",
            small_module("example.com/m", "v1.0.0"),
            "there is no parameter \"tiem\": `time`, `origin`, `ref`, `strip` and `subdir` are known",
        ),
        at(
            "/example.com/m/@v/v1.0.0.mod",
            "a go.mod without a module line",
            b"go 1.20\n".to_vec(),
            "example.com/m@v1.0.0: the body is no go.mod: it has no module line",
        ),
        at(
            "/upload",
            "Gitea's form without a prefix",
            zip("", &[("go.mod", b"module example.com/m")]),
            "the first file \"go.mod\" of the zip does not begin with module@version/",
        ),
    ]
}

/// 600 MiB of nothing in half a megabyte.
fn bomb() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer
        .start_file(format!("{PREFIX}go.mod"), options)
        .unwrap();
    writer.write_all(b"module example.com/m\n").unwrap();
    writer
        .start_file(format!("{PREFIX}nothing"), options)
        .unwrap();
    let nothing = vec![0; 1 << 20];
    for _ in 0..600 {
        writer.write_all(&nothing).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn every_bad_upload_is_answered_with_all_its_problems_and_leaves_nothing_visible() {
    let server = Server::new();
    let mut differences = String::new();
    for Row {
        name,
        url,
        body,
        answer: expected,
    } in rows()
    {
        let answer = server.put(&url, body).show();
        if answer != expected {
            differences += &format!("## {name}\nexpected {expected}\ngot {answer}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
    for gone in [
        URL,
        "/example.com/m/@v/v1.0.0.info",
        "/example.com/m/@v/v1.0.0.mod",
        "/example.com/m/@v/list",
    ] {
        assert_eq!(server.get(gone).status, 404, "{gone}");
    }
    // What is right is taken afterwards, as if nothing had been.
    server.publish(URL, small_module("example.com/m", "v1.0.0"));
}

#[test]
fn the_store_does_not_grow_by_what_was_refused() {
    let noise = noise(4_000_000);
    let refused = module_zip(
        "example.com/other",
        "v1.0.0",
        &[("go.mod", b"module example.com/other\n"), ("noise", &noise)],
    );
    let server = Server::new();
    let upload = |count: usize| {
        for _ in 0..count {
            assert_eq!(server.put(URL, refused.clone()).status, 422);
        }
    };
    // The file grows while an upload is checked, and what is free in it is used again.
    upload(3);
    let before = server.store_size();
    upload(6);
    assert!(
        server.store_size() <= before + (1 << 20),
        "from {before} to {}",
        server.store_size()
    );
}

#[test]
fn a_zip_of_too_many_files_is_refused() {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer
        .start_file(format!("{PREFIX}go.mod"), options)
        .unwrap();
    writer.write_all(b"module example.com/m\n").unwrap();
    for number in 0..200_000 {
        writer
            .start_file(format!("{PREFIX}f{number}"), options)
            .unwrap();
    }
    let zip = writer.finish().unwrap().into_inner();
    let server = Server::new();
    let answer = server.put(URL, zip);
    assert_eq!(
        answer.show(),
        invalid("too many files in the archive (200001; limit is 200000)")
    );
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let server = Setup::new().set("max_zip_bytes", 1000).start();
    let zip = zip(
        PREFIX,
        &[
            ("go.mod", b"module example.com/m\n"),
            ("noise", &(0..=255).cycle().take(3000).collect::<Vec<u8>>()),
        ],
    );
    let stored = raw_zip(
        b"",
        &[
            go_mod(),
            Entry::stored(&format!("{PREFIX}noise"), &[7; 3000]),
        ],
    );
    assert!(zip.len() < 1000 && stored.len() > 1000);
    let too_large =
        "too large: example.com/m@v1.0.0: the body is larger than 1000 bytes (`max_zip_bytes`)\n";
    assert_eq!(
        server.put(URL, stored).show(),
        refusal(413, "no-store", "", too_large)
    );
    // By what it declares alone, with nothing sent.
    let declared = Request::new("PUT", URL)
        .token(TOKEN)
        .declare_length(501 << 20)
        .send(server.address());
    assert_eq!(declared.status, 413, "{declared}");
    server.publish(URL, zip);
}

#[test]
fn a_connection_cut_midway_leaves_nothing() {
    let server = Server::new();
    let noise = noise(3_000_000);
    let whole = module_zip(
        "example.com/m",
        "v1.0.0",
        &[("go.mod", b"module example.com/m\n"), ("noise", &noise)],
    );
    for sent in [0, 10, whole.len() / 2, whole.len() - 1] {
        Request::new("PUT", URL)
            .token(TOKEN)
            .body(&whole[..sent])
            .declare_length(whole.len() as u64)
            .send_and_cut(server.address());
    }
    std::thread::sleep(Duration::from_millis(200));
    for gone in [
        URL,
        "/example.com/m/@v/v1.0.0.info",
        "/example.com/m/@v/list",
    ] {
        assert_eq!(server.get(gone).status, 404, "{gone}");
    }
    server.publish(URL, whole.clone());
    assert!(server.get(URL).body == whole);
}
