//! Which files of a source archive are vendored copies of other modules' packages, and are left
//! out of the module zip.
//!
//! Vendored is what lies below a package path with the element `vendor` that does not end in it:
//! `vendor/a/a.go`, but not `vendor/vendor.go`. Hashes that exist must not change, so two mistakes
//! of old stay for modules whose go.mod says less than go 1.24: their `vendor/modules.txt` is not
//! left out, and below an inner `/vendor/` it is the 8th byte of the whole name from which a
//! further slash is looked for, so `pkg/vendor/vendor.go` is left out.
//!
//! Source: golang.org/x/mod/zip (isVendoredPackage), golang.org/issue/37397, issue/63395.

/// The rules that a module's Go version asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendoring {
    /// Before go 1.24, or without a version.
    Old,
    /// From go 1.24 on.
    Go124,
}

impl Vendoring {
    /// The rules for the version in a `go` directive.
    pub fn of(go_version: Option<&str>) -> Self {
        match go_version.and_then(language_version) {
            Some((major, minor))
                if (major.len(), major, minor.len(), minor) >= (1, "1", 2, "24") =>
            {
                Vendoring::Go124
            }
            _ => Vendoring::Old,
        }
    }

    /// Whether a file of this path is left out.
    pub fn omits(self, path: &[u8]) -> bool {
        const INNER: &[u8] = b"/vendor/";
        let is_new = self == Vendoring::Go124;
        if is_new && path == b"vendor/modules.txt" {
            return true;
        }
        let below = if let Some(below) = path.strip_prefix(b"vendor/") {
            Some(below)
        } else {
            let inner = path.windows(INNER.len()).position(|window| window == INNER);
            let start = inner.map(|at| {
                if is_new {
                    at + INNER.len()
                } else {
                    INNER.len()
                }
            });
            start.and_then(|start| path.get(start..))
        };
        below.is_some_and(|below| below.contains(&b'/'))
    }
}

/// The major and minor number of a valid Go version. A patch release has no release candidates.
fn language_version(version: &str) -> Option<(&str, &str)> {
    let (major, rest) = version.split_once('.')?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (minor, rest) = rest.split_at(end);
    let is_valid = match rest.strip_prefix('.') {
        Some(patch) => patch.bytes().all(|b| b.is_ascii_digit()),
        None => true,
    };
    is_valid.then_some((major, minor))
}
