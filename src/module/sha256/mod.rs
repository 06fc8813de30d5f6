//! SHA-256 of several files at a time.
//!
//! A guest has no instructions for SHA-256, and hashing is what checking an upload spends most of
//! its time on. Its vectors have four lanes of 32 bits, which is the word of SHA-256: so four files
//! are hashed side by side. A host has the instructions, and leaves it to the `sha2` crate.

#[cfg(any(target_arch = "wasm32", test))]
mod lanes;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod portable;

use super::hash::FileHash;

/// Hashes `count` files: `content` gives one, `done` takes its hash. The order is open.
pub fn hash_each<'a>(
    count: usize,
    content: impl Fn(usize) -> &'a [u8],
    mut done: impl FnMut(usize, FileHash),
) {
    #[cfg(target_arch = "wasm32")]
    lanes::hash_each(count, &content, &mut done);
    #[cfg(not(target_arch = "wasm32"))]
    for number in 0..count {
        use sha2::Digest;
        done(number, sha2::Sha256::digest(content(number)).into());
    }
}

#[cfg(test)]
mod tests;
