//! The draft interfaces in the versions and types of wasmCloud.

#[allow(missing_docs)]
pub(super) mod bindings {
    wit_bindgen::generate!({
        path: "wit/wasmcloud",
        world: "wasmcloud",
        // Keys are parts of other texts.
        ownership: Borrowing { duplicate_if_necessary: false },
        with: { "wasi:io/streams@0.2.1": ::wasi::io::streams },
        generate_all,
    });
}

use bindings::wasi::keyvalue::store::{Bucket, Error, KeyResponse};

/// The keys from a cursor on.
pub(super) fn page(bucket: &Bucket, cursor: Option<&u64>) -> Result<KeyResponse, Error> {
    bucket.list_keys(cursor.copied())
}

/// What one of several keys has, if it is there.
#[cfg(feature = "admin")]
pub(super) fn pair(found: Option<(String, Vec<u8>)>) -> Option<(String, Vec<u8>)> {
    found
}
