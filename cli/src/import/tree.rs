//! What a module cache holds: `<escaped module>/@v/<escaped version>.{info,mod,zip}`, found in the order of names.
//!
//! Found are zips, and go.mod files that stand alone. All else is not looked at. Links to folders are followed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use goproxy_edge::module::{ModulePath, Version};

use crate::Failure;

/// A module cache.
pub struct Tree {
    pub root: PathBuf,
}

/// A version in the tree: a zip, or a go.mod that stands alone.
pub struct Found {
    pub module: Arc<ModulePath>,
    pub version: Version,
    pub zip: bool,
    folder: Arc<Path>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = if self.zip { "" } else { " (go.mod)" };
        write!(f, "{}@{}{which}", self.module, self.version)
    }
}

impl Found {
    pub fn extension(&self) -> &'static str {
        if self.zip { "zip" } else { "mod" }
    }

    pub fn file(&self, extension: &str) -> PathBuf {
        self.folder
            .join(format!("{}.{extension}", self.version.escaped()))
    }
}

impl Tree {
    /// Takes `GOMODCACHE` itself for the `cache/download` in it.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let download = folder.join("cache").join("download");
        let root = if download.is_dir() {
            download
        } else {
            folder.to_owned()
        };
        match fs::read_dir(&root) {
            Ok(_) => Ok(Self { root }),
            Err(error) => Err(format!("cannot read {}: {error}", root.display()).into()),
        }
    }

    /// Calls `visit` for every version, in the order of names, until it answers false.
    pub fn walk(&self, visit: &mut dyn FnMut(Found) -> bool) -> Result<(), Failure> {
        let mut around = vec![canonical(&self.root)?];
        walk_folder(&self.root, "", &mut around, visit).map(drop)
    }
}

/// Whether to go on. `around` has the canonical paths of this folder and of those that it was reached through.
fn walk_folder(
    folder: &Path,
    escaped: &str,
    around: &mut Vec<PathBuf>,
    visit: &mut dyn FnMut(Found) -> bool,
) -> Result<bool, Failure> {
    for (name, kind) in entries(folder)? {
        let inner = folder.join(&name);
        let go_on = if kind == Kind::Other {
            true
        } else if name == "@v" {
            match ModulePath::from_escaped(escaped) {
                Ok(module) => walk_versions(&inner, module, visit)?,
                Err(_) => true,
            }
        } else if escaped.is_empty() && name == "sumdb" {
            // The checksum database's cache, and goproxy's.
            true
        } else {
            let own = match (kind, around.last()) {
                (Kind::Folder, Some(parent)) => parent.join(&name),
                _ => canonical(&inner)?,
            };
            // A link to a folder that we came through: there is no end in it.
            if kind == Kind::Linked && around.contains(&own) {
                continue;
            }
            let escaped = match escaped {
                "" => name,
                escaped => format!("{escaped}/{name}"),
            };
            around.push(own);
            let go_on = walk_folder(&inner, &escaped, around, visit)?;
            around.pop();
            go_on
        };
        if !go_on {
            return Ok(false);
        }
    }
    Ok(true)
}

fn canonical(folder: &Path) -> Result<PathBuf, Failure> {
    folder
        .canonicalize()
        .map_err(|error| format!("cannot read {}: {error}", folder.display()).into())
}

fn walk_versions(
    folder: &Path,
    module: ModulePath,
    visit: &mut dyn FnMut(Found) -> bool,
) -> Result<bool, Failure> {
    let (module, shared) = (Arc::new(module), Arc::<Path>::from(folder));
    let names = entries(folder)?;
    for (name, _) in &names {
        let (escaped, zip) = match name.rsplit_once('.') {
            Some((escaped, "zip")) => (escaped, true),
            Some((escaped, "mod")) => (escaped, false),
            _ => continue,
        };
        let Ok(version) = Version::from_escaped(escaped) else {
            continue;
        };
        let beside = format!("{escaped}.zip");
        if !zip
            && names
                .binary_search_by(|(name, _)| name.cmp(&beside))
                .is_ok()
        {
            continue;
        }
        let found = Found {
            module: Arc::clone(&module),
            version,
            zip,
            folder: Arc::clone(&shared),
        };
        if !visit(found) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a name in a folder is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Folder,
    /// A link to a folder: caches are shared and moved to other disks so.
    Linked,
    Other,
}

/// The names in a folder, sorted, and what each is. A name that is not UTF-8 is no module's.
fn entries(folder: &Path) -> Result<Vec<(String, Kind)>, Failure> {
    let failed = |error| format!("cannot read {}: {error}", folder.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let own = entry.file_type().map_err(failed)?;
        let kind = if own.is_dir() {
            Kind::Folder
        } else if own.is_symlink() && fs::metadata(entry.path()).is_ok_and(|to| to.is_dir()) {
            Kind::Linked
        } else {
            Kind::Other
        };
        if let Ok(name) = entry.file_name().into_string() {
            entries.push((name, kind));
        }
    }
    entries.sort();
    Ok(entries)
}
