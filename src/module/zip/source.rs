//! Which files of a source archive make up a module, and under which paths.
//!
//! * **Where the module is.** One top folder, in which forges and `git archive --prefix` put
//!   everything, is taken off if it holds the module or if the caller says so. Below it the
//!   caller's folder, if any; and there, for a path that ends in `/v2` or later, either the folder
//!   itself or its folder `v2`, whichever has the go.mod that says so. Not both.
//! * **Its go.mod** names the path to be published. Without a go.mod, a module is at the archive's
//!   root and has no `/v2`. A version `+incompatible` has no go.mod, and is v2 or later.
//! * **Left out** are folders, symbolic links and irregular files; folders that hold a go.mod, in
//!   any case of its letters, since they are other modules; vendored packages; `.hg_archival.txt`.
//! * **LICENSE** of the repository's root is the module's too, if its folder has none.
//! * What remains has clean, valid names that do not collide, and keeps the limits. Where nothing
//!   remains of an archive that has files, it was meant for something else.
//!
//! Source: golang.org/x/mod/zip (Create, CreateFromVCS); cmd/go, modfetch/coderepo.go (findDir,
//! convert, Zip). This proxy's own: that go.mod names exactly the path, where cmd/go wants only its
//! major suffix right, for the sake of forks that stand in for other modules; and that something
//! remains.

use super::super::{ModuleVersion, gomod, path};
use super::content::{Contents, Discard};
use super::directory::{Directory, Entry, EntryKind};
use super::names::{self, Judge, Paths};
use super::problem::{Findings, Problem, Reason, ZipError};
use super::reader::Reader;
use super::vendor::Vendoring;
use super::{Limits, SourceOptions};
use crate::order;

/// The module within a source archive.
pub struct Selection {
    /// Its files' paths.
    pub paths: Paths,
    /// Its go.mod.
    pub go_mod: Option<u32>,
}

/// Finds the module, marks the entries that belong to it, and notes what is wrong.
pub fn select(
    reader: &mut Reader<'_>,
    directory: &mut Directory,
    target: &ModuleVersion,
    options: &SourceOptions<'_>,
    limits: &Limits,
    findings: &mut Findings,
) -> Result<Selection, ZipError> {
    let mut finder = Finder {
        reader,
        directory,
        target,
        limits,
        findings,
    };
    let (root, folder) = finder.find_folder(options)?;
    let module = finder.find_module(&root, folder)?;
    let Finder {
        directory,
        findings,
        ..
    } = finder;
    let paths = Paths {
        base: module.folder.len(),
        hoisted: license_to_hoist(directory, &root, &module.folder),
    };
    mark(directory, &module, paths);
    // The prefix of every name is `path@version/`.
    let longest = usize::from(u16::MAX) - (target.to_string().len() + 1);
    check(directory, paths, longest, limits, findings);
    Ok(Selection {
        paths,
        go_mod: module.go_mod,
    })
}

/// A folder of the archive that is the module.
struct Module {
    /// Its name with a slash, or nothing for the archive itself.
    folder: Vec<u8>,
    go_mod: Option<u32>,
    vendoring: Vendoring,
}

/// A go.mod that may be the module's.
struct GoMod {
    number: u32,
    /// Why it is not the module's.
    fault: Option<Reason>,
    vendoring: Vendoring,
}

struct Finder<'a, 'r> {
    reader: &'a mut Reader<'r>,
    directory: &'a mut Directory,
    target: &'a ModuleVersion,
    limits: &'a Limits,
    findings: &'a mut Findings,
}

impl Finder<'_, '_> {
    /// The repository's root folder, and the folder in it that the caller chose.
    fn find_folder(&mut self, options: &SourceOptions<'_>) -> Result<(Vec<u8>, Vec<u8>), ZipError> {
        let mut chosen = options
            .subdir
            .unwrap_or_default()
            .trim_matches('/')
            .to_owned();
        if !chosen.is_empty() {
            if let Err(error) = path::check_file_path(&chosen) {
                let (name, reason) = (chosen, Reason::Path(error));
                return Err(ZipError::Invalid(vec![Problem { name, reason }]));
            }
            chosen.push('/');
        }
        let top = first_element(self.directory.name_at(0)).to_vec();
        let has_one_top = !top.is_empty()
            && (self.directory.entries.iter())
                .all(|entry| self.directory.name(entry).starts_with(&top));
        let at = |root: &[u8]| join(root, chosen.as_bytes());
        let is_stripped = if options.strip {
            self.blame_outside(&top);
            true
        } else {
            has_one_top && !self.holds_module(&at(b"")) && self.holds_module(&at(&top))
        };
        let root = if is_stripped { top } else { Vec::new() };
        let folder = at(&root);
        Ok((root, folder))
    }

    /// Notes the entries that are not in the one top folder.
    fn blame_outside(&mut self, top: &[u8]) {
        for number in self.directory.numbers() {
            let is_inside = !top.is_empty() && self.directory.name_at(number).starts_with(top);
            if !is_inside {
                let reason = || Reason::OutsideTopFolder;
                self.findings.blame(self.directory, number, reason);
            }
        }
    }

    fn holds_module(&self, folder: &[u8]) -> bool {
        let has_go_mod = |folder: &[u8]| self.directory.find(&join(folder, b"go.mod")).is_some();
        has_go_mod(folder)
            || self
                .major_folder(folder)
                .is_some_and(|folder| has_go_mod(&folder))
    }

    /// The folder of a major version of its own, `v2/`, if the path asks for one.
    fn major_folder(&self, folder: &[u8]) -> Option<Vec<u8>> {
        let major = self.target.path().major_suffix().strip_prefix('/')?;
        Some(join(folder, format!("{major}/").as_bytes()))
    }

    /// Decides which folder is the module, and holds its go.mod against the path.
    fn find_module(&mut self, root: &[u8], folder: Vec<u8>) -> Result<Module, ZipError> {
        let own = self.read_go_mod(&folder)?;
        let major = match self.major_folder(&folder) {
            Some(major) => self.read_go_mod(&major)?.map(|go_mod| (major, go_mod)),
            None => None,
        };
        let (folder, go_mod) = match (own, major) {
            (Some(own), Some((_, major))) if own.fault.is_none() => {
                let reason = major.fault.unwrap_or(Reason::TwoModuleFolders);
                self.findings.blame(self.directory, major.number, || reason);
                (folder, Some(own))
            }
            (_, Some((major_folder, major))) => (major_folder, Some(major)),
            (own, None) => (folder, own),
        };
        self.check_incompatible(go_mod.as_ref());
        let Some(go_mod) = go_mod else {
            let suffix = self.target.path().major_suffix();
            if folder != root || suffix.starts_with('/') {
                let name = String::from_utf8_lossy(&join(&folder, b"go.mod")).into_owned();
                self.findings.blame_missing(name, Reason::NoGoMod);
            }
            return Ok(Module {
                folder,
                go_mod: None,
                vendoring: Vendoring::Old,
            });
        };
        if let Some(reason) = go_mod.fault {
            self.findings
                .blame(self.directory, go_mod.number, || reason);
        }
        Ok(Module {
            folder,
            go_mod: Some(go_mod.number),
            vendoring: go_mod.vendoring,
        })
    }

    /// `+incompatible` marks a v2 or later that knows nothing of modules.
    fn check_incompatible(&mut self, go_mod: Option<&GoMod>) {
        let version = self.target.version();
        if !version.is_incompatible() {
            return;
        }
        if matches!(version.major(), "v0" | "v1") {
            self.findings.blame_archive(Reason::IncompatibleMajor);
        }
        if let Some(go_mod) = go_mod {
            let reason = || Reason::IncompatibleWithGoMod;
            self.findings.blame(self.directory, go_mod.number, reason);
        }
    }

    /// Reads a folder's go.mod, if it has one.
    fn read_go_mod(&mut self, folder: &[u8]) -> Result<Option<GoMod>, ZipError> {
        let Some(number) = self.directory.find(&join(folder, b"go.mod")) else {
            return Ok(None);
        };
        let entry = self.directory.entries.get(number as usize);
        let (kind, size) = entry.map_or((EntryKind::File, 0), |entry| (entry.kind, entry.size));
        let misfit = match kind {
            EntryKind::File => names::check_sizes(b"go.mod", size, self.limits).err(),
            EntryKind::Symlink => Some(Reason::Symlink),
            EntryKind::Folder | EntryKind::Irregular => Some(Reason::Irregular),
        };
        if misfit.is_some() {
            return Ok(Some(GoMod {
                number,
                fault: misfit,
                vendoring: Vendoring::Old,
            }));
        }
        let contents = Contents {
            reader: self.reader,
            directory: self.directory,
            findings: self.findings,
            sink: &mut Discard,
            wanted: Some(number),
        };
        let content = contents.read_wanted()?.unwrap_or_default();
        let expected = self.target.path().as_str();
        let fault = match gomod::module_path(&content) {
            None => Some(Reason::NoModuleLine),
            Some(found) if found != expected => Some(Reason::OtherModule {
                found,
                expected: expected.to_owned(),
            }),
            Some(_) => None,
        };
        Ok(Some(GoMod {
            number,
            fault,
            vendoring: Vendoring::of(gomod::go_version(&content).as_deref()),
        }))
    }
}

/// The repository's LICENSE, if the module is in a folder without one.
fn license_to_hoist(directory: &Directory, root: &[u8], folder: &[u8]) -> Option<u32> {
    if folder == root || directory.find(&join(folder, b"LICENSE")).is_some() {
        return None;
    }
    directory.find(&join(root, b"LICENSE"))
}

/// Marks the entries that belong to the module, by their names alone.
fn mark(directory: &mut Directory, module: &Module, paths: Paths) {
    let submodules = submodules(directory, module, paths);
    for number in directory.numbers() {
        let name = directory.name_at(number);
        let path = paths.of(directory, number);
        let is_inside = name.starts_with(&module.folder) && !name.ends_with(b"/");
        let is_omitted = || {
            module.vendoring.omits(path)
                || is_in_submodule(directory, paths, &submodules, path)
                || path == b".hg_archival.txt"
        };
        // A name that is not clean is a fault even where it would be left out.
        let is_odd = || !names::is_clean(path) || path.starts_with(b"/");
        let is_kept = paths.hoisted == Some(number) || (is_inside && (is_odd() || !is_omitted()));
        if let Some(entry) = directory.entries.get_mut(number as usize) {
            entry.is_kept = is_kept;
        }
    }
}

/// The go.mod files of other modules, sorted by their folders, without those inside of others.
fn submodules(directory: &Directory, module: &Module, paths: Paths) -> Vec<u32> {
    let is_other = |&(number, entry): &(u32, &Entry)| {
        let (folder, base) = split_last(paths.of(directory, number));
        entry.kind == EntryKind::File
            && directory.name(entry).starts_with(&module.folder)
            && !folder.is_empty()
            && base.eq_ignore_ascii_case(b"go.mod")
    };
    let entries = (0..).zip(&directory.entries);
    let mut found: Vec<u32> = entries.filter(is_other).map(|(number, _)| number).collect();
    let folder = |number: u32| split_last(paths.of(directory, number)).0;
    order::sort(&mut found, &mut |a, b| folder(a).cmp(folder(b)));
    found.dedup_by(|inner, outer| folder(*inner).starts_with(folder(*outer)));
    found
}

/// Whether a path is in the folder of one of these go.mod files. No folder is inside of another,
/// so the only one that can hold the path is the last that does not sort behind it.
fn is_in_submodule(directory: &Directory, paths: Paths, submodules: &[u32], path: &[u8]) -> bool {
    let folder = |number: u32| split_last(paths.of(directory, number)).0;
    let behind = submodules.partition_point(|&submodule| folder(submodule) <= path);
    let candidate = behind.checked_sub(1).and_then(|at| submodules.get(at));
    candidate.is_some_and(|&submodule| path.starts_with(folder(submodule)))
}

/// Splits a path into its folder, with the slash, and its last element.
fn split_last(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|&b| b == b'/');
    path.split_at(slash.map_or(0, |slash| slash + 1))
}

/// Holds the marked entries to the rules for names, and unmarks those that are no regular files.
fn check(
    directory: &mut Directory,
    paths: Paths,
    longest: usize,
    limits: &Limits,
    findings: &mut Findings,
) {
    let mut judge = Judge {
        directory,
        findings,
        paths,
    };
    judge.each(|path, _| check_path(path));
    judge.each(|path, _| match path.len() > longest {
        true => Err(Reason::LongName),
        false => Ok(()),
    });
    judge.check_collisions();
    for (number, entry) in (0..).zip(&mut directory.entries) {
        let is_regular = entry.kind == EntryKind::File || paths.hoisted == Some(number);
        entry.is_kept &= is_regular;
    }
    let is_file = |entry: &Entry| entry.kind != EntryKind::Folder;
    let entries = &directory.entries;
    let is_nothing_left = entries.iter().any(is_file) && !entries.iter().any(|entry| entry.is_kept);
    if is_nothing_left && findings.is_empty() {
        findings.blame_archive(Reason::NothingLeft);
    }
    let mut judge = Judge {
        directory,
        findings,
        paths,
    };
    judge.each(|path, entry| names::check_sizes(path, entry.size, limits));
}

fn check_path(path: &[u8]) -> Result<(), Reason> {
    if !names::is_clean(path) {
        return Err(Reason::NotClean);
    }
    if path.starts_with(b"/") {
        return Err(Reason::NotRelative);
    }
    names::check_file_path(path)?;
    if path.eq_ignore_ascii_case(b"go.mod") && path != b"go.mod" {
        return Err(Reason::GoModCase);
    }
    Ok(())
}

/// The first element of a name with its slash; nothing if it has none.
fn first_element(name: &[u8]) -> &[u8] {
    let slash = name.iter().position(|&b| b == b'/');
    slash
        .and_then(|slash| name.get(..=slash))
        .unwrap_or_default()
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    [folder, name].concat()
}
