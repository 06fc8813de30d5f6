//! The draft interfaces in the versions and types of Spin.

#[allow(missing_docs)]
pub(super) mod bindings {
    wit_bindgen::generate!({
        path: "wit/spin",
        world: "spin",
        // Keys are parts of other texts.
        ownership: Borrowing { duplicate_if_necessary: false },
        generate_all,
    });
}

use bindings::wasi::keyvalue::store::{Bucket, Error, KeyResponse};

/// The keys from a cursor on.
pub(super) fn page(bucket: &Bucket, cursor: Option<&String>) -> Result<KeyResponse, Error> {
    bucket.list_keys(cursor.map(String::as_str))
}

/// What one of several keys has, if it is there.
#[cfg(feature = "admin")]
pub(super) fn pair((key, value): (String, Option<Vec<u8>>)) -> Option<(String, Vec<u8>)> {
    Some((key, value?))
}
