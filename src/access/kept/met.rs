//! What an instance has met lately, in less room than to remember it takes.

use std::cell::Cell;
use std::fmt;
use std::hash::Hash;

use crate::lately::hash_of;

/// Which keys came lately, by their hashes: now and then it has one that did not come, or forgets one. As
/// [`crate::lately::Lately`] it is no part of what it stands in.
pub struct Met<const MOST: usize>([Cell<u64>; MOST]);

impl<const MOST: usize> Met<MOST> {
    /// None yet.
    pub const fn new() -> Self {
        Met([const { Cell::new(0) }; MOST])
    }

    /// Whether the key came lately.
    pub fn has(&self, key: &impl Hash) -> bool {
        let hash = hash_of(key);
        self.place(hash).is_some_and(|place| place.get() == hash)
    }

    /// Takes note of a key.
    pub fn add(&self, key: &impl Hash) {
        let hash = hash_of(key);
        if let Some(place) = self.place(hash) {
            place.set(hash);
        }
    }

    fn place(&self, hash: u64) -> Option<&Cell<u64>> {
        self.0.get(usize::try_from(hash % MOST as u64).ok()?)
    }
}

impl<const MOST: usize> Default for Met<MOST> {
    fn default() -> Self {
        Met::new()
    }
}

impl<const MOST: usize> Clone for Met<MOST> {
    fn clone(&self) -> Self {
        Met::new()
    }
}

impl<const MOST: usize> PartialEq for Met<MOST> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<const MOST: usize> Eq for Met<MOST> {}

impl<const MOST: usize> fmt::Debug for Met<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Met")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_came_is_known_until_others_take_its_place() {
        let met = Met::<2>::new();
        assert!(!met.has(&"a"));
        met.add(&"a");
        assert!(met.has(&"a") && !met.has(&"b"));
        assert!(!met.clone().has(&"a"));
        for number in 0..64 {
            met.add(&number.to_string());
        }
        assert!(!met.has(&"a"));
        assert_eq!(format!("{met:?}"), "Met");
    }
}
