//! The way past the proxy, where a store has one: clients deal with its object store themselves, at addresses
//! that are signed for them. What stores promise holds nevertheless, and one suite checks it for each.

#[cfg(test)]
mod tests;

use super::{Error, Staged};
use crate::module::ModuleVersion;

/// Gives the address at which clients can read an object themselves, for some minutes; told whether by
/// `HEAD`, which is signed otherwise. Whoever has it needs nothing else: it goes into no log and no message.
pub type Elsewhere = Box<dyn FnOnce(bool) -> Result<String, Error>>;

/// Uploads past the proxy: clients send a zip to the object store themselves, to an address that is good
/// for some minutes. Whoever has one needs nothing else: it goes into no log and no message.
pub trait Presigned {
    /// Where a version's zip of just this size can be sent to by `PUT`. Nobody sees it there.
    ///
    /// # Errors
    /// The store's own.
    fn begin(&self, version: &ModuleVersion, size: u64) -> Result<Begun, Error>;

    /// What has arrived for this version under an id. Whoever sent it can still replace it there: what
    /// is read here and committed is the same nevertheless, or fails with [`Error::Conflict`].
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing has, it is too old or the id is another version's,
    /// [`Error::Conflict`] when it is replaced at this moment, or the store's own.
    fn arrived(&self, version: &ModuleVersion, id: &str) -> Result<Box<dyn Staged>, Error>;
}

/// An upload past the proxy, not yet there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// What it is called when it is there.
    pub id: String,
    /// Where it goes to.
    pub url: String,
    /// How long that is good for, in seconds.
    pub seconds: u64,
}
