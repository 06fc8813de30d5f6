//! Go's module rules: what a module path, a version, a go.mod file, a module zip and its hash are.
//!
//! Pure: everything works on bytes and on `std::io` traits. This room knows no host, no store and
//! no HTTP. Its rules are those of golang.org/x/mod and, where that is silent, of cmd/go; each
//! file states the rules that it holds.

pub mod gomod;
pub mod hash;
pub mod path;
pub mod pseudo;
pub mod semver;
pub mod time;
pub mod version;
pub mod zip;

#[cfg(test)]
mod oracle;
mod sha256;
mod unicode;

pub use path::{ModulePath, PathError};
pub use time::Timestamp;
pub use version::{ModuleVersion, Version, VersionError};
