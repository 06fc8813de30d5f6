use super::*;
use crate::module::oracle::{Numbers, ask_text};

/// Paths, and whether each is a module path (m), an import path (i) and a file path (f): the table
/// of golang.org/x/mod/module's TestCheckPath. A row's name is the path.
const PATHS: &[(&str, &str)] = &[
    ("x.y/z", "mif"),
    ("x.y", "mif"),
    ("", "---"),
    ("/x.y/z", "---"),
    ("x./z", "---"),
    (".x/z", "-if"),
    ("-x/z", "--f"),
    ("x..y/z", "mif"),
    ("x.y/z/../../w", "---"),
    ("x.y//z", "---"),
    ("x.y/z//w", "---"),
    ("x.y/z/", "---"),
    ("x.y/z/v0", "-if"),
    ("x.y/z/v1", "-if"),
    ("x.y/z/v2", "mif"),
    ("x.y/z/v2.0", "-if"),
    ("X.y/z", "-if"),
    ("!x.y/z", "--f"),
    ("_x.y/z", "-if"),
    ("x.y!/z", "--f"),
    ("x.y\"/z", "---"),
    ("x.y#/z", "--f"),
    ("x.y$/z", "--f"),
    ("x.y%/z", "--f"),
    ("x.y&/z", "--f"),
    ("x.y'/z", "---"),
    ("x.y(/z", "--f"),
    ("x.y)/z", "--f"),
    ("x.y*/z", "---"),
    ("x.y+/z", "-if"),
    ("x.y,/z", "--f"),
    ("x.y-/z", "mif"),
    ("x.y./zt", "---"),
    ("x.y:/z", "---"),
    ("x.y;/z", "---"),
    ("x.y</z", "---"),
    ("x.y=/z", "--f"),
    ("x.y>/z", "---"),
    ("x.y?/z", "---"),
    ("x.y@/z", "--f"),
    ("x.y[/z", "--f"),
    ("x.y\\/z", "---"),
    ("x.y]/z", "--f"),
    ("x.y^/z", "--f"),
    ("x.y_/z", "-if"),
    ("x.y`/z", "---"),
    ("x.y{/z", "--f"),
    ("x.y}/z", "--f"),
    ("x.y~/z", "-if"),
    ("x.y/z!", "--f"),
    ("x.y/z\"", "---"),
    ("x.y/z#", "--f"),
    ("x.y/z$", "--f"),
    ("x.y/z%", "--f"),
    ("x.y/z&", "--f"),
    ("x.y/z'", "---"),
    ("x.y/z(", "--f"),
    ("x.y/z)", "--f"),
    ("x.y/z*", "---"),
    ("x.y/z++", "-if"),
    ("x.y/z,", "--f"),
    ("x.y/z-", "mif"),
    ("x.y/z.t", "mif"),
    ("x.y/z/t", "mif"),
    ("x.y/z:", "---"),
    ("x.y/z;", "---"),
    ("x.y/z<", "---"),
    ("x.y/z=", "--f"),
    ("x.y/z>", "---"),
    ("x.y/z?", "---"),
    ("x.y/z@", "--f"),
    ("x.y/z[", "--f"),
    ("x.y/z\\", "---"),
    ("x.y/z]", "--f"),
    ("x.y/z^", "--f"),
    ("x.y/z_", "mif"),
    ("x.y/z`", "---"),
    ("x.y/z{", "--f"),
    ("x.y/z}", "--f"),
    ("x.y/z~", "mif"),
    ("x.y/x.foo", "mif"),
    ("x.y/aux.foo", "---"),
    ("x.y/prn", "---"),
    ("x.y/prn2", "mif"),
    ("x.y/com", "mif"),
    ("x.y/com1", "---"),
    ("x.y/com1.txt", "---"),
    ("x.y/calm1", "mif"),
    ("x.y/z~", "mif"),
    ("x.y/z~0", "--f"),
    ("x.y/z~09", "--f"),
    ("x.y/z09", "mif"),
    ("x.y/z09~", "mif"),
    ("x.y/z09~09z", "mif"),
    ("x.y/z09~09z~09", "--f"),
    ("github.com/!123/logrus", "--f"),
    ("github.com/user/unicode/испытание", "--f"),
    ("../x", "---"),
    ("./y", "---"),
    ("x:y", "---"),
    (r"\temp\foo", "---"),
    (".gitignore", "-if"),
    (".github/ISSUE_TEMPLATE", "-if"),
    ("x☺y", "---"),
];

fn kinds(path: &str) -> String {
    let mark = |valid: bool, mark| if valid { mark } else { '-' };
    [
        mark(ModulePath::parse(path).is_ok(), 'm'),
        mark(check_import_path(path).is_ok(), 'i'),
        mark(check_file_path(path).is_ok(), 'f'),
    ]
    .iter()
    .collect()
}

#[test]
fn paths_are_valid_as_x_mod_says() {
    for (path, expected) in PATHS {
        assert_eq!(kinds(path), *expected, "{path:?}");
    }
}

#[test]
fn a_path_splits_before_its_major_suffix() {
    let splits = [
        ("x.y/z", ""),
        ("x.y/z", "/v2"),
        ("x.y/z", "/v3"),
        ("x.y/v", ""),
        ("gopkg.in/yaml", ".v0"),
        ("gopkg.in/yaml", ".v1"),
        ("gopkg.in/yaml", ".v2"),
        ("gopkg.in/yaml", ".v3-unstable"),
    ];
    for (prefix, suffix) in splits {
        let path = format!("{prefix}{suffix}");
        assert_eq!(split_path_version(&path), Some((prefix, suffix)), "{path}");
        let path = ModulePath::parse(&path).unwrap();
        assert_eq!((path.prefix(), path.major_suffix()), (prefix, suffix));
    }
}

#[test]
fn capitals_are_escaped_and_come_back() {
    let pairs = [
        (
            "ascii.com/abcdefghijklmnopqrstuvwxyz.-/~_0123456789",
            "ascii.com/abcdefghijklmnopqrstuvwxyz.-/~_0123456789",
        ),
        (
            "github.com/GoogleCloudPlatform/omega",
            "github.com/!google!cloud!platform/omega",
        ),
    ];
    for (plain, escaped) in pairs {
        let path = ModulePath::parse(plain).unwrap();
        assert_eq!(path.escaped(), escaped);
        assert_eq!(ModulePath::from_escaped(escaped), Ok(path));
    }
}

#[test]
fn what_is_no_escaped_path_is_refused() {
    for escaped in [
        "github.com/GoogleCloudPlatform/omega",
        "github.com/!google!cloud!platform!/omega",
        "github.com/!0google!cloud!platform/omega",
        "github.com/!_google!cloud!platform/omega",
        "github.com/!!google!cloud!platform/omega",
        "",
        "github.com/é",
    ] {
        assert!(ModulePath::from_escaped(escaped).is_err(), "{escaped}");
    }
    for (path, kinds) in PATHS.iter().filter(|(_, kinds)| !kinds.starts_with('m')) {
        assert!(ModulePath::from_escaped(path).is_err(), "{path} {kinds}");
    }
}

#[test]
fn an_error_says_which_path_breaks_which_rule() {
    let error = ModulePath::parse("x.y/aux.foo").unwrap_err();
    let text = "malformed module path \"x.y/aux.foo\": \
                \"aux\" disallowed as path element component on Windows";
    assert_eq!(error.to_string(), text);
    let error = check_file_path("bad.go'").unwrap_err();
    let text = "malformed file path \"bad.go'\": invalid char '\\''";
    assert_eq!(error.to_string(), text);
}

/// What the paths of this room say of a path, in the order of the oracle's answer.
fn own_answer(path: &str) -> Vec<String> {
    let yes = |valid: bool| if valid { "yes" } else { "no" }.to_owned();
    let (prefix, suffix) = split_path_version(path).unwrap_or((path, ""));
    let module = ModulePath::parse(path);
    let plain = ModulePath::from_escaped(path);
    vec![
        yes(module.is_ok()),
        yes(check_import_path(path).is_ok()),
        yes(check_file_path(path).is_ok()),
        yes(split_path_version(path).is_some()),
        prefix.to_owned(),
        suffix.to_owned(),
        module
            .map(|path| path.escaped().into_owned())
            .unwrap_or_default(),
        plain.map(|path| path.to_string()).unwrap_or_default(),
    ]
}

#[test]
fn made_up_paths_are_judged_as_by_x_mod() {
    const PARTS: &[&str] = &[
        "/",
        "/",
        "/",
        ".",
        ".",
        "-",
        "_",
        "~",
        "~1",
        "+",
        "!",
        "!a",
        "@",
        " ",
        "v",
        "v1",
        "v2",
        "v02",
        "v2.0",
        "com1",
        "CON",
        "nul.x",
        "lpt9",
        "com0",
        "gopkg.in/",
        "x.y",
        "example.com",
        "a",
        "B",
        "Z9",
        "é",
        "\u{212a}",
        "\u{301}",
        "☺",
        "日本",
        "..",
        "//",
        "-unstable",
        ".v3",
        ".v0",
        "\\",
        ":",
        "\n",
        "\u{7f}",
        "'",
        "\"",
        "`",
        "*",
        "0",
        "10",
    ];
    let mut numbers = Numbers(1);
    for (path, _) in PATHS {
        assert_eq!(own_answer(path), ask_text("path", &[path]), "{path:?}");
    }
    for _ in 0..4000 {
        let count = 1 + numbers.below(7);
        let path: String = (0..count).map(|_| *numbers.one_of(PARTS)).collect();
        assert_eq!(own_answer(&path), ask_text("path", &[&path]), "{path:?}");
    }
}
