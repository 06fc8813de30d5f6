//! The way past the proxy: zips that clients fetch from the store, or send to it, themselves.
//!
//! An upload goes to a key that holds when it was begun, chance, and a hash of the version that it is for:
//! so an id is good for this version alone, and nothing is kept of it. Its size is signed. Whoever has the
//! address can replace the bytes while it lasts, so everything that follows names the tag that was seen
//! first, and the store is tried whether it keeps to it. Beside a key-value store, where a zip has no place
//! of its own to be copied to after the check, it is copied first: nobody can replace what is checked then.

#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};

use super::S3;
use super::sign::{self, Target};
use super::write::{Arrived, UPLOADS};
use crate::hex;
use crate::http::Method;
use crate::module::ModuleVersion;
use crate::store::kv::PresignedBlobs;
use crate::store::{Begun, Error, Presigned, Staged};

/// How long a zip can be fetched, in seconds: `go` does so at once, and clocks differ.
const READ_FOR: u64 = 300;
/// How long an upload can be begun, in seconds. It may take longer.
const WRITE_FOR: u64 = 900;
/// The length of the chance in an id, in hex digits.
const CHANCE: usize = 32;

impl Presigned for S3 {
    fn begin(&self, version: &ModuleVersion, size: u64) -> Result<Begun, Error> {
        self.refuse_foreign_layout()?;
        self.begin_presigned(version, size)
    }

    fn arrived(&self, version: &ModuleVersion, id: &str) -> Result<Box<dyn Staged>, Error> {
        self.refuse_foreign_layout()?;
        let arrived = self.sent(version, id)?;
        arrived.try_swapped()?;
        Ok(Box::new(arrived))
    }
}

impl PresignedBlobs for S3 {
    fn address(&self, name: &str, head: bool) -> Result<String, Error> {
        self.read_address(name, head)
    }

    fn begin(&self, version: &ModuleVersion, size: u64) -> Result<Begun, Error> {
        self.begin_presigned(version, size)
    }

    fn take(&self, version: &ModuleVersion, id: &str, name: &str) -> Result<u64, Error> {
        let arrived = self.sent(version, id)?;
        arrived.copy_to(name)?;
        Ok(arrived.size())
    }

    fn clear(&self, after: &str) -> Result<(u64, Option<String>), Error> {
        self.remove_uploads(Some(after).filter(|after| !after.is_empty()))
    }
}

impl S3 {
    /// Where an object can be read; `head`: by `HEAD`.
    pub(super) fn read_address(&self, key: &str, head: bool) -> Result<String, Error> {
        let method = if head { Method::Head } else { Method::Get };
        self.presign(method, key, &[], READ_FOR)
    }

    fn begin_presigned(&self, version: &ModuleVersion, size: u64) -> Result<Begun, Error> {
        if self.config.access_key.expose().is_empty() {
            let text = "nothing can be signed without a key (`s3_access_key`)";
            return Err(Error::Refused(text.to_owned()));
        }
        let id = self.upload_id();
        let length = [("content-length", size.to_string())];
        let key = upload_key(version, &id);
        Ok(Begun {
            url: self.presign(Method::Put, &key, &length, WRITE_FOR)?,
            id,
            seconds: WRITE_FOR,
        })
    }

    /// What was sent for this version under an id. From here on it is removed, whatever comes of it.
    fn sent(&self, version: &ModuleVersion, id: &str) -> Result<Arrived, Error> {
        let key = upload_key(version, id);
        if !is_id(id) || self.is_old(&key) {
            return Err(Error::NotFound);
        }
        let found = self.head(&key)?.ok_or(Error::NotFound)?;
        Arrived::by_others(self.clone(), key, found)
    }

    fn presign(
        &self,
        method: Method,
        key: &str,
        headers: &[(&str, String)],
        seconds: u64,
    ) -> Result<String, Error> {
        let target = Target {
            method,
            key: Some(key),
            query: &[],
            headers,
            seconds,
        };
        sign::address(&self.config, &target, self.entropy.unix_seconds())
            .ok_or_else(|| Error::Unavailable(self.words("its address can't be signed")))
    }
}

/// Where an upload lies.
fn upload_key(version: &ModuleVersion, id: &str) -> String {
    let named = format!("{}@{}", version.path(), version.version());
    let digest = Sha256::digest(named.as_bytes());
    let digest = hex::encode(digest.get(..16).unwrap_or_default());
    format!("{UPLOADS}{id}.{digest}")
}

/// Whether an id has the form of ours: it becomes a part of a key.
fn is_id(id: &str) -> bool {
    let hex = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let parts = id.split_once('.');
    parts.is_some_and(|(begun, chance)| {
        (1..=16).contains(&begun.len()) && hex(begun) && chance.len() == CHANCE && hex(chance)
    })
}
