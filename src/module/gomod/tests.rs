use super::*;
use crate::module::oracle::{Numbers, ask};
use crate::module::zip::Vendoring;

#[test]
fn the_module_path_is_found_whatever_else_the_file_holds() {
    for (name, text, expected) in [
        ("plain", "module example.com/m\n", Some("example.com/m")),
        ("no newline", "module example.com/m", Some("example.com/m")),
        (
            "carriage return",
            "module example.com/m\r\n",
            Some("example.com/m"),
        ),
        (
            "comment before",
            "// module no\nmodule example.com/m\n",
            Some("example.com/m"),
        ),
        (
            "comment after",
            "module example.com/m // yes\n",
            Some("example.com/m"),
        ),
        (
            "glued comment",
            "module example.com/m//x\n",
            Some("example.com/m"),
        ),
        (
            "indented",
            " \tmodule\texample.com/m\n",
            Some("example.com/m"),
        ),
        (
            "double quotes",
            "module \"example.com/m\"\n",
            Some("example.com/m"),
        ),
        (
            "raw quotes",
            "module `example.com/m`\n",
            Some("example.com/m"),
        ),
        (
            "escapes",
            r#"module "example.com\x2f\u006d""#,
            Some("example.com/m"),
        ),
        (
            "block",
            "module (\n\texample.com/m\n)\n",
            Some("example.com/m"),
        ),
        (
            "quoted in a block",
            "module ( // x\n\n// y\n\"example.com/m\"\n)\n",
            Some("example.com/m"),
        ),
        (
            "broken rest",
            "go go go\n\"\nmodule example.com/m\n/*",
            Some("example.com/m"),
        ),
        (
            "first of two",
            "module a.b/c\nmodule d.e/f\n",
            Some("a.b/c"),
        ),
        ("longer word", "modulex example.com/m\n", None),
        ("empty", "", None),
        ("no path", "module\nmodule // x\n", None),
        ("empty path", "module \"\"\n", None),
        ("open quote", "module \"example.com/m\n", None),
        ("two lines in quotes", "module `a\nb`\n", None),
        ("empty block", "module (\n)\n", None),
    ] {
        assert_eq!(module_path(text.as_bytes()).as_deref(), expected, "{name}");
    }
    assert_eq!(module_path(b"module \xff\xfe\n"), None);
}

#[test]
fn the_go_version_is_read_as_of_a_dependency() {
    for (name, text, expected) in [
        ("plain", "module m\ngo 1.24\n", Some("1.24")),
        ("patch", "go 1.21.3\n", Some("1.21.3")),
        ("candidate", "go 1.24rc2\n", Some("1.24rc2")),
        ("custom, cut", "go v1.24-custom\n", Some("1.24")),
        (
            "unknown directives",
            "what is ( this\n)\nfoo (\n a b\n)\ngo 1.24\n",
            Some("1.24"),
        ),
        ("in a block it means nothing", "go (\n1.24\n)\n", None),
        (
            "only in the main module",
            "replace x =>\nexclude\ngo 1.24\n",
            Some("1.24"),
        ),
        ("bad requirement", "require x\ngo 1.24\n", None),
        (
            "requirement of another major",
            "require x.y/z v2.0.0\ngo 1.24\n",
            None,
        ),
        (
            "requirements",
            "require (\n x.y/z v1 // indirect\n\"x.y/z/v2\" v2.0.0\n)\ngo 1.24\n",
            Some("1.24"),
        ),
        ("twice", "go 1.23\ngo 1.24\n", None),
        ("nonsense", "go foo\n", None),
        ("two words", "go 1.24 1.25\n", None),
        ("two modules", "module a\nmodule b\ngo 1.24\n", None),
        ("old comment", "/* x */\ngo 1.24\n", None),
        ("open block", "go 1.24\nrequire (\n", None),
        ("byte order mark", "\u{feff}module m\ngo 1.24\n", None),
        (
            "retraction that nobody knows",
            "retract x y z\ngo 1.24\n",
            Some("1.24"),
        ),
        ("none", "module m\n", None),
    ] {
        assert_eq!(go_version(text.as_bytes()).as_deref(), expected, "{name}");
    }
}

#[test]
fn a_module_without_a_go_mod_gets_one_with_its_name() {
    let path = ModulePath::parse("example.com/M").unwrap();
    assert_eq!(legacy_go_mod(&path), "module example.com/M\n");
}

/// Whether a text has its module path in a block, which only the strict reader takes.
fn is_block(path: &str) -> bool {
    path == "("
}

#[test]
fn made_up_files_are_read_as_by_x_mod() {
    const PARTS: &[&[u8]] = &[
        b"module",
        b"module ",
        b"module example.com/m\n",
        b"module \"a.b/c\"\n",
        b"go ",
        b"go 1.24\n",
        b"go 1.23.1\n",
        b"1.24",
        b"1.24.1rc1",
        b"v1.25x",
        b"require ",
        b"x.y/z v1.2.3\n",
        b"x.y/z/v2 v2.0.0",
        b"require (\n",
        b"(",
        b")",
        b")\n",
        b"(\n",
        b"\n",
        b"\n",
        b"\n",
        b" ",
        b"\t",
        b"\r\n",
        b"//",
        b"// c\n",
        b"/*",
        b"\"",
        b"`",
        b"\\",
        b"\\\n",
        b"retract [v1, v2]\n",
        b"ignore x\n",
        b"ignore ",
        b"replace a => b\n",
        b"foo bar\n",
        b"\xff",
        "é".as_bytes(),
        "\u{a0}".as_bytes(),
        "\u{2028}".as_bytes(),
        "\u{feff}".as_bytes(),
        b"[",
        b",",
        b"{",
        b"\0",
        b"\x0b",
        b"v1",
        b"'",
        b"=>",
        b"exclude (\na\n)\n",
        b"tool (\n",
        b"toolchain go1\n",
        b"\"\\x41\"",
    ];
    let mut numbers = Numbers(5);
    let (mut paths, mut versions) = (0, 0);
    for round in 0..12_000 {
        let count = 1 + numbers.below(10);
        let mut text = if round % 2 == 0 {
            b"module a.b/c\ngo 1.24\n".to_vec()
        } else {
            Vec::new()
        };
        text.extend((0..count).flat_map(|_| *numbers.one_of(PARTS)));
        if round % 4 == 0 {
            let at = numbers.below(text.len());
            text[at] = *numbers.one_of(b"\n ()\"/x\\");
        }
        let answer = ask("gomod", &[&text]);
        let shown = String::from_utf8_lossy(&text);
        let own = module_path(&text).unwrap_or_default();
        if !is_block(&answer[0]) && !answer[0].contains('\u{fffd}') {
            assert_eq!(own, answer[0], "{shown:?}");
        }
        let version = go_version(&text).unwrap_or_default();
        assert_eq!(version, answer[2], "{shown:?} {}", answer[4]);
        let vendoring = Vendoring::of(Some(&version));
        assert_eq!(
            vendoring == Vendoring::Go124,
            answer[3] == "yes",
            "{version}"
        );
        paths += usize::from(!own.is_empty());
        versions += usize::from(!version.is_empty());
    }
    assert!(paths > 1000 && versions > 1000, "{paths} {versions}");
}

#[path = "../../../fuzz/drive/go_mod.rs"]
mod drive;

#[test]
fn the_seeds_of_the_fuzzer_are_read_without_a_panic() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus-seeds/go_mod");
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        drive::drive(&std::fs::read(seed.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 5, "{count} seeds");
}
