use super::*;
use crate::module::{ModulePath, Version};

fn content_hash(text: &str) -> FileHash {
    Sha256::digest(text).into()
}

#[test]
fn no_files_have_the_hash_of_nothing() {
    assert_eq!(
        Hash1::new().finish(),
        "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    );
    assert_eq!(content_hash(""), EMPTY_FILE);
}

#[test]
fn files_are_hashed_by_name_and_content() {
    let mut hash = Hash1::new();
    hash.add(
        b"example.com/m@v1.0.0/go.mod/a.go",
        &content_hash("package a\n"),
    );
    assert_eq!(
        hash.finish(),
        "h1:Mun5l9cBlDnnV6JasTpio2aZJSbFj++h+814mnKC/OM="
    );
}

#[test]
fn a_go_mod_is_hashed_as_the_only_file() {
    let go_mod = "module golang.org/x/mod\n\ngo 1.26.0\n\nrequire golang.org/x/tools v0.51.0 // tagx:ignore\n";
    let expected = "h1:u5fzIrRInkL8MaO1cbRkUHT64v303YIT5KEqpNr7jRs=";
    assert_eq!(go_mod_hash(go_mod.as_bytes()), expected);
}

#[test]
fn go_sum_has_a_line_for_the_zip_and_one_for_the_go_mod() {
    let path = ModulePath::parse("golang.org/x/mod").unwrap();
    let module = ModuleVersion::new(path, Version::parse("v0.42.0").unwrap()).unwrap();
    assert_eq!(
        go_sum_line(&module, "h1:a"),
        "golang.org/x/mod v0.42.0 h1:a"
    );
    let hash = go_mod_hash(b"module golang.org/x/mod\n");
    assert_eq!(
        go_mod_sum_line(&module, b"module golang.org/x/mod\n"),
        format!("golang.org/x/mod v0.42.0/go.mod {hash}")
    );
}

#[test]
fn base64_pads_what_is_left_over() {
    for (bytes, expected) in [
        (&b""[..], ""),
        (b"f", "Zg=="),
        (b"fo", "Zm8="),
        (b"foo", "Zm9v"),
        (b"\xfb\xff\xbf", "+/+/"),
    ] {
        assert_eq!(base64(bytes), expected);
    }
}
