//! Source archives.

use super::*;

/// Source archives for example.com/m@v1.0.0 by their text, and the hash or the problems: the
/// fixtures of golang.org/x/mod/zip's testdata/create and check_files.
const FIXTURES: &[Fixture] = &[
    (
        "empty",
        "",
        Ok("h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ),
    (
        "bad file path",
        "-- bad.go' --\npackage bad\n",
        Err(&["bad.go': malformed file path \"bad.go'\": invalid char '\\''"]),
    ),
    (
        "bad go.mod case",
        "-- GO.MOD --\nmodule example.com/m\n",
        Err(&["GO.MOD: go.mod files must have lowercase names"]),
    ),
    (
        "file twice",
        "-- dup.go --\npackage d1\n-- dup.go --\npackage d2\n",
        Err(&["dup.go: multiple entries for file \"dup.go\""]),
    ),
    (
        "file and folder",
        "-- a.go --\npackage a\n-- a.go/b.go --\npackage b\n",
        Err(&["a.go/b.go: entry \"a.go\" is both a file and a directory"]),
    ),
    (
        "nested module in capitals",
        "-- a.go --\npackage a\n-- b/GO.MOD --\nMODULE EXAMPLE.COM/M/B\n-- b/b.go --\npackage b\n",
        Ok("h1:xctQQey8/y7IcBjFZDP/onWLSXhlqcsC3i1fgSdpMHk="),
    ),
    (
        "nested module",
        "-- go.mod --\nmodule example.com/m\n\ngo 1.13\n-- sub/go.mod --\nmodule example.com/m/sub\n\
         -- sub/x.go' --\ninvalid name, but this shouldn't be read\n",
        Ok("h1:XduFAgX/GaspZa8Jv4pfzoGEzNaU/r88PiCunijw5ok="),
    ),
    (
        "vendored before go 1.24",
        "-- go.mod --\nmodule example.com/m\n\ngo 1.13\n-- vendor/modules.txt --\nincluded\n\
         see comment in isVendoredPackage and golang.org/issue/31562.\n\
         -- vendor/example.com/x/x.go --\nexcluded\n-- sub/vendor/sub.txt --\nexcluded\n\
         -- pkg/vendor/vendor.go --\nexcluded\n",
        Ok("h1:5u93LDLN0Me+NGfZtRpA5mHxY8svfykHpq4CMSaBZyc="),
    ),
    (
        "vendored from go 1.24 on",
        "-- go.mod --\nmodule example.com/m\n\ngo 1.24\nmodules.txt is excluded in 1.24+. \
         See golang.org/issue/63395\n-- vendor/modules.txt --\nexcluded\n\
         -- vendor/example.com/x/x.go --\nexcluded\n-- sub/vendor/sub.txt --\nexcluded\n\
         -- pkg/vendor/vendor.go --\nincluded\n\
         see comment in isVendoredPackage and golang.org/issue/37397\n",
        Ok("h1:mJR1q75yiMK6+CDw6DuhMS4v4hNoLXqkyk2Cph4VS8Q="),
    ),
    (
        "case collision",
        "-- m.go --\npackage m\n-- M.GO --\npackage m\n",
        Err(&["M.GO: case-insensitive file name collision: \"m.go\" and \"M.GO\""]),
    ),
    (
        "go.mod is a folder",
        "-- go.mod/a.go --\npackage a\n",
        Ok("h1:Mun5l9cBlDnnV6JasTpio2aZJSbFj++h+814mnKC/OM="),
    ),
    (
        "all problems at once",
        "-- valid.go --\n-- not/../clean --\n-- GO.MOD --\n-- invalid.go' --\n-- vendor/x/y --\n\
         -- vendor/modules.txt --\n-- sub/go.mod --\n-- .hg_archival.txt --\n-- valid.go --\nduplicate\n\
         -- pkg/vendor/vendor.go --\n-- /abs --\n-- ../out --\n",
        Err(&[
            "not/../clean: file path is not clean",
            "GO.MOD: go.mod files must have lowercase names",
            "invalid.go': malformed file path \"invalid.go'\": invalid char '\\''",
            "valid.go: multiple entries for file \"valid.go\"",
            "/abs: file path is not relative",
            "../out: malformed file path \"../out\": invalid path element \"..\"",
        ]),
    ),
];

#[test]
fn source_archives_become_zips_as_x_mod_says() {
    let target = module("example.com/m", "v1.0.0");
    for (name, text, expected) in FIXTURES {
        let outcome = create_bytes(&archive(text), &target, &SourceOptions::default());
        match expected {
            Ok(hash) => assert_eq!(outcome.unwrap().0.h1, *hash, "{name}"),
            Err(expected) => assert_eq!(problems(outcome), *expected, "{name}"),
        }
    }
}

/// Makes a zip of an archive that is described as text, and lists its names without the prefix.
fn made(text: &str, target: &ModuleVersion, options: &SourceOptions<'_>) -> Vec<String> {
    let (_, bytes) = create_bytes(&archive(text), target, options).unwrap();
    let prefix = format!("{target}/");
    let names = names(&bytes).into_iter();
    names
        .map(|name| name.strip_prefix(&prefix).unwrap().to_owned())
        .collect()
}

fn refused(text: &str, target: &ModuleVersion, options: &SourceOptions<'_>) -> Vec<String> {
    problems(create_bytes(&archive(text), target, options))
}

#[test]
fn one_top_folder_is_taken_off_if_it_holds_the_go_mod_or_on_demand() {
    let target = module("example.com/m", "v1.0.0");
    let (plain, strip) = (
        SourceOptions::default(),
        SourceOptions {
            strip: true,
            subdir: None,
        },
    );
    let with_go_mod = "-- m-1/ --\n-- m-1/go.mod --\nmodule example.com/m\n-- m-1/a --\n";
    assert_eq!(made(with_go_mod, &target, &plain), ["go.mod", "a"]);
    assert_eq!(made(with_go_mod, &target, &strip), ["go.mod", "a"]);
    let legacy = "-- m-1/a --\n-- m-1/b/c --\n";
    assert_eq!(made(legacy, &target, &plain), ["m-1/a", "m-1/b/c"]);
    assert_eq!(made(legacy, &target, &strip), ["a", "b/c"]);
    let two = "-- m-1/go.mod --\nmodule example.com/m\n-- n/a --\n-- b --\n";
    assert_eq!(made(two, &target, &plain), ["n/a", "b"]);
    let outside = "file is outside of the one top-level directory";
    let expected = [format!("n/a: {outside}"), format!("b: {outside}")];
    assert_eq!(refused(two, &target, &strip), expected);
    assert_eq!(
        refused("-- a --\n", &target, &strip),
        [format!("a: {outside}")]
    );
}

#[test]
fn a_module_in_a_folder_gets_the_license_of_the_root() {
    let target = module("example.com/r/sub", "v1.0.0");
    let text = "-- LICENSE --\nroot\n-- go.mod --\nmodule example.com/r\n\
                -- sub/go.mod --\nmodule example.com/r/sub\n-- sub/a --\n-- subway/b --\n";
    let options = |subdir| SourceOptions {
        strip: false,
        subdir: Some(subdir),
    };
    assert_eq!(
        made(text, &target, &options("sub")),
        ["LICENSE", "go.mod", "a"]
    );
    assert_eq!(
        made(text, &target, &options("/sub/")),
        ["LICENSE", "go.mod", "a"]
    );
    let own = format!("{text}-- sub/LICENSE --\nown\n");
    assert_eq!(
        made(&own, &target, &options("sub")),
        ["go.mod", "a", "LICENSE"]
    );
    let missing = "missing: a module with a major version suffix, or in a subdirectory, needs one";
    let expected = [format!("nowhere/go.mod: {missing}")];
    assert_eq!(refused(text, &target, &options("nowhere")), expected);
    let expected = ["../sub: malformed file path \"../sub\": invalid path element \"..\""];
    assert_eq!(refused(text, &target, &options("../sub")), expected);
    let in_top = "-- t/LICENSE --\n-- t/sub/go.mod --\nmodule example.com/r/sub\n-- t/sub/a --\n";
    assert_eq!(
        made(in_top, &target, &options("sub")),
        ["LICENSE", "go.mod", "a"]
    );
}

#[test]
fn an_archive_of_which_nothing_would_be_left_is_refused() {
    let target = module("example.com/m", "v1.0.0");
    let plain = SourceOptions::default();
    let nothing = ["no file of the archive belongs to the module"];
    // A module zip under a version that is none.
    let zip =
        "-- example.com/m@1.0.0/go.mod --\nmodule example.com/m\n-- example.com/m@1.0.0/a --\n";
    assert_eq!(refused(zip, &target, &plain), nothing);
    assert_eq!(refused("-- vendor/a/b --\n", &target, &plain), nothing);
    let folders = Archive::of([Item::folder("a/"), Item::folder("a/b/")]).bytes();
    assert_eq!(create_bytes(&folders, &target, &plain).unwrap().0.files, 0);
}

#[test]
fn a_go_mod_of_another_path_is_refused() {
    let target = module("example.com/m", "v1.0.0");
    let options = SourceOptions::default();
    let other = "-- go.mod --\nmodule example.com/other\n-- a' --\n";
    let expected = [
        "go.mod: module line names \"example.com/other\", not \"example.com/m\"",
        "a': malformed file path \"a'\": invalid char '\\''",
    ];
    assert_eq!(refused(other, &target, &options), expected);
    let nameless = "-- go.mod --\ngo 1.24\n";
    assert_eq!(
        refused(nameless, &target, &options),
        ["go.mod: missing module line"]
    );
    let link = Archive::of([Item::stored("go.mod", "other/go.mod").with_mode(0o120777)]);
    let outcome = create_bytes(&link.bytes(), &target, &options);
    assert_eq!(problems(outcome), ["go.mod: file is a symbolic link"]);
}

#[test]
fn a_later_major_version_needs_a_go_mod_that_says_so() {
    let target = module("example.com/m/v2", "v2.0.0");
    let options = SourceOptions::default();
    let at_root = "-- go.mod --\nmodule example.com/m/v2\n-- a --\n";
    assert_eq!(made(at_root, &target, &options), ["go.mod", "a"]);
    let in_folder = "-- LICENSE --\n-- go.mod --\nmodule example.com/m\n-- a --\n\
                     -- v2/go.mod --\nmodule example.com/m/v2\n-- v2/b --\n";
    assert_eq!(
        made(in_folder, &target, &options),
        ["LICENSE", "go.mod", "b"]
    );
    let in_top = "-- t/v2/go.mod --\nmodule example.com/m/v2\n-- t/v2/b --\n";
    assert_eq!(made(in_top, &target, &options), ["go.mod", "b"]);
    let missing = "missing: a module with a major version suffix, or in a subdirectory, needs one";
    assert_eq!(
        refused("-- a --\n", &target, &options),
        [format!("go.mod: {missing}")]
    );
    let both = format!("{at_root}-- v2/go.mod --\nmodule example.com/m/v2\n");
    let expected = ["v2/go.mod: two go.mod files claim this module path"];
    assert_eq!(refused(&both, &target, &options), expected);
    let contradicting = format!("{at_root}-- v2/go.mod --\nmodule example.com/m/v3\n");
    let expected = ["v2/go.mod: module line names \"example.com/m/v3\", not \"example.com/m/v2\""];
    assert_eq!(refused(&contradicting, &target, &options), expected);
    let gopkg = module("gopkg.in/m.v2", "v2.0.0");
    assert_eq!(made("-- a --\n", &gopkg, &options), ["a"]);
}

#[test]
fn incompatible_versions_have_no_go_mod() {
    let options = SourceOptions::default();
    let target = module("example.com/m", "v2.0.0+incompatible");
    assert_eq!(made("-- a --\n", &target, &options), ["a"]);
    let text = "-- go.mod --\nmodule example.com/m\n";
    let expected = [
        "go.mod: module has a go.mod file, so its path must match the major version: \
                     no +incompatible",
    ];
    assert_eq!(refused(text, &target, &options), expected);
    let compatible = module("example.com/m", "v1.0.0+incompatible");
    let expected = ["+incompatible suffix not allowed: v0 and v1 are compatible"];
    assert_eq!(refused("-- a --\n", &compatible, &options), expected);
}

#[test]
fn links_and_irregular_files_are_left_out_of_a_source_archive() {
    let zip = Archive::of([
        Item::stored("link", "/etc/passwd").with_mode(0o120777),
        Item::stored("pipe", "").with_mode(0o010644),
        Item::file("script", "#!").with_mode(0o100755),
        Item::folder("folder/"),
    ]);
    let target = module("example.com/m", "v1.0.0");
    let (made, bytes) = create_bytes(&zip.bytes(), &target, &SourceOptions::default()).unwrap();
    assert_eq!(names(&bytes), ["example.com/m@v1.0.0/script"]);
    assert_eq!((made.files, made.unpacked), (1, 2));
}

#[test]
fn the_same_files_give_the_same_bytes_and_another_reader_understands_them() {
    let target = module("example.com/M", "v1.0.0");
    let text = "-- go.mod --\nmodule example.com/M\n-- \u{e9}.go --\npackage m\n-- empty --\n";
    let stamped = |seconds: u8| {
        let items = files(text).into_iter();
        let items = items.map(|(name, content)| Item::file(name, content).with_mode(0o100644));
        let mut zip =
            Archive::of(items.map(|item| item.with_extra(0x5455, &[1, seconds, 0, 0, 0])));
        zip.comment = b"0123456789abcdef0123456789abcdef01234567".to_vec();
        zip.bytes()
    };
    let options = SourceOptions::default();
    let (first, bytes) = create_bytes(&stamped(1), &target, &options).unwrap();
    let (second, same) = create_bytes(&stamped(2), &target, &options).unwrap();
    assert_eq!(bytes, same);
    assert_eq!(
        first.commit.as_deref(),
        Some("0123456789abcdef0123456789abcdef01234567")
    );
    assert_eq!(
        (first.newest, second.newest),
        (Timestamp::from_unix(1, 0), Timestamp::from_unix(2, 0))
    );
    assert_eq!(
        first.go_mod.as_deref(),
        Some(&b"module example.com/M\n"[..])
    );
    let mut archive = ::zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    for (name, content) in files(text) {
        let mut file = archive
            .by_name(&format!("example.com/M@v1.0.0/{name}"))
            .unwrap();
        let mut read = String::new();
        file.read_to_string(&mut read).unwrap();
        assert_eq!(read, content, "{name}");
    }
}

#[test]
fn vendored_files_are_told_apart_as_x_mod_does() {
    let old = [
        None,
        Some("1.14"),
        Some("1.21.0"),
        Some("1.22.4"),
        Some("1.23"),
        Some("1.2"),
        Some("1.9"),
        Some("1.24.1rc1"),
    ];
    let new = [
        Some("1.24.0"),
        Some("1.24"),
        Some("1.24rc1"),
        Some("1.99.0"),
        Some("1.100"),
        Some("2.0"),
    ];
    for (path, in_old, in_new) in [
        ("vendor/foo/foo.go", true, true),
        ("pkg/vendor/foo/foo.go", true, true),
        ("longpackagename/vendor/foo/foo.go", true, true),
        ("vendor/vendor.go", false, false),
        ("vendor/foo/modules.txt", true, true),
        ("modules.txt", false, false),
        ("vendor/amodules.txt", false, false),
        ("vendor/modules.txt", false, true),
        ("pkg/vendor/vendor.go", true, false),
        ("longpackagename/vendor/vendor.go", true, false),
        ("p/vendor/x", true, false),
        ("vendor", false, false),
    ] {
        for version in old {
            assert_eq!(
                Vendoring::of(version).omits(path.as_bytes()),
                in_old,
                "{path} {version:?}"
            );
        }
        for version in new {
            assert_eq!(
                Vendoring::of(version).omits(path.as_bytes()),
                in_new,
                "{path} {version:?}"
            );
        }
    }
}
