//! What can be wrong with an archive, and how much of it is reported.
//!
//! Every entry that breaks a rule is reported, with the first rule that it breaks, in the order
//! of the archive. Reports are bounded by their size, so that a hostile archive of 200,000 bad
//! names does not turn into an answer of many megabytes.

use std::fmt;
use std::io;

use super::super::path::PathError;
use super::directory::Directory;
use crate::order;

/// Why an archive was not accepted.
#[derive(Debug)]
pub enum ZipError {
    /// The archive is not what it should be: everything that was found, never empty.
    Invalid(Vec<Problem>),
    /// The archive, or what it unpacks to, is larger than allowed.
    TooLarge(Excess),
    /// The archive could not be read, or the result could not be written: not the archive's fault.
    Io(io::Error),
}

impl From<io::Error> for ZipError {
    fn from(error: io::Error) -> Self {
        ZipError::Io(error)
    }
}

impl From<Reason> for ZipError {
    fn from(reason: Reason) -> Self {
        ZipError::Invalid(vec![Problem::of_archive(reason)])
    }
}

impl fmt::Display for ZipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ZipError::Invalid(problems) => {
                for (number, problem) in problems.iter().enumerate() {
                    let separator = if number == 0 { "" } else { "\n" };
                    write!(f, "{separator}{problem}")?;
                }
                Ok(())
            }
            ZipError::TooLarge(excess) => excess.fmt(f),
            ZipError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ZipError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ZipError::Io(error) => Some(error),
            ZipError::Invalid(_) | ZipError::TooLarge(_) => None,
        }
    }
}

/// The limit that an archive is past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// The archive itself.
    Archive {
        /// Its size in bytes.
        bytes: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// The sum of its files' sizes.
    Unpacked {
        /// The most that is allowed, in bytes.
        limit: u64,
    },
    /// The number of its entries.
    Files {
        /// How many there are.
        count: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// Its central directory, which holds all names.
    Directory {
        /// Its size in bytes.
        bytes: u64,
        /// The most that is allowed.
        limit: u64,
    },
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Excess::Archive { bytes, limit } => write!(
                f,
                "module zip file is too large ({bytes} bytes; limit is {limit} bytes)"
            ),
            Excess::Unpacked { limit } => write!(
                f,
                "total uncompressed size of module contents too large (max size is {limit} bytes)"
            ),
            Excess::Files { count, limit } => {
                write!(
                    f,
                    "too many files in the archive ({count}; limit is {limit})"
                )
            }
            Excess::Directory { bytes, limit } => write!(
                f,
                "central directory is too large ({bytes} bytes; limit is {limit} bytes)"
            ),
        }
    }
}

/// One thing that is wrong: the entry's name as the archive has it, and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The entry's name, empty where the archive as a whole is at fault. Bytes that are not UTF-8
    /// are replaced.
    pub name: String,
    /// What is wrong.
    pub reason: Reason,
}

impl Problem {
    /// A problem of the archive as a whole.
    pub(super) fn of_archive(reason: Reason) -> Self {
        Problem {
            name: String::new(),
            reason,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, "{}: ", self.name)?;
        }
        self.reason.fmt(f)
    }
}

/// The rule that an archive or an entry breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No end record: not a zip file, or one whose end is cut off.
    NotAZip,
    /// The end records contradict each other or the archive's size.
    BadEnd,
    /// The archive is one of several parts.
    SplitArchive,
    /// The central directory cannot be read.
    BadDirectory,
    /// This many bytes stand where no entry claims them.
    StrayBytes(u64),
    /// An entry's data runs into the next entry.
    Overlap,
    /// There is no local header where the central directory says.
    NoLocalHeader,
    /// The local header has another value of this field than the central directory.
    LocalHeader(&'static str),
    /// The data descriptor after the data contradicts the central directory.
    DataDescriptor,
    /// An extra field gives the entry another name.
    OtherName,
    /// The entry is encrypted.
    Encrypted,
    /// The compression method is neither stored nor deflate.
    Method(u16),
    /// The compressed data is damaged.
    BadData,
    /// The data unpacks to more than this declared size.
    LargerThanDeclared(u64),
    /// The data unpacks to less than this declared size.
    SmallerThanDeclared(u64),
    /// The CRC-32 is another.
    Checksum,
    /// A folder has content.
    FolderWithContent,
    /// A name of a module zip does not begin with this `path@version/`.
    NoPrefix(String),
    /// The name has `.`, `..` or empty elements.
    NotClean,
    /// The name begins with a slash.
    NotRelative,
    /// The name is longer, behind `path@version/`, than a zip can have it.
    LongName,
    /// The name is no valid file path.
    Path(PathError),
    /// Another entry has this name too.
    Duplicate(String),
    /// This path is a file in one entry and a folder in another.
    FileAndFolder(String),
    /// Two names that a file system that ignores case takes for one.
    CaseCollision(String, String),
    /// A root `go.mod` in other than small letters.
    GoModCase,
    /// A module zip holds another module's go.mod.
    GoModNested,
    /// The go.mod is larger than this limit.
    GoModSize(u64),
    /// The LICENSE is larger than this limit.
    LicenseSize(u64),
    /// A symbolic link in a module zip.
    Symlink,
    /// A device, a pipe or the like.
    Irregular,
    /// An entry of a source archive stands outside of the one top folder.
    OutsideTopFolder,
    /// The module's folder in the source archive has no go.mod, and this module needs one.
    NoGoMod,
    /// The go.mod has no `module` line.
    NoModuleLine,
    /// The `module` line names another path.
    OtherModule {
        /// The path in the go.mod.
        found: String,
        /// The path to be published.
        expected: String,
    },
    /// A version `+incompatible` of a module that has a go.mod.
    IncompatibleWithGoMod,
    /// A version `+incompatible` whose major version needs no such mark.
    IncompatibleMajor,
    /// Two folders claim to be the module, this one and another.
    TwoModuleFolders,
    /// All files of a source archive are left out.
    NothingLeft,
    /// This many further problems are not listed.
    Further(u64),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::StrayBytes(count) => write!(f, "{count} bytes belong to no entry"),
            Reason::LocalHeader(field) => {
                write!(f, "local header contradicts the central directory: {field}")
            }
            Reason::Method(method) => write!(f, "unsupported compression method {method}"),
            Reason::LargerThanDeclared(size) => {
                write!(
                    f,
                    "uncompressed size is larger than declared size ({size} bytes)"
                )
            }
            Reason::SmallerThanDeclared(size) => {
                write!(
                    f,
                    "uncompressed size is smaller than declared size ({size} bytes)"
                )
            }
            Reason::NoPrefix(prefix) => write!(f, "path does not have prefix {prefix:?}"),
            Reason::Path(error) => error.fmt(f),
            Reason::Duplicate(name) => write!(f, "multiple entries for file {name:?}"),
            Reason::FileAndFolder(name) => {
                write!(f, "entry {name:?} is both a file and a directory")
            }
            Reason::CaseCollision(first, second) => {
                write!(
                    f,
                    "case-insensitive file name collision: {first:?} and {second:?}"
                )
            }
            Reason::GoModSize(limit) => {
                write!(f, "go.mod file too large (max size is {limit} bytes)")
            }
            Reason::LicenseSize(limit) => {
                write!(f, "LICENSE file too large (max size is {limit} bytes)")
            }
            Reason::OtherModule { found, expected } => {
                write!(f, "module line names {found:?}, not {expected:?}")
            }
            Reason::Further(count) => write!(f, "and {count} more problems"),
            _ => f.write_str(self.text()),
        }
    }
}

impl Reason {
    /// The text of a reason without parts.
    fn text(&self) -> &'static str {
        match self {
            Reason::NotAZip => "not a zip file, or cut off: it has no end record",
            Reason::BadEnd => "end of the zip file is damaged",
            Reason::SplitArchive => "zip file is split into several parts",
            Reason::BadDirectory => "central directory is damaged",
            Reason::Overlap => "entry overlaps what follows it",
            Reason::NoLocalHeader => "no local header where the central directory points",
            Reason::DataDescriptor => "data descriptor contradicts the central directory",
            Reason::OtherName => "an extra field gives another name",
            Reason::Encrypted => "entry is encrypted",
            Reason::BadData => "compressed data is damaged",
            Reason::Checksum => "checksum mismatch",
            Reason::FolderWithContent => "directory has content",
            Reason::NotClean => "file path is not clean",
            Reason::NotRelative => "file path is not relative",
            Reason::LongName => "file path is longer than a zip file can have it",
            Reason::GoModCase => "go.mod files must have lowercase names",
            Reason::GoModNested => "go.mod file not in module root directory",
            Reason::Symlink => "file is a symbolic link",
            Reason::Irregular => "not a regular file",
            Reason::OutsideTopFolder => "file is outside of the one top-level directory",
            Reason::NoGoMod => {
                "missing: a module with a major version suffix, or in a subdirectory, needs one"
            }
            Reason::NoModuleLine => "missing module line",
            Reason::IncompatibleWithGoMod => {
                "module has a go.mod file, so its path must match the major version: no +incompatible"
            }
            Reason::IncompatibleMajor => {
                "+incompatible suffix not allowed: v0 and v1 are compatible"
            }
            Reason::NothingLeft => "no file of the archive belongs to the module",
            Reason::TwoModuleFolders => "two go.mod files claim this module path",
            _ => "",
        }
    }
}

/// The most bytes that a report's names and texts take, roughly.
const MAX_REPORT: usize = 1 << 20;

/// Problems in the making, in any order.
#[derive(Default)]
pub struct Findings {
    /// The entry's number and its problem.
    found: Vec<(u32, Problem)>,
    weight: usize,
    further: u64,
}

impl Findings {
    /// Notes what is wrong with an entry, if nothing was found with it before.
    pub fn blame(&mut self, directory: &Directory, number: u32, reason: impl FnOnce() -> Reason) {
        let Some(entry) = directory.entries.get(number as usize) else {
            return;
        };
        if !entry.is_faulty.replace(true) {
            self.add(number, directory.name(entry), reason);
        }
    }

    fn add(&mut self, number: u32, name: &[u8], reason: impl FnOnce() -> Reason) {
        // A reason repeats parts of the name at most a few times.
        let weight = 128 + 4 * name.len();
        if self.weight + weight > MAX_REPORT && !self.found.is_empty() {
            self.further += 1;
            return;
        }
        self.weight += weight;
        let name = String::from_utf8_lossy(name).into_owned();
        let reason = reason();
        self.found.push((number, Problem { name, reason }));
    }

    /// Notes what is wrong with the archive as a whole.
    pub fn blame_archive(&mut self, reason: Reason) {
        self.found.push((0, Problem::of_archive(reason)));
    }

    /// Notes that a file is missing that should be there.
    pub fn blame_missing(&mut self, name: String, reason: Reason) {
        self.found.push((0, Problem { name, reason }));
    }

    /// Whether nothing was found yet.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All that was found, in the order of the archive, if anything was.
    pub fn into_result(self) -> Result<(), ZipError> {
        if self.found.is_empty() {
            return Ok(());
        }
        let found = order::sorted(self.found, |(a, _), (b, _)| a.cmp(b));
        let mut problems: Vec<Problem> = found.into_iter().map(|(_, p)| p).collect();
        if self.further > 0 {
            problems.push(Problem::of_archive(Reason::Further(self.further)));
        }
        Err(ZipError::Invalid(problems))
    }
}
