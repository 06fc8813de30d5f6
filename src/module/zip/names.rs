//! Which names a module zip may hold.
//!
//! Every name is `path@version/` and a clean, valid file path; none collides with another; a
//! go.mod stands only at the root, in small letters; go.mod and LICENSE have limits of their own.
//! Folders may be there and are held to the same rules. Besides x/mod's rules, a name stands there
//! once only, and symbolic links and irregular files are refused.
//!
//! Source: golang.org/x/mod/zip (CheckZip); the two last rules are this proxy's.

use super::super::path::{self, PathError, PathFault, PathKind};
use super::Limits;
use super::collisions::{self, Collision, Name};
use super::directory::{Directory, Entry, EntryKind};
use super::problem::{Excess, Findings, Reason, ZipError};

/// Checks all names of a module zip against `prefix`, `path@version/`.
pub fn check_module(directory: &Directory, prefix: &str, limits: &Limits, findings: &mut Findings) {
    let mut judge = Judge {
        directory,
        findings,
        paths: Paths {
            base: prefix.len(),
            hoisted: None,
        },
    };
    judge.each(|_, entry| check_name(directory.name(entry), prefix));
    judge.check_collisions();
    judge.each(|path, entry| check_place(path, entry, limits));
}

/// Checks that the files which are kept fit the limit together.
pub fn check_total(directory: &Directory, limits: &Limits) -> Result<(), ZipError> {
    let mut kept = directory.entries.iter().filter(|entry| entry.is_kept);
    let total = kept.try_fold(0u64, |total, entry| total.checked_add(entry.size));
    let limit = limits.max_unpacked;
    match total {
        Some(total) if total <= limit => Ok(()),
        _ => Err(ZipError::TooLarge(Excess::Unpacked { limit })),
    }
}

/// Where an entry's path within the module begins in its name.
#[derive(Clone, Copy)]
pub struct Paths {
    /// How many bytes stand before the path.
    pub base: usize,
    /// The entry that becomes the module's LICENSE, whatever its name.
    pub hoisted: Option<u32>,
}

impl Paths {
    /// The path of an entry within the module, with a folder's slash.
    pub fn of<'a>(&self, directory: &'a Directory, number: u32) -> &'a [u8] {
        if self.hoisted == Some(number) {
            return b"LICENSE";
        }
        let name = directory.name_at(number);
        name.get(self.base..).unwrap_or_default()
    }
}

/// Whether Go's `path.Clean` gives the name back.
pub fn is_clean(name: &[u8]) -> bool {
    let (is_rooted, rest) = match name.strip_prefix(b"/") {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    match rest {
        b"" => return is_rooted,
        b"." => return !is_rooted,
        _ => {}
    }
    let mut may_go_up = !is_rooted;
    rest.split(|&b| b == b'/').all(|element| {
        may_go_up &= element == b"..";
        match element {
            b"" | b"." => false,
            b".." => may_go_up,
            _ => true,
        }
    })
}

/// Checks a clean name as a file path; bytes that are not UTF-8 are none.
pub fn check_file_path(name: &[u8]) -> Result<(), Reason> {
    match std::str::from_utf8(name) {
        Ok(name) => path::check_file_path(name).map_err(Reason::Path),
        Err(_) => Err(Reason::Path(PathError {
            kind: PathKind::File,
            path: String::from_utf8_lossy(name).into_owned(),
            fault: PathFault::InvalidUtf8,
        })),
    }
}

/// Checks go.mod and LICENSE of the module's root against their limits.
pub fn check_sizes(name: &[u8], size: u64, limits: &Limits) -> Result<(), Reason> {
    match name {
        b"go.mod" if size > limits.max_go_mod => Err(Reason::GoModSize(limits.max_go_mod)),
        b"LICENSE" if size > limits.max_license => Err(Reason::LicenseSize(limits.max_license)),
        _ => Ok(()),
    }
}

fn check_name(name: &[u8], prefix: &str) -> Result<(), Reason> {
    let Some(name) = name.strip_prefix(prefix.as_bytes()) else {
        return Err(Reason::NoPrefix(prefix.to_owned()));
    };
    if name.is_empty() {
        return Ok(());
    }
    let name = name.strip_suffix(b"/").unwrap_or(name);
    if !is_clean(name) {
        return Err(Reason::NotClean);
    }
    check_file_path(name)
}

fn check_place(name: &[u8], entry: &Entry, limits: &Limits) -> Result<(), Reason> {
    if entry.kind == EntryKind::Folder {
        return if entry.size == 0 {
            Ok(())
        } else {
            Err(Reason::FolderWithContent)
        };
    }
    let base = name.rsplit(|&b| b == b'/').next().unwrap_or(name);
    if base.eq_ignore_ascii_case(b"go.mod") {
        if base.len() < name.len() {
            return Err(Reason::GoModNested);
        }
        if base != b"go.mod" {
            return Err(Reason::GoModCase);
        }
    }
    match entry.kind {
        EntryKind::Symlink => Err(Reason::Symlink),
        EntryKind::Irregular => Err(Reason::Irregular),
        EntryKind::File | EntryKind::Folder => check_sizes(name, entry.size, limits),
    }
}

/// Holds entries to one rule after the other, each entry until its first fault.
pub struct Judge<'a> {
    /// The entries.
    pub directory: &'a Directory,
    /// What was found.
    pub findings: &'a mut Findings,
    /// Their paths within the module.
    pub paths: Paths,
}

impl Judge<'_> {
    /// Holds every entry that is kept to a rule.
    pub fn each(&mut self, rule: impl Fn(&[u8], &Entry) -> Result<(), Reason>) {
        for (number, entry) in (0..).zip(&self.directory.entries) {
            if entry.is_kept
                && !entry.is_faulty.get()
                && let Err(reason) = rule(self.paths.of(self.directory, number), entry)
            {
                self.blame(number, || reason);
            }
        }
    }

    /// Notes that an entry breaks a rule, if it is its first.
    pub fn blame(&mut self, number: u32, reason: impl FnOnce() -> Reason) {
        self.findings.blame(self.directory, number, reason);
    }

    /// Holds the entries that are kept to the rule that no name collides.
    pub fn check_collisions(&mut self) {
        let directory = self.directory;
        let paths = self.paths;
        let path = |number: u32| -> &str {
            let name = paths.of(directory, number);
            let name = name.strip_suffix(b"/").unwrap_or(name);
            // What is no valid path was found before.
            std::str::from_utf8(name).unwrap_or_default()
        };
        let name = |number: u32| Name {
            path: path(number),
            is_folder: directory.name_at(number).ends_with(b"/"),
        };
        let mut numbers = Vec::with_capacity(directory.entries.len());
        numbers.extend((0..).zip(&directory.entries).filter_map(|(number, entry)| {
            let is_valid = entry.is_kept && !entry.is_faulty.get();
            is_valid.then_some(number)
        }));
        collisions::find(&mut numbers, name, |number, collision| {
            let reason = || match collision {
                Collision::Duplicate => Reason::Duplicate(path(number).to_owned()),
                Collision::FileAndFolder(elements) => {
                    Reason::FileAndFolder(first_elements(path(number), elements).to_owned())
                }
                Collision::Case { first, elements } => {
                    let [first, own] = [first, number].map(path);
                    let own = first_elements(own, elements);
                    Reason::CaseCollision(
                        first_elements(first, elements).to_owned(),
                        own.to_owned(),
                    )
                }
            };
            self.findings.blame(directory, number, reason);
        });
    }
}

/// The first elements of a path.
fn first_elements(path: &str, elements: usize) -> &str {
    let end = path.match_indices('/').nth(elements.saturating_sub(1));
    end.and_then(|(end, _)| path.get(..end)).unwrap_or(path)
}
