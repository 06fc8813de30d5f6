//! Module zips: which archives are accepted, and how a source archive becomes one.
//!
//! A **module zip** is what `go` downloads. All its names begin with `path@version/`; the rest of
//! each is a clean, valid file path; no two collide, not even by case alone; a go.mod stands at the
//! root only. The zip, and what it unpacks to, have at most 500 MiB, go.mod and LICENSE 16 MiB
//! each. A **source archive** is what `git archive` or a forge gives; the files of one module are
//! picked from it, as x/mod and cmd/go pick them, and become a module zip.
//!
//! Beyond x/mod, an archive is refused that readers of zips disagree about: a name twice,
//! overlapping entries, bytes that no entry claims, a local header that contradicts the central
//! directory, encryption, a compression other than deflate. A module zip has no symbolic links.
//!
//! An archive is read through `Read + Seek`, once: each byte of its files is unpacked and hashed a
//! single time, and memory stays below 256 bytes and twice the name for each entry, on top of
//! buffers of 2 MiB. All problems are reported, not the first.
//!
//! Source: golang.org/x/mod/zip; golang.org/ref/mod#zip-files; cmd/go where those are silent.

mod collisions;
mod content;
mod directory;
mod end;
mod extra;
mod names;
mod problem;
mod reader;
mod source;
mod unpack;
mod vendor;
mod writer;

#[cfg(test)]
mod tests;

use std::io::{Read, Seek, Write};

use super::hash::{EMPTY_FILE, Hash1};
use super::{ModulePath, ModuleVersion, Timestamp, semver};
use crate::order;
use content::{Contents, Discard};
use directory::{Directory, Entry, EntryKind};
use names::Paths;
use problem::Findings;
use reader::Reader;
use writer::Writer;

pub use end::{LONGEST_END, has_end};
pub use reader::ReadSeek;

pub use problem::{Excess, Problem, Reason, ZipError};
#[cfg(test)]
pub use vendor::Vendoring;

/// How large an archive and what it holds may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The archive itself, in bytes. Go's limit is 500 MiB.
    pub max_zip_bytes: u64,
    /// All files together, unpacked, in bytes. Go's limit is 500 MiB.
    pub max_unpacked: u64,
    /// The go.mod, in bytes. Go's limit is 16 MiB.
    pub max_go_mod: u64,
    /// The LICENSE, in bytes. Go's limit is 16 MiB.
    pub max_license: u64,
    /// The number of entries.
    pub max_files: u64,
    /// The central directory, in bytes: a bound on the memory for names.
    pub max_directory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_zip_bytes: 500 << 20,
            max_unpacked: 500 << 20,
            max_go_mod: 16 << 20,
            max_license: 16 << 20,
            max_files: 200_000,
            max_directory_bytes: 48 << 20,
        }
    }
}

/// What an archive seems to be, by the name of its first entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A module zip.
    Module {
        /// The `path@version` that its first name begins with. The path is a module path, escaped
        /// or not; the version is a semantic version, canonical or not.
        prefix: String,
    },
    /// A source archive.
    Source,
}

/// How a source archive is to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceOptions<'a> {
    /// Whether the one top folder is taken off even if it does not hold the go.mod.
    pub strip: bool,
    /// The module's folder in the repository, if that is not its root.
    pub subdir: Option<&'a str>,
}

/// What an accepted module zip is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its `h1:` hash.
    pub h1: String,
    /// The content of its go.mod.
    pub go_mod: Option<Vec<u8>>,
    /// The newest UTC time stamp in the archive. Source archives made by git have the commit's.
    pub newest: Option<Timestamp>,
    /// The commit, 40 or 64 hex digits: git writes it as the archive's comment.
    pub commit: Option<String>,
    /// The number of files.
    pub files: u64,
    /// Their size in bytes, together.
    pub unpacked: u64,
}

/// Tells a module zip from a source archive. Reads no more than the first name.
pub fn kind(archive: &mut (impl Read + Seek)) -> Result<Kind, ZipError> {
    let mut reader = Reader::new(archive)?;
    let name = directory::first_name(&mut reader)?;
    let prefix = name.as_deref().and_then(module_prefix);
    Ok(prefix.map_or(Kind::Source, |prefix| Kind::Module { prefix }))
}

/// The `path@version` that a name begins with, if it begins with one.
fn module_prefix(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let (path, rest) = name.split_once('@')?;
    let (version, _) = rest.split_once('/')?;
    let is_path = ModulePath::parse(path).is_ok() || ModulePath::from_escaped(path).is_ok();
    (is_path && semver::is_valid(version)).then(|| format!("{path}@{version}"))
}

/// Checks and hashes a module zip (x/mod `zip.CheckZip`, and then some).
pub fn check(
    archive: &mut (impl Read + Seek),
    expected: &ModuleVersion,
    limits: &Limits,
) -> Result<Checked, ZipError> {
    check_dyn(archive, expected, limits)
}

fn check_dyn(
    archive: &mut dyn ReadSeek,
    expected: &ModuleVersion,
    limits: &Limits,
) -> Result<Checked, ZipError> {
    let mut reader = Reader::new(archive)?;
    let mut directory = Directory::read(&mut reader, limits)?;
    let mut findings = Findings::default();
    let prefix = format!("{expected}/");
    let paths = Paths {
        base: prefix.len(),
        hoisted: None,
    };
    blame_renamed(&directory, &mut findings);
    names::check_module(&directory, &prefix, limits, &mut findings);
    names::check_total(&directory, limits)?;
    let contents = Contents {
        reader: &mut reader,
        wanted: directory.find(format!("{prefix}go.mod").as_bytes()),
        directory: &mut directory,
        findings: &mut findings,
        sink: &mut Discard,
    };
    let go_mod = contents.read()?;
    findings.into_result()?;
    Ok(report(&directory, paths, &prefix, go_mod))
}

/// Makes the canonical module zip of the module that a source archive holds (x/mod `zip.Create`
/// on what `zip.CreateFromVCS` would list). What was written to `out` before an error is void.
pub fn create(
    archive: &mut (impl Read + Seek),
    out: &mut impl Write,
    target: &ModuleVersion,
    options: &SourceOptions<'_>,
    limits: &Limits,
) -> Result<Checked, ZipError> {
    create_dyn(archive, out, target, options, limits)
}

fn create_dyn(
    archive: &mut dyn ReadSeek,
    out: &mut dyn Write,
    target: &ModuleVersion,
    options: &SourceOptions<'_>,
    limits: &Limits,
) -> Result<Checked, ZipError> {
    let mut reader = Reader::new(archive)?;
    let mut directory = Directory::read(&mut reader, limits)?;
    let mut findings = Findings::default();
    blame_renamed(&directory, &mut findings);
    let selection = source::select(
        &mut reader,
        &mut directory,
        target,
        options,
        limits,
        &mut findings,
    )?;
    names::check_total(&directory, limits)?;
    let prefix = format!("{target}/");
    let mut writer = Writer::new(out, prefix.clone(), selection.paths);
    let is_void = !findings.is_empty();
    let contents = Contents {
        reader: &mut reader,
        directory: &mut directory,
        findings: &mut findings,
        sink: if is_void { &mut Discard } else { &mut writer },
        wanted: selection.go_mod,
    };
    let go_mod = contents.read()?;
    findings.into_result()?;
    writer.finish(&directory)?;
    Ok(report(&directory, selection.paths, &prefix, go_mod))
}

/// The newest time stamp of any entry: UTC where the archive has such, else MS-DOS's, taken for
/// UTC. `None` where no entry has a time, as in zips that `go` makes.
pub fn newest_entry_time(archive: &mut (impl Read + Seek)) -> Result<Option<Timestamp>, ZipError> {
    let limits = Limits {
        max_zip_bytes: u64::MAX,
        ..Limits::default()
    };
    let directory = Directory::read(&mut Reader::new(archive)?, &limits)?;
    Ok(directory.newest_utc.or(directory.newest_dos))
}

/// Notes the entries that an extra field gives another name.
fn blame_renamed(directory: &Directory, findings: &mut Findings) {
    for &number in &directory.renamed {
        findings.blame(directory, number, || Reason::OtherName);
    }
}

/// Sums up an archive without problems, all of whose kept entries have been hashed.
fn report(directory: &Directory, paths: Paths, prefix: &str, go_mod: Option<Vec<u8>>) -> Checked {
    let entry = |number: u32| directory.entries.get(number as usize);
    let mut kept = directory.numbers();
    kept.retain(|&number| entry(number).is_some_and(|entry| entry.is_kept));
    let path = |number: u32| paths.of(directory, number);
    order::sort(&mut kept, &mut |a, b| path(a).cmp(path(b)));
    let mut hash = Hash1::new();
    let (mut files, mut unpacked) = (0, 0);
    for &number in &kept {
        let content = entry(number).map_or(&EMPTY_FILE, |entry| &entry.hash);
        hash.add(&[prefix.as_bytes(), path(number)].concat(), content);
        files += u64::from(entry(number).is_some_and(is_file));
        unpacked += entry(number).map_or(0, |entry| entry.size);
    }
    Checked {
        h1: hash.finish(),
        go_mod,
        newest: directory.newest_utc,
        commit: commit(&directory.comment),
        files,
        unpacked,
    }
}

fn is_file(entry: &Entry) -> bool {
    entry.kind != EntryKind::Folder
}

/// The commit in an archive's comment: SHA-1 or SHA-256 in hex.
fn commit(comment: &[u8]) -> Option<String> {
    let is_hex = |&byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_commit = matches!(comment.len(), 40 | 64) && comment.iter().all(is_hex);
    let comment = std::str::from_utf8(comment).ok()?;
    is_commit.then(|| comment.to_owned())
}
