//! Module zips that are accepted, and names that are not.

use super::*;

const HELLO: &str = "\
-- example.com/m@v1.0.0/go.mod --
module example.com/m

go 1.13
-- example.com/m@v1.0.0/m.go --
package m

func Foo() int { return 42 }
-- example.com/m@v1.0.0/cmd/hello/hello.go --
package main

import (
  \"fmt\"
  \"example.com/m\"
)

func main() {
  fmt.Println(m.Foo())
}
";

/// Archives for example.com/m@v1.0.0 by their text, and the hash or the problems: the fixtures of
/// golang.org/x/mod/zip's testdata/unzip and check_zip.
const FIXTURES: &[Fixture] = &[
    (
        "empty",
        "",
        Ok("h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ),
    (
        "simple",
        HELLO,
        Ok("h1:tpqYOOmuilagXzyqoJ3roUjp8gneQeTv5YVpL6BG7/k="),
    ),
    (
        "go.mod is a folder",
        "-- example.com/m@v1.0.0/go.mod/a.go --\npackage a\n",
        Ok("h1:Mun5l9cBlDnnV6JasTpio2aZJSbFj++h+814mnKC/OM="),
    ),
    (
        "bad file path",
        "-- example.com/m@v1.0.0/bad.go' --\npackage bad\n",
        Err(&["example.com/m@v1.0.0/bad.go': malformed file path \"bad.go'\": invalid char '\\''"]),
    ),
    (
        "bad go.mod case",
        "-- example.com/m@v1.0.0/GO.MOD --\nmodule example.com/m\n",
        Err(&["example.com/m@v1.0.0/GO.MOD: go.mod files must have lowercase names"]),
    ),
    (
        "nested module",
        "-- example.com/m@v1.0.0/go.mod --\nmodule example.com/m\n\ngo 1.13\n\
         -- example.com/m@v1.0.0/sub/go.mod --\nmodule example.com/m/sub\n",
        Err(&["example.com/m@v1.0.0/sub/go.mod: go.mod file not in module root directory"]),
    ),
    (
        "nested module in capitals",
        "-- example.com/m@v1.0.0/a.go --\npackage a\n\
         -- example.com/m@v1.0.0/b/GO.MOD --\nMODULE EXAMPLE.COM/M/B\n\
         -- example.com/m@v1.0.0/b/b.go --\npackage b\n",
        Err(&["example.com/m@v1.0.0/b/GO.MOD: go.mod file not in module root directory"]),
    ),
    (
        "file twice",
        "-- example.com/m@v1.0.0/dup.go --\npackage d1\n-- example.com/m@v1.0.0/dup.go --\npackage d2\n",
        Err(&["example.com/m@v1.0.0/dup.go: multiple entries for file \"dup.go\""]),
    ),
    (
        "file and folder",
        "-- example.com/m@v1.0.0/a.go --\npackage a\n-- example.com/m@v1.0.0/a.go/b.go --\npackage b\n",
        Err(&["example.com/m@v1.0.0/a.go/b.go: entry \"a.go\" is both a file and a directory"]),
    ),
    (
        "case collision",
        "-- example.com/m@v1.0.0/m.go --\npackage m\n-- example.com/m@v1.0.0/M.GO --\npackage m\n",
        Err(&[
            "example.com/m@v1.0.0/M.GO: case-insensitive file name collision: \"m.go\" and \"M.GO\"",
        ]),
    ),
    (
        "prefix without a slash",
        "-- example.com/m@v1.0.0 --\n-- example.com/m@v1.0.0/go.mod --\nmodule example.com/m\n",
        Err(&["example.com/m@v1.0.0: path does not have prefix \"example.com/m@v1.0.0/\""]),
    ),
    (
        "all problems at once",
        "-- noprefix --\n-- example.com/m@v1.0.0/valid.go --\n-- example.com/m@v1.0.0/not/../clean --\n\
         -- example.com/m@v1.0.0/invalid.go' --\n-- example.com/m@v1.0.0/GO.MOD --\n\
         -- example.com/m@v1.0.0/valid.go --\nduplicate\n",
        Err(&[
            "noprefix: path does not have prefix \"example.com/m@v1.0.0/\"",
            "example.com/m@v1.0.0/not/../clean: file path is not clean",
            "example.com/m@v1.0.0/invalid.go': malformed file path \"invalid.go'\": invalid char '\\''",
            "example.com/m@v1.0.0/GO.MOD: go.mod files must have lowercase names",
            "example.com/m@v1.0.0/valid.go: multiple entries for file \"valid.go\"",
        ]),
    ),
    (
        "out of the module",
        "-- example.com/m@v1.0.0/../../etc/passwd --\n-- example.com/m@v1.0.0//abs --\n\
         -- /example.com/m@v1.0.0/x --\n-- example.com/m@v1.0.0/a\\..\\b --\n",
        Err(&[
            "example.com/m@v1.0.0/../../etc/passwd: \
             malformed file path \"../../etc/passwd\": invalid path element \"..\"",
            "example.com/m@v1.0.0//abs: malformed file path \"/abs\": empty path element",
            "/example.com/m@v1.0.0/x: path does not have prefix \"example.com/m@v1.0.0/\"",
            "example.com/m@v1.0.0/a\\..\\b: \
             malformed file path \"a\\\\..\\\\b\": invalid char '\\\\'",
        ]),
    ),
];

#[test]
fn module_zips_are_judged_as_x_mod_says() {
    let target = module("example.com/m", "v1.0.0");
    for (name, text, expected) in FIXTURES {
        let outcome = check_bytes(&archive(text), &target);
        match expected {
            Ok(hash) => assert_eq!(outcome.unwrap().h1, *hash, "{name}"),
            Err(expected) => assert_eq!(problems(outcome), *expected, "{name}"),
        }
    }
}

#[test]
fn an_accepted_zip_tells_all_that_is_to_be_stored() {
    let go_mod = "module example.com/other // a fork\n";
    let stamp = |seconds: u32| [&[1], &seconds.to_le_bytes()[..]].concat();
    let mut zip = Archive::of([
        Item::folder("example.com/m@v1.0.0/"),
        Item::folder("example.com/m@v1.0.0/sub/"),
        Item::stored("example.com/m@v1.0.0/go.mod", go_mod)
            .with_extra(0x5455, &stamp(1_136_189_045)),
        Item::file("example.com/m@v1.0.0/sub/a.go", "package sub\n")
            .with_extra(0x5455, &stamp(1_136_189_044))
            .with_descriptor(b"PK\x07\x08"),
        Item::file("example.com/m@v1.0.0/sub/\u{e9}.go", "").with_descriptor(b""),
    ]);
    zip.comment = b"0123456789abcdef0123456789abcdef01234567".to_vec();
    let checked = check_bytes(&zip.bytes(), &module("example.com/m", "v1.0.0")).unwrap();
    let expected = Checked {
        h1: checked.h1.clone(),
        go_mod: Some(go_mod.into()),
        newest: Timestamp::parse_rfc3339("2006-01-02T08:04:05Z"),
        commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
        files: 3,
        unpacked: go_mod.len() as u64 + 12,
    };
    assert_eq!(checked, expected);
}

#[test]
fn symbolic_links_and_irregular_files_are_refused() {
    let prefixed = |name: &str| format!("example.com/m@v1.0.0/{name}");
    let zip = Archive::of([
        Item::stored(prefixed("link"), "/etc/passwd").with_mode(0o120777),
        Item::stored(prefixed("pipe"), "").with_mode(0o010644),
        Item::stored(prefixed("folder"), "").with_mode(0o040755),
        Item::stored(prefixed("file"), "").with_mode(0o100644),
        Item::stored(prefixed("modeless"), "").with_mode(0),
    ]);
    let outcome = check_bytes(&zip.bytes(), &module("example.com/m", "v1.0.0"));
    let expected = [
        "example.com/m@v1.0.0/link: file is a symbolic link",
        "example.com/m@v1.0.0/pipe: not a regular file",
        "example.com/m@v1.0.0/folder: not a regular file",
    ];
    assert_eq!(problems(outcome), expected);
}

#[test]
fn names_collide_in_every_folder_and_by_every_letter() {
    let prefixed = |name: &str| Item::file(format!("example.com/m@v1.0.0/{name}"), "");
    for (name, list, expected) in [
        ("folders", &["A/x", "a/y", "A/z"][..], &["a/y"][..]),
        (
            "first comes last in order",
            &["a/x", "A/x", "A/y"],
            &["A/x", "A/y"],
        ),
        ("Kelvin", &["k.go", "\u{212a}.go"], &["\u{212a}.go"]),
        ("three", &["aa", "aA", "Aa"], &["aA", "Aa"]),
        ("file after folder", &["a/b/c", "a/b"], &["a/b"]),
        (
            "folder after file",
            &["a/b", "a/b/c", "a/b/d"],
            &["a/b/c", "a/b/d"],
        ),
        (
            "deep",
            &["x/Y/z/1", "x/y/z/2", "x/Y/Z/3"],
            &["x/y/z/2", "x/Y/Z/3"],
        ),
        ("folder twice", &["d/", "d/"], &["d/"]),
        ("folder and file", &["d/", "d"], &["d"]),
        (
            "none",
            &["a.b/c", "a/b", "a-b", "a", "ab/c", "b/A", "c/a"][2..],
            &[],
        ),
    ] {
        let zip = Archive::of(list.iter().map(|name| prefixed(name)));
        let blamed: Vec<String> =
            match check_bytes(&zip.bytes(), &module("example.com/m", "v1.0.0")) {
                Ok(_) => Vec::new(),
                Err(ZipError::Invalid(problems)) => problems.into_iter().map(|p| p.name).collect(),
                Err(error) => panic!("{error}"),
            };
        let expected: Vec<String> = expected
            .iter()
            .map(|n| format!("example.com/m@v1.0.0/{n}"))
            .collect();
        assert_eq!(blamed, expected, "{name}");
    }
}

#[test]
fn a_module_zip_is_told_by_its_first_name() {
    for (first, expected) in [
        ("example.com/m@v1.0.0/go.mod", Some("example.com/m@v1.0.0")),
        ("example.com/m@v1.0.0/", Some("example.com/m@v1.0.0")),
        ("example.com/!m@v1/x", Some("example.com/!m@v1")),
        (
            "example.com/M/v2@v2.0.0+incompatible/x@y",
            Some("example.com/M/v2@v2.0.0+incompatible"),
        ),
        ("m-1.0.0/go.mod", None),
        ("m@v1.0.0/go.mod", None),
        ("example.com/m@latest/go.mod", None),
        ("example.com/m@v1.0.0", None),
        ("go.mod", None),
        ("\u{e9}/go.mod", None),
    ] {
        let zip = Archive::of([Item::file(first, ""), Item::file("other", "")]);
        let expected = expected.map_or(Kind::Source, |prefix| Kind::Module {
            prefix: prefix.to_owned(),
        });
        assert_eq!(
            kind(&mut Cursor::new(zip.bytes())).unwrap(),
            expected,
            "{first}"
        );
    }
    let empty = Archive::default().bytes();
    assert_eq!(kind(&mut Cursor::new(empty)).unwrap(), Kind::Source);
}

#[test]
fn the_newest_entry_gives_the_time() {
    let date = |date| Item {
        date,
        ..Item::file("a", "")
    };
    let newest =
        |items: Vec<Item>| newest_entry_time(&mut Cursor::new(Archive::of(items).bytes())).unwrap();
    assert_eq!(newest(vec![date(0)]), None);
    let dos = newest(vec![
        date(0),
        date(26 << 9 | 1 << 5 | 2),
        date(26 << 9 | 1 << 5 | 1),
    ]);
    assert_eq!(dos, Timestamp::parse_rfc3339("2006-01-02T00:00:00Z"));
    let stamped = Item::file("b", "").with_extra(0x5455, &[1, 1, 0, 0, 0]);
    let utc = newest(vec![date(26 << 9 | 1 << 5 | 2), stamped]);
    assert_eq!(utc, Timestamp::from_unix(1, 0));
}
