//! Tests of the whole of module zips: archives are described as text, or built byte by byte.

mod against_x_mod;
mod builder;
mod create;
mod hostile;
mod module_zip;
mod resources;
mod seeds;

use std::io::Cursor;

use super::*;
use crate::module::Version;
use builder::{Archive, Item};

/// An archive: its name, its text, and its hash or its problems.
type Fixture = (
    &'static str,
    &'static str,
    Result<&'static str, &'static [&'static str]>,
);

fn module(path: &str, version: &str) -> ModuleVersion {
    let path = ModulePath::parse(path).unwrap();
    ModuleVersion::new(path, Version::parse(version).unwrap()).unwrap()
}

/// The files of an archive that is described as text: a line `-- name --`, then its content.
fn files(text: &str) -> Vec<(&str, &str)> {
    let mut files = Vec::new();
    let mut rest = text;
    while let Some(after) = rest.strip_prefix("-- ") {
        let (name, after) = after.split_once(" --\n").unwrap();
        let end = if after.starts_with("-- ") {
            0
        } else {
            after.find("\n-- ").map_or(after.len(), |end| end + 1)
        };
        let (content, after) = after.split_at(end);
        files.push((name, content));
        rest = after;
    }
    assert_eq!(rest, "", "an archive's text begins with a name");
    files
}

/// The bytes of an archive that is described as text.
fn archive(text: &str) -> Vec<u8> {
    let items = files(text)
        .into_iter()
        .map(|(name, content)| Item::file(name, content));
    Archive::of(items).bytes()
}

fn check_bytes(bytes: &[u8], target: &ModuleVersion) -> Result<Checked, ZipError> {
    check(&mut Cursor::new(bytes), target, &Limits::default())
}

/// Makes a module zip of a source archive; the zip is checked, too, and must say the same.
fn create_bytes(
    bytes: &[u8],
    target: &ModuleVersion,
    options: &SourceOptions<'_>,
) -> Result<(Checked, Vec<u8>), ZipError> {
    let mut out = Vec::new();
    let limits = Limits::default();
    let made = create(&mut Cursor::new(bytes), &mut out, target, options, &limits)?;
    let checked = check_bytes(&out, target).unwrap();
    let expected = Checked {
        newest: None,
        commit: None,
        ..made.clone()
    };
    assert_eq!(
        checked, expected,
        "a zip that was made is another when checked"
    );
    Ok((made, out))
}

/// The problems of a refused archive, as text.
fn problems<T: std::fmt::Debug>(outcome: Result<T, ZipError>) -> Vec<String> {
    match outcome {
        Err(ZipError::Invalid(problems)) => problems.iter().map(Problem::to_string).collect(),
        other => panic!("not refused for problems: {other:?}"),
    }
}

/// The names of the entries of an archive, as an independent reader of zips sees them.
fn names(bytes: &[u8]) -> Vec<String> {
    let archive = ::zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect()
}
