use std::io::{Cursor, Write};

use super::*;
use crate::module::Version;

fn module(path: &str, version: &str) -> ModuleVersion {
    let path = ModulePath::parse(path).unwrap();
    ModuleVersion::new(path, Version::parse(version).unwrap()).unwrap()
}

fn archive(files: &[(&str, &str)]) -> Cursor<Vec<u8>> {
    let mut zip = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default();
    for (name, content) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap()
}

#[test]
fn smoke() {
    let target = module("example.com/m", "v1.0.0");
    let mut source = archive(&[
        ("m-1.0.0/go.mod", "module example.com/m\n\ngo 1.13\n"),
        (
            "m-1.0.0/m.go",
            "package m\n\nfunc Foo() int { return 42 }\n",
        ),
        (
            "m-1.0.0/cmd/hello/hello.go",
            "package main\n\nimport (\n  \"fmt\"\n  \"example.com/m\"\n)\n\nfunc main() {\n  fmt.Println(m.Foo())\n}\n",
        ),
    ]);
    let mut out = Vec::new();
    let made = create(
        &mut source,
        &mut out,
        &target,
        &SourceOptions::default(),
        &Limits::default(),
    );
    let made = made.unwrap();
    assert_eq!(made.h1, "h1:tpqYOOmuilagXzyqoJ3roUjp8gneQeTv5YVpL6BG7/k=");
    let checked = check(&mut Cursor::new(&out), &target, &Limits::default()).unwrap();
    assert_eq!(made, checked);
    assert!(matches!(
        kind(&mut Cursor::new(&out)).unwrap(),
        Kind::Module { .. }
    ));
}
