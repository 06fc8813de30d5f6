//! Whether a zip is what the files beside it say: its hash in `.ziphash`, and the go.mod in `.mod`.
//!
//! The `go` command writes both when it has checked a zip against go.sum, so where they differ the tree was damaged or
//! changed, and what would be published is not what everybody's go.sum has. A `.ziphash` that is none counts as missing,
//! as for `go` (cmd/go/internal/modfetch, `checkModSum`), which computes it anew. A zip that is no module zip is left to
//! the server, which says all that is wrong with it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use goproxy_edge::module::zip::{self, Limits};
use goproxy_edge::module::{ModuleVersion, gomod};

use super::tree::Found;

/// What to do about a tree that contradicts itself.
const MEND: &str = "delete the files of this version and have `go mod download` fetch them anew, then import again";

/// Why this zip is not to be sent, if it is not what stands beside it.
pub fn contradiction(found: &Found, mut file: &File) -> Option<String> {
    let (hash, go_mod) = match (hash(found), go_mod(found)) {
        (Ok(hash), Ok(go_mod)) => (hash, go_mod),
        (Err(why), _) | (_, Err(why)) => return Some(why),
    };
    if hash.is_none() && go_mod.is_none() {
        return None;
    }
    let version = ModuleVersion::new(found.module.as_ref().clone(), found.version.clone()).ok()?;
    let checked = zip::check(&mut file, &version, &Limits::default()).ok()?;
    if let Some(hash) = hash.filter(|hash| *hash != checked.h1) {
        return Some(format!(
            "its hash is {}, but {} beside it has {hash}: {MEND}",
            checked.h1,
            name(&found.file("ziphash"))
        ));
    }
    // A zip without one has the go.mod that the `go` command makes up.
    let own = checked
        .go_mod
        .unwrap_or_else(|| gomod::legacy_go_mod(&found.module).into_bytes());
    go_mod.filter(|go_mod| *go_mod != own).map(|_| {
        format!(
            "{} beside it differs from its go.mod: {MEND}",
            name(&found.file("mod"))
        )
    })
}

/// The hash in the `.ziphash`, if there is one.
fn hash(found: &Found) -> Result<Option<String>, String> {
    let text = read(&found.file("ziphash"))?.unwrap_or_default();
    let text = String::from_utf8(text).unwrap_or_default();
    let hash = text.trim();
    let bytes = hash
        .strip_prefix("h1:")
        .and_then(|digits| BASE64_STANDARD.decode(digits).ok());
    Ok(bytes
        .filter(|bytes| bytes.len() == 32)
        .map(|_| hash.to_owned()))
}

fn go_mod(found: &Found) -> Result<Option<Vec<u8>>, String> {
    read(&found.file("mod"))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
