//! What the stores have in common that keep the tree of escaped URL paths, `dir` as files and `s3` as
//! objects: which versions its names say are there, and the order in which they are written.
//!
//! The order is zip, info, go.mod. The zip decides who has won; the go.mod, last, makes the version
//! listed. (With the info last, as the `go` command's cache has it, a reader in between would be given
//! a made-up time that then changes.)

use super::{Entry, Error, File, Index, Info, Object, Outcome, ReadSeek, Release};
use crate::http::ETag;
use crate::module::{ModulePath, ModuleVersion, Timestamp, Version, gomod, zip};
use crate::order::sorted;

/// The extension of the mark of a withdrawn version.
pub(super) const WITHDRAWN: &str = "withdrawn";

/// The longest `.info` that is read, in bytes: they have a few hundred.
const LONGEST_INFO: u64 = 64 << 10;

/// Which files of a version are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub info: bool,
    pub go_mod: bool,
    pub zip: bool,
    pub withdrawn: bool,
}

impl Files {
    fn and(self, other: Files) -> Files {
        Files {
            info: self.info || other.info,
            go_mod: self.go_mod || other.go_mod,
            zip: self.zip || other.zip,
            withdrawn: self.withdrawn || other.withdrawn,
        }
    }

    /// The one file with this extension.
    pub fn one(extension: &str) -> Option<Files> {
        let mut files = Files::default();
        match extension {
            "info" => files.info = true,
            "mod" => files.go_mod = true,
            "zip" => files.zip = true,
            WITHDRAWN => files.withdrawn = true,
            _ => return None,
        }
        Some(files)
    }

    /// What a name in a folder `@v` says. None for names of others.
    pub fn named(name: &str) -> Option<(Version, Files)> {
        let (stem, extension) = name.rsplit_once('.')?;
        let files = Files::one(extension)?;
        Some((Version::from_escaped(stem).ok()?, files))
    }
}

/// Reads the `.info` of a version.
pub(super) type ReadInfo<'a> = dyn Fn(&ModuleVersion) -> Result<Vec<u8>, Error> + 'a;

/// The index of a module of what was found in its folder. `info` reads the `.info` of a version;
/// without it nothing but names is wanted. None where nothing is listed.
pub(super) fn index(
    module: &ModulePath,
    found: Vec<(Version, Files)>,
    info: Option<&ReadInfo<'_>>,
) -> Result<Option<Index>, Error> {
    let found = sorted(found, |a, b| a.0.cmp(&b.0));
    let mut entries = Vec::new();
    for same in found.chunk_by(|a, b| a.0 == b.0) {
        let files = same
            .iter()
            .fold(Files::default(), |all, (_, one)| all.and(*one));
        if let Some((version, _)) = same.first() {
            entries.extend(entry(module, version.clone(), files, info)?);
        }
    }
    Ok((!entries.is_empty()).then(|| Index::new(entries)))
}

fn entry(
    module: &ModulePath,
    version: Version,
    files: Files,
    read_info: Option<&ReadInfo<'_>>,
) -> Result<Option<Entry>, Error> {
    if files.withdrawn {
        return Ok(Some(Entry::withdrawn(&version)));
    }
    if !(files.zip && files.go_mod) {
        return Ok(None);
    }
    let mut info = Info {
        version: version.clone(),
        time: Timestamp::ZERO,
        origin: None,
    };
    let Ok(named) = ModuleVersion::new(module.clone(), version) else {
        // A version that does not fit the path: nobody can ask for it.
        return Ok(None);
    };
    if let Some(read_info) = read_info.filter(|_| files.info) {
        info = match read_info(&named) {
            Ok(stored) => Info::parse(&stored).unwrap_or(info),
            // Withdrawn since its folder was read.
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
    }
    Ok(Some(Entry::published(&info)))
}

/// A tree, in the steps that reading and writing versions takes.
pub(super) trait Tree {
    /// What a file is called in an error.
    fn name(&self, version: &ModuleVersion, extension: &str) -> String;
    /// Whether a file is there.
    fn exists(&self, version: &ModuleVersion, extension: &str) -> Result<bool, Error>;
    /// A file as it is.
    fn stored(&self, version: &ModuleVersion, file: File) -> Result<Object, Error>;
    /// The tag of the zip.
    fn zip_tag(&self, version: &ModuleVersion) -> Result<ETag, Error>;
    /// The zip, to be read here and there.
    fn zip_reader(&self, version: &ModuleVersion) -> Result<Box<dyn ReadSeek + '_>, Error>;
    /// Writes a file that is not there. False where it is.
    fn write_new(
        &self,
        version: &ModuleVersion,
        extension: &str,
        bytes: &[u8],
    ) -> Result<bool, Error>;
    /// Removes a file; one that is not there is fine.
    fn remove(&self, version: &ModuleVersion, extension: &str) -> Result<(), Error>;
}

/// The stored `.info`, looked at before it is given out.
pub(super) fn checked_info(
    tree: &dyn Tree,
    version: &ModuleVersion,
    stored: Object,
) -> Result<Object, Error> {
    let etag = stored.etag.clone();
    let bytes = info_bytes(stored)?;
    match Info::parse(&bytes) {
        Some(info) if info.version == *version.version() => Ok(Object::from_bytes(bytes, etag)),
        _ => Err(Error::Corrupt(format!(
            "{} does not say what this version is",
            tree.name(version, "info")
        ))),
    }
}

/// The bytes of an `.info`; none of one that is too long to be any.
pub(super) fn info_bytes(stored: Object) -> Result<Vec<u8>, Error> {
    match stored.size {
        ..=LONGEST_INFO => stored.into_bytes(),
        _ => Ok(Vec::new()),
    }
}

/// The info of a version whose zip and go.mod are there and whose `.info` nobody wrote.
pub(super) fn derived_info(tree: &dyn Tree, version: &ModuleVersion) -> Result<Object, Error> {
    if !tree.exists(version, "mod")? {
        return Err(Error::NotFound);
    }
    let etag = tree.zip_tag(version)?;
    let json = made_info(tree, version)?.to_json();
    let mut object = Object::from_bytes(json, etag);
    object.provisional = true;
    Ok(object)
}

/// Time: the pseudo-version's own, else the zip's newest entry, else the zero time.
fn made_info(tree: &dyn Tree, version: &ModuleVersion) -> Result<Info, Error> {
    let time = match version.version().pseudo_time() {
        Some(time) => Some(time),
        None => newest_entry(tree, version)?,
    };
    Ok(Info {
        version: version.version().clone(),
        time: time.unwrap_or(Timestamp::ZERO),
        origin: None,
    })
}

fn newest_entry(tree: &dyn Tree, version: &ModuleVersion) -> Result<Option<Timestamp>, Error> {
    let mut reader = tree.zip_reader(version)?;
    match zip::newest_entry_time(&mut reader) {
        Ok(time) => Ok(time),
        Err(zip::ZipError::Io(error)) => Err(Error::from_io(error)),
        Err(_) => Ok(None),
    }
}

/// Fails where a version has been withdrawn.
pub(super) fn refuse_withdrawn(tree: &dyn Tree, version: &ModuleVersion) -> Result<(), Error> {
    match tree.exists(version, WITHDRAWN)? {
        true => Err(Error::Withdrawn),
        false => Ok(()),
    }
}

/// Publishes a version. `link` makes the upload its zip, false where there is one.
pub(super) fn publish(
    tree: &dyn Tree,
    link: &dyn Fn() -> Result<bool, Error>,
    release: &Release,
) -> Result<Outcome, Error> {
    let version = &release.version;
    refuse_withdrawn(tree, version)?;
    if !agrees_with_mod(tree, version, &release.go_mod)?.unwrap_or(true) {
        return Err(mod_differs());
    }
    let new_zip = link()?;
    if !new_zip {
        compare_zip(tree, version, release)?;
    }
    let new_info = tree.write_new(version, "info", &release.info.to_json())?;
    let new_mod = tree.write_new(version, "mod", &release.go_mod)?;
    if !new_mod && agrees_with_mod(tree, version, &release.go_mod)? == Some(false) {
        // Another go.mod came in between. It stands for good, so nobody can want this zip.
        for (ours, extension) in [(new_info, "info"), (new_zip, "zip")] {
            if ours {
                tree.remove(version, extension)?;
            }
        }
        return Err(mod_differs());
    }
    if tree.exists(version, WITHDRAWN)? {
        remove_withdrawn(tree, version)?;
        return Err(Error::Withdrawn);
    }
    Ok(match new_zip || new_mod {
        true => Outcome::Created,
        false => Outcome::Unchanged,
    })
}

/// Whether the go.mod that is there is this one; none where there is none.
fn agrees_with_mod(
    tree: &dyn Tree,
    version: &ModuleVersion,
    go_mod: &[u8],
) -> Result<Option<bool>, Error> {
    match tree.stored(version, File::Mod) {
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
        Ok(there) if there.size != go_mod.len() as u64 => Ok(Some(false)),
        Ok(there) => Ok(Some(there.into_bytes()? == go_mod)),
    }
}

fn compare_zip(tree: &dyn Tree, version: &ModuleVersion, release: &Release) -> Result<(), Error> {
    match standing_zip(tree, version)? {
        Ok(checked) if checked.h1 == release.zip_hash => Ok(()),
        Ok(checked) => Err(Error::Conflict(format!(
            "the zip that stands is {}",
            checked.h1
        ))),
        Err(why) => Err(Error::Conflict(format!(
            "the zip that stands is not valid: {why}"
        ))),
    }
}

/// Reads through the zip that is there.
fn standing_zip(
    tree: &dyn Tree,
    version: &ModuleVersion,
) -> Result<Result<zip::Checked, zip::ZipError>, Error> {
    let mut reader = tree.zip_reader(version)?;
    match zip::check(&mut reader, version, &zip::Limits::default()) {
        Err(zip::ZipError::Io(error)) => Err(Error::from_io(error)),
        checked => Ok(checked),
    }
}

/// Keeps a go.mod without a zip.
pub(super) fn write_mod(
    tree: &dyn Tree,
    version: &ModuleVersion,
    go_mod: &[u8],
) -> Result<Outcome, Error> {
    refuse_withdrawn(tree, version)?;
    if tree.exists(version, "zip")? && !tree.exists(version, "mod")? {
        // A publisher was stopped between the two, or is not done yet.
        let standing = standing_zip(tree, version)?;
        let own = standing.ok().map(|checked| {
            let synthesised = || gomod::legacy_go_mod(version.path()).into();
            checked.go_mod.unwrap_or_else(synthesised)
        });
        if own.is_none_or(|own| own != go_mod) {
            return Err(mod_differs());
        }
    }
    if tree.write_new(version, "mod", go_mod)? {
        return Ok(Outcome::Created);
    }
    match agrees_with_mod(tree, version, go_mod)? {
        Some(true) => Ok(Outcome::Unchanged),
        _ => Err(mod_differs()),
    }
}

/// Withdraws a version: the mark first, which decides, then the files.
pub(super) fn withdraw(tree: &dyn Tree, version: &ModuleVersion) -> Result<Outcome, Error> {
    let marked = tree.exists(version, WITHDRAWN)?;
    if !marked && !tree.exists(version, "zip")? {
        return Err(Error::NotFound);
    }
    let new = !marked && tree.write_new(version, WITHDRAWN, b"")?;
    remove_withdrawn(tree, version)?;
    Ok(match new {
        true => Outcome::Created,
        false => Outcome::Unchanged,
    })
}

fn remove_withdrawn(tree: &dyn Tree, version: &ModuleVersion) -> Result<(), Error> {
    for file in [File::Info, File::Zip] {
        tree.remove(version, file.extension())?;
    }
    Ok(())
}

fn mod_differs() -> Error {
    Error::Conflict("its go.mod differs".to_owned())
}
