//! Where a module lies in a commit, and which module it is (cmd/go/internal/modfetch/coderepo.go, `findDir`).
//!
//! A module's root folder gives its tags their prefix. Its go.mod lies there; from v2 on it may lie in a folder `v2`
//! of the root, which no tag names, and then not in both (golang.org/ref/mod#vcs-dir). Only a module of v0 or v1 at
//! the top can be without go.mod; its later versions are marked `+incompatible`.

use goproxy_edge::module::version::{INCOMPATIBLE, check_path_major};
use goproxy_edge::module::{ModulePath, Version, gomod};

use super::without_incompatible;
use crate::Failure;
use crate::git::{Commit, Repository};

/// A module in a commit.
pub struct Located {
    pub module: ModulePath,
    pub version: Version,
    /// The folder that holds it, below the repository's top.
    pub subdir: String,
}

/// The folder whose tags are those of the module around `folder`: that of the nearest go.mod, less a folder for the
/// major version. None where the commit has no such folder.
pub fn root(
    repository: &Repository,
    commit: &Commit,
    folder: &str,
) -> Result<Option<String>, Failure> {
    if !repository.has_folder(commit, folder)? {
        return Ok(None);
    }
    for folder in upwards(folder) {
        let Some(text) = repository.file(commit, &join(folder, "go.mod"))? else {
            continue;
        };
        let (parent, last) = folder.rsplit_once('/').unwrap_or(("", folder));
        let is_major =
            gomod::module_path(&text).is_some_and(|path| path.ends_with(&format!("/{last}")));
        let root = if is_major && is_major_folder(last) {
            parent
        } else {
            folder
        };
        return Ok(Some(root.to_owned()));
    }
    Ok(Some(String::new()))
}

/// A folder and those above it, up to the top.
pub fn upwards(folder: &str) -> impl Iterator<Item = &str> {
    // The top is the empty name.
    std::iter::successors(Some(folder), |folder| match folder.rsplit_once('/') {
        Some((parent, _)) => Some(parent),
        None => Some("").filter(|_| !folder.is_empty()),
    })
}

pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// `v2`, `v3` …: what may stand at the end of a module path.
fn is_major_folder(name: &str) -> bool {
    name.strip_prefix('v').is_some_and(|digits| {
        !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
            && digits != "1"
    })
}

/// A go.mod in a commit.
struct GoMod {
    /// Its own place.
    name: String,
    subdir: String,
    module: ModulePath,
}

impl GoMod {
    fn read(
        repository: &Repository,
        commit: &Commit,
        subdir: &str,
    ) -> Result<Option<Self>, Failure> {
        let name = join(subdir, "go.mod");
        let Some(text) = repository.file(commit, &name)? else {
            return Ok(None);
        };
        let path = gomod::module_path(&text)
            .ok_or_else(|| format!("{name} in commit {} has no module line", commit.hash))?;
        let module = ModulePath::parse(&path).map_err(|error| format!("{name}: {error}"))?;
        Ok(Some(Self {
            name,
            subdir: subdir.to_owned(),
            module,
        }))
    }
}

/// The module with this root folder that the version is of.
pub fn locate(
    repository: &Repository,
    commit: &Commit,
    root: &str,
    version: Version,
    wanted: Option<&ModulePath>,
) -> Result<Located, Failure> {
    let at_root = GoMod::read(repository, commit, root)?;
    let known = at_root.as_ref().map(|go_mod| &go_mod.module).or(wanted);
    let in_folder = match major_folder(&version, known) {
        Some(name) => GoMod::read(repository, commit, &join(root, name))?,
        None => None,
    };
    let found = match (at_root, in_folder) {
        (at_root, Some(in_folder)) => {
            check_folder(&version, commit, at_root.as_ref(), &in_folder, wanted)?;
            in_folder
        }
        (Some(at_root), None) => {
            check_root(&version, commit, &at_root, wanted)?;
            at_root
        }
        (None, None) => return without_go_mod(commit, root, version, wanted),
    };
    Ok(Located {
        module: found.module,
        version,
        subdir: found.subdir,
    })
}

/// The folder of the root in which `go` looks for this version besides: from v2 on, unless it is marked as one
/// without go.mod, or the major version stands behind a dot in the path.
fn major_folder<'a>(version: &'a Version, module: Option<&ModulePath>) -> Option<&'a str> {
    let dotted = module.is_some_and(|module| module.major_suffix().starts_with('.'));
    Some(version.major())
        .filter(|major| is_major_folder(major) && !version.is_incompatible() && !dotted)
}

/// Checks the module in the folder for a major version. `go` does not compare more than the suffix, for it knows the
/// path that somebody asks for; here only the root's go.mod, or `--module`, tells which module the tag is of.
fn check_folder(
    version: &Version,
    commit: &Commit,
    at_root: Option<&GoMod>,
    in_folder: &GoMod,
    wanted: Option<&ModulePath>,
) -> Result<(), Failure> {
    let GoMod { name, module, .. } = in_folder;
    let (major, hash) = (version.major(), &commit.hash);
    if module.major_suffix() != format!("/{major}") {
        return Err(format!(
            "{name} in commit {hash} declares {module}, where `go` looks for a module whose path ends in /{major}: \
             correct its module line, or give the folder another name"
        )
        .into());
    }
    let root_that_fits = at_root.filter(|go_mod| fits(version, &go_mod.module));
    if let Some(GoMod { name: at_root, .. }) = root_that_fits {
        return Err(format!(
            "{at_root} and {name} both have …/{major} module paths in commit {hash}, \
             so `go` takes neither for {version}: leave the one that is meant, and move the tag or make a new one"
        )
        .into());
    }
    if let Some(wanted) = wanted {
        return check_wanted(commit, in_folder, wanted);
    }
    let Some(at_root) = at_root else {
        return Ok(());
    };
    let implied = format!("{}/{major}", at_root.module.prefix());
    if module.as_str() == implied {
        return Ok(());
    }
    Err(format!(
        "{name} in commit {hash} declares {module}, but {version} is a version of {implied} by {}, \
         which declares {}: correct the one that is wrong, or name the module with --module",
        at_root.name, at_root.module
    )
    .into())
}

fn check_root(
    version: &Version,
    commit: &Commit,
    at_root: &GoMod,
    wanted: Option<&ModulePath>,
) -> Result<(), Failure> {
    let GoMod { name, module, .. } = at_root;
    if !fits(version, module) {
        return Err(format!(
            "{version} is no version of {module}, which {name} in commit {} declares: \
             from v2 on, the path in go.mod ends in the major version",
            commit.hash
        )
        .into());
    }
    wanted.map_or(Ok(()), |wanted| check_wanted(commit, at_root, wanted))
}

fn check_wanted(commit: &Commit, found: &GoMod, wanted: &ModulePath) -> Result<(), Failure> {
    let GoMod { name, module, .. } = found;
    if module == wanted {
        return Ok(());
    }
    Err(format!(
        "--module names {wanted}, but {name} in commit {} declares {module}",
        commit.hash
    )
    .into())
}

fn without_go_mod(
    commit: &Commit,
    root: &str,
    version: Version,
    wanted: Option<&ModulePath>,
) -> Result<Located, Failure> {
    let hash = &commit.hash;
    let Some(module) = wanted.filter(|_| root.is_empty()) else {
        return Err(format!(
            "commit {hash} has no {}: name the module with --module if it is at the repository's top and has none",
            join(root, "go.mod")
        )
        .into());
    };
    if module.major_suffix().starts_with('/') {
        let plain = module.prefix();
        return Err(format!(
            "commit {hash} has no go.mod, without which `go` knows no {module}: add one, \
             or publish it as {plain} with --module {plain}"
        )
        .into());
    }
    Ok(Located {
        version: marked(version, module)?,
        module: module.clone(),
        subdir: String::new(),
    })
}

/// Whether a module with a go.mod can have this version.
fn fits(version: &Version, module: &ModulePath) -> bool {
    !version.is_incompatible() && check_path_major(version.as_str(), module.major_suffix()).is_ok()
}

/// A module without go.mod has v2 and later under the path of v1, marked `+incompatible`.
fn marked(version: Version, module: &ModulePath) -> Result<Version, Failure> {
    let is_right = !matches!(version.major(), "v0" | "v1") && module.major_suffix().is_empty();
    if version.is_incompatible() && !is_right {
        return Err(format!(
            "{version} is no version of {module} to `go`, which knows {INCOMPATIBLE} from v2 on, of modules whose \
             path has no major version: publish {}",
            without_incompatible(&version)
        )
        .into());
    }
    if check_path_major(version.as_str(), module.major_suffix()).is_ok() {
        return Ok(version);
    }
    let marked = Version::parse(&format!("{version}{INCOMPATIBLE}"))?;
    check_path_major(marked.as_str(), module.major_suffix())?;
    Ok(marked)
}
